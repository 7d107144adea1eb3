"""Layout of the database, and how one of an older evsed becomes one of this.

Rule: a step of MIGRATIONS is never changed once it has been released; a new layout is a new step. The number
of steps taken stands in the file (PRAGMA user_version).
"""

import sqlite3
from pathlib import Path

CACHE_KIB = 256  # of pages, for each connection: the newest events are what is read again

# fmt: off
_FIRST = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL,
    at_s REAL NOT NULL, at_utc_s REAL NOT NULL, synchronised INTEGER NOT NULL, body BLOB NOT NULL,
    published INTEGER NOT NULL, UNIQUE (boot_id, n));
CREATE INDEX IF NOT EXISTS event_unpublished ON event (id) WHERE published = 0;
CREATE INDEX IF NOT EXISTS event_kind ON event (kind, id);
CREATE TABLE IF NOT EXISTS session (
    uuid TEXT PRIMARY KEY, started_utc_s REAL NOT NULL, transaction_started_utc_s REAL,
    transaction_ended_utc_s REAL, ended_utc_s REAL, start_wh REAL, end_wh REAL,
    stop_reason TEXT, id_tag BLOB);
CREATE TABLE IF NOT EXISTS value (key TEXT PRIMARY KEY, body BLOB NOT NULL);
"""
# Errors that have been told as raised and not yet as cleared.
_ERRORS_AND_REASONS = """
ALTER TABLE session ADD COLUMN start_reason TEXT;
ALTER TABLE session ADD COLUMN reservation_id INTEGER;
CREATE INDEX session_started ON session (started_utc_s);
CREATE TABLE error (
    fault TEXT PRIMARY KEY, boot_id TEXT NOT NULL, n INTEGER NOT NULL,
    at_s REAL NOT NULL, at_utc_s REAL NOT NULL, synchronised INTEGER NOT NULL, body BLOB NOT NULL);
"""
# A row once the meter's record of the transaction has begun; a value is there once the meter has signed it.
_SIGNED = """
CREATE TABLE signed (uuid TEXT PRIMARY KEY, start_value BLOB, end_value BLOB);
"""
MIGRATIONS = (_FIRST, _ERRORS_AND_REASONS, _SIGNED)
# fmt: on


class TooNew(sqlite3.OperationalError):
    """The file has been written by a newer evsed; nothing is changed in it."""


def open_database(path: Path, check: bool) -> sqlite3.Connection:
    """With the newest layout. check: look through the whole file. Raises sqlite3.DatabaseError."""
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if check:
            _check(db)
        _migrate(db, path)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    (taken_n,) = db.execute("PRAGMA user_version").fetchone()
    if taken_n > len(MIGRATIONS):
        raise TooNew(
            f"{path}: layout {taken_n} is of a newer evsed, this one knows {len(MIGRATIONS)}; "
            "install that version again or move the file away"
        )
    for number, step in enumerate(MIGRATIONS[taken_n:], taken_n + 1):
        db.executescript(f"BEGIN;{step}PRAGMA user_version = {number};COMMIT;")
