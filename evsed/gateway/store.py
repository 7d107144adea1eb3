"""Sessions and events on disk (SQLite). The only file that knows SQL.

Rule 1: an event is acknowledged to control only after store() has returned: it is on the disk then.
Rule 2: which events are still to be published is the store's knowledge, so that it survives a kill.
"""

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from evsed.core.commands import AvailabilityRow, OpenSession, Restore
from evsed.core.events import AvailabilityChanged, SessionEvent
from evsed.core.states import EventKind
from evsed.core.tokens import ProvidedIdToken
from evsed.link.messages import LastingEvent, NumberedEvent

KEEP_EVENTS_N = 10_000
PRUNE_EVERY_N = 100

_SCHEMA = """
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
_AVAILABILITY = "availability"

# fmt: off
# What an event changes in its session's row; an event without a row here changes nothing.
_SESSION_SQL = {
    EventKind.SESSION_STARTED:      "INSERT OR IGNORE INTO session (uuid, started_utc_s) VALUES (:uuid, :at)",
    EventKind.TRANSACTION_STARTED:  "UPDATE session SET transaction_started_utc_s = :at, start_wh = :wh, id_tag = :tag WHERE uuid = :uuid",
    EventKind.TRANSACTION_FINISHED: "UPDATE session SET transaction_ended_utc_s = :at, end_wh = :wh, stop_reason = :reason WHERE uuid = :uuid",
    EventKind.SESSION_FINISHED:     "UPDATE session SET ended_utc_s = :at WHERE uuid = :uuid",
}
# fmt: on


class StoredEvent(msgspec.Struct, frozen=True):
    """A session event as it goes out: where it stands in its boot's numbering, and when it happened."""

    row_id: int
    boot_id: str
    n: int
    at_s: float
    at_utc_s: float
    synchronised: bool
    published: bool
    event: SessionEvent


class Store:
    """Opens or makes the database; one that cannot be read is set aside under another name."""

    def __init__(self, path: Path) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(LastingEvent)
        self.set_aside: Path | None = None
        try:
            self._db = self._open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # cannot be opened at all: another file would not help
            self.set_aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
            path.rename(self.set_aside)
            self._db = self._open(path)

    def close(self) -> None:
        self._db.close()

    def stored_n(self, boot_id: str) -> int:
        """The last event of this control process that is on disk; 0 for none."""
        (n,) = self._db.execute("SELECT max(n) FROM event WHERE boot_id = ?", (boot_id,)).fetchone()
        return n or 0

    def store(self, boot_id: str, events: Iterable[tuple[NumberedEvent, float]], synchronised: bool) -> None:
        """All or none, with their UTC times in seconds; one that is there already stays as it is."""
        self._db.execute("PRAGMA synchronous = FULL")
        with self._db:
            for numbered, at_utc_s in events:
                self._store_one(boot_id, numbered, at_utc_s, synchronised)

    def unpublished(self, limit_n: int = 64) -> list[StoredEvent]:
        """Session events that the broker has not confirmed, oldest first."""
        return self._select("WHERE published = 0 ORDER BY id LIMIT ?", (limit_n,))

    def unpublished_n(self) -> int:
        (count_n,) = self._db.execute("SELECT count(*) FROM event WHERE published = 0").fetchone()
        return int(count_n)

    def published(self, row_id: int) -> None:
        """Losing this mark in a power cut repeats one event, so it need not wait for the disk."""
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._db:
            self._db.execute("UPDATE event SET published = 1 WHERE id = ?", (row_id,))
            if row_id % PRUNE_EVERY_N == 0:
                self._prune()

    def newest_session(self) -> list[StoredEvent]:
        """The events since the newest session began, oldest first; the last few if there has been none."""
        newest = (
            "id >= coalesce((SELECT max(id) FROM event WHERE kind = 'SessionStarted'),"
            " (SELECT max(id) - 8 FROM event))"
        )
        return self._select(f"WHERE {newest} ORDER BY id", ())

    def restore(self) -> Restore:
        """What a freshly started control process must know."""
        row = self._db.execute("SELECT body FROM value WHERE key = ?", (_AVAILABILITY,)).fetchone()
        rows = msgspec.msgpack.decode(row[0], type=tuple[AvailabilityRow, ...]) if row else ()
        return Restore(rows, self._open_session())

    def _prune(self) -> None:
        """Forget the oldest published events beyond KEEP_EVENTS_N."""
        self._db.execute(
            "DELETE FROM event WHERE published = 1 AND id <= (SELECT max(id) FROM event) - ?",
            (KEEP_EVENTS_N,),
        )

    def _open(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            (verdict,) = db.execute("PRAGMA quick_check").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            db.executescript(_SCHEMA)
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _store_one(self, boot_id: str, numbered: NumberedEvent, at_utc_s: float, synchronised: bool) -> None:
        event = numbered.event
        kind = event.kind.value if isinstance(event, SessionEvent) else type(event).__name__
        row = (boot_id, numbered.n, kind, numbered.at_s, at_utc_s, synchronised, self._encoder.encode(event))
        added = self._db.execute(
            "INSERT OR IGNORE INTO event (boot_id, n, kind, at_s, at_utc_s, synchronised, body, published)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, not isinstance(event, SessionEvent)),
        ).rowcount
        if added and isinstance(event, SessionEvent):
            self._note_session(event, at_utc_s)
        elif added and isinstance(event, AvailabilityChanged):
            rows = self._encoder.encode(event.rows)
            self._db.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (_AVAILABILITY, rows))

    def _note_session(self, event: SessionEvent, at_utc_s: float) -> None:
        sql = _SESSION_SQL.get(event.kind)
        if sql is not None:
            values = {
                "uuid": event.uuid,
                "at": at_utc_s,
                "wh": event.meter.energy_import_wh if event.meter else None,
                "reason": event.stop_reason.value if event.stop_reason else None,
                "tag": self._encoder.encode(event.id_tag),
            }
            self._db.execute(sql, values)

    def _open_session(self) -> OpenSession | None:
        row = self._db.execute(
            "SELECT uuid, transaction_started_utc_s IS NOT NULL AND transaction_ended_utc_s IS NULL, id_tag"
            " FROM session WHERE ended_utc_s IS NULL ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        tag = msgspec.msgpack.decode(row[2], type=ProvidedIdToken | None) if row[2] else None
        return OpenSession(row[0], bool(row[1]), tag)

    def _select(self, where: str, values: tuple[object, ...]) -> list[StoredEvent]:
        rows = self._db.execute(
            f"SELECT body, id, boot_id, n, at_s, at_utc_s, synchronised, published FROM event {where}", values
        ).fetchall()
        found = []
        for body, row_id, boot_id, n, at_s, at_utc_s, synchronised, published in rows:
            event = self._decoder.decode(body)
            if isinstance(event, SessionEvent):
                marks = bool(synchronised), bool(published)
                found.append(StoredEvent(row_id, boot_id, n, at_s, at_utc_s, *marks, event))
        return found
