"""Sessions and events on disk (SQLite). With store_schema the only file that knows SQL.

Rule 1: an event is acknowledged to control only after store() has returned: it is on the disk then.
Rule 2: which events are still to be published is the store's knowledge, so that it survives a kill.
Rule 3: one Store writes (on store_thread); others of the same file only read, and see what has been committed.
"""

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evsed.core.commands import AvailabilityRow, Reservation, Restore, SetSessionLimits
from evsed.core.events import (
    AvailabilityChanged,
    FaultCleared,
    FaultRaised,
    LastingEvent,
    ReservationChanged,
    SessionEvent,
    SessionLimitsChanged,
)
from evsed.core.states import EventKind, StartReason, StopReason
from evsed.core.tokens import ProvidedIdToken
from evsed.gateway.course import course_of, open_session, tag_of
from evsed.gateway.store_schema import open_database
from evsed.link.messages import NumberedEvent
from hal.types import SignedValue

KEEP_EVENTS_N = 10_000
PRUNE_EVERY_N = 100

_AVAILABILITY, _RESERVATION, _SESSION_LIMITS = "availability", "reservation", "session_limits"
# What is kept until it changes, and the field that holds it; no client hears of these.
_KEPT = {
    AvailabilityChanged: (_AVAILABILITY, "rows"),
    ReservationChanged: (_RESERVATION, "reservation"),
    SessionLimitsChanged: (_SESSION_LIMITS, "limits"),
}

# fmt: off
# What an event changes in its session's row; an event without a row here changes nothing.
_SESSION_SQL = {
    EventKind.SESSION_STARTED:      "INSERT OR IGNORE INTO session (uuid, started_utc_s, start_reason, reservation_id) VALUES (:uuid, :at, :start_reason, :reservation)",
    EventKind.TRANSACTION_STARTED:  "UPDATE session SET transaction_started_utc_s = :at, start_wh = :wh, id_tag = :tag, reservation_id = coalesce(:reservation, reservation_id) WHERE uuid = :uuid",
    EventKind.TRANSACTION_FINISHED: "UPDATE session SET transaction_ended_utc_s = :at, end_wh = :wh, stop_reason = :reason WHERE uuid = :uuid",
    EventKind.SESSION_FINISHED:     "UPDATE session SET ended_utc_s = :at WHERE uuid = :uuid",
}
# fmt: on


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it goes out: where it stands in its boot's numbering, and when it happened."""

    row_id: int
    boot_id: str
    n: int
    at_s: float
    at_utc_s: float
    synchronised: bool
    published: bool
    event: LastingEvent


class SignedTransaction(msgspec.Struct, frozen=True):
    """A transaction whose record a signed meter has begun, and what it has signed of it so far."""

    uuid: str
    start: SignedValue | None = None
    end: SignedValue | None = None


class StoredSession(msgspec.Struct, frozen=True):
    """A session as far as it has come. start_wh, end_wh: the meter at the transaction's two ends."""

    uuid: str
    started_utc_s: float
    start_reason: StartReason | None
    transaction_started_utc_s: float | None
    transaction_ended_utc_s: float | None
    ended_utc_s: float | None
    start_wh: float | None
    end_wh: float | None
    stop_reason: StopReason | None
    id_tag: ProvidedIdToken | None
    reservation_id: int | None
    start_signed: SignedValue | None = None
    signed: SignedValue | None = None


class Store:
    """Opens or makes the database; one that cannot be read is set aside under another name."""

    def __init__(self, path: Path, check: bool = True) -> None:
        """check: look through the whole file, which takes its time. Raises sqlite3.Error."""
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(LastingEvent)
        self.path = path
        self.set_aside: Path | None = None
        try:
            self._db = open_database(path, check)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # cannot be opened at all: another file would not help
            self.set_aside = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
            path.rename(self.set_aside)
            self._db = open_database(path, check)

    def close(self) -> None:
        self._db.close()

    def open_again(self) -> None:
        """After close(). Raises sqlite3.Error."""
        self._db = open_database(self.path, check=False)

    def stored_n(self, boot_id: str) -> int:
        """The last event of this control process that is on disk; 0 for none."""
        (n,) = self._db.execute("SELECT max(n) FROM event WHERE boot_id = ?", (boot_id,)).fetchone()
        return n or 0

    def store(
        self,
        boot_id: str,
        events: Iterable[tuple[NumberedEvent, float]],
        synchronised: bool,
        signed: Iterable[SignedTransaction] = (),
    ) -> None:
        """All or none, with their UTC times in seconds; one that is there already stays as it is."""
        self._db.execute("PRAGMA synchronous = FULL")
        with self._db:
            for numbered, at_utc_s in events:
                self._store_one(boot_id, numbered, at_utc_s, synchronised)
            for row in signed:
                self._keep_signed(row)

    def unpublished(self, after_row_id: int = 0, limit_n: int = 64) -> list[StoredEvent]:
        """Events that the broker has not confirmed, oldest first."""
        return self._select("WHERE published = 0 AND id > ? ORDER BY id LIMIT ?", (after_row_id, limit_n))

    def unpublished_n(self, after_row_id: int = 0) -> int:
        sql = "SELECT count(*) FROM event WHERE published = 0 AND id > ?"
        (count_n,) = self._db.execute(sql, (after_row_id,)).fetchone()
        return int(count_n)

    def published(self, events: Iterable[StoredEvent]) -> None:
        """Losing these marks in a power cut repeats some events, so they need not wait for the disk."""
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._db:
            for stored in events:
                self._db.execute("UPDATE event SET published = 1 WHERE id = ?", (stored.row_id,))
                self._note_told(stored)
                if stored.row_id % PRUNE_EVERY_N == 0:
                    self._prune()

    def newest_session(self) -> list[StoredEvent]:
        """Session events since the newest session began, oldest first; the last few if there has been none."""
        newest = (
            "id >= coalesce((SELECT max(id) FROM event WHERE kind = 'SessionStarted'),"
            " (SELECT max(id) - 8 FROM event))"
        )
        found = self._select(f"WHERE {newest} ORDER BY id", ())
        return [stored for stored in found if isinstance(stored.event, SessionEvent)]

    def active_errors(self) -> list[StoredEvent]:
        """The raise of every error that has been told as raised and not as cleared, oldest first."""
        columns = "body, 0, boot_id, n, at_s, at_utc_s, synchronised, 1"
        return self._stored(self._db.execute(f"SELECT {columns} FROM error ORDER BY at_utc_s, n"))

    def sessions(self, since_utc_s: float, limit_n: int) -> list[StoredSession]:
        """Those that began then or later, the newest first."""
        rows = self._db.execute(
            "SELECT session.uuid, started_utc_s, start_reason, transaction_started_utc_s, transaction_ended_utc_s,"
            " ended_utc_s, start_wh, end_wh, stop_reason, id_tag, reservation_id,"
            " start_value, end_value FROM session LEFT JOIN signed ON signed.uuid = session.uuid"
            " WHERE started_utc_s >= ? ORDER BY session.rowid DESC LIMIT ?",
            (since_utc_s, limit_n),
        )
        return [_session_of(row) for row in rows]

    def course(self, uuid: str) -> list[tuple[float, LastingEvent]]:
        """Faults of a session and how it ended, oldest first, each with its UTC time in seconds."""
        return course_of(self._db, self._decoder, uuid)

    def restore(self, now_utc_s: float = 0.0) -> Restore:
        """What a freshly started control process must know. The reservation's expires_at_s is not valid."""
        rows = self._value(_AVAILABILITY, tuple[AvailabilityRow, ...])
        reservation = self._value(_RESERVATION, Reservation | None)
        limits = self._value(_SESSION_LIMITS, SetSessionLimits | None)
        return Restore(rows or (), open_session(self._db, self._decoder, now_utc_s), reservation, limits)

    def signed_transaction(self, uuid: str) -> SignedTransaction | None:
        sql = "SELECT uuid, start_value, end_value FROM signed WHERE uuid = ?"
        row = self._db.execute(sql, (uuid,)).fetchone()
        return None if row is None else SignedTransaction(row[0], _signed_of(row[1]), _signed_of(row[2]))

    def newest_signed(self) -> SignedValue | None:
        """What a meter has signed last."""
        row = self._db.execute(
            "SELECT coalesce(end_value, start_value) AS newest FROM signed WHERE newest IS NOT NULL"
            " ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return None if row is None else _signed_of(row[0])

    def _keep_signed(self, row: SignedTransaction) -> None:
        values = [None if value is None else self._encoder.encode(value) for value in (row.start, row.end)]
        self._db.execute(
            "INSERT INTO signed VALUES (?, ?, ?) ON CONFLICT (uuid) DO UPDATE"
            " SET start_value = excluded.start_value, end_value = excluded.end_value",
            (row.uuid, *values),
        )

    def _value(self, key: str, kind: Any) -> Any:
        row = self._db.execute("SELECT body FROM value WHERE key = ?", (key,)).fetchone()
        return msgspec.msgpack.decode(row[0], type=kind) if row else None

    def _keep(self, key: str, value: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (key, self._encoder.encode(value)))

    def _prune(self) -> None:
        """Forget the oldest published events beyond KEEP_EVENTS_N."""
        self._db.execute(
            "DELETE FROM event WHERE published = 1 AND id <= (SELECT max(id) FROM event) - ?",
            (KEEP_EVENTS_N,),
        )

    def _store_one(self, boot_id: str, numbered: NumberedEvent, at_utc_s: float, synchronised: bool) -> None:
        event = numbered.event
        kind = event.kind.value if isinstance(event, SessionEvent) else type(event).__name__
        row = (boot_id, numbered.n, kind, numbered.at_s, at_utc_s, synchronised, self._encoder.encode(event))
        added = self._db.execute(
            "INSERT OR IGNORE INTO event (boot_id, n, kind, at_s, at_utc_s, synchronised, body, published)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, type(event) in _KEPT),
        ).rowcount
        if not added:
            return
        if isinstance(event, SessionEvent):
            self._note_session(event, at_utc_s)
        elif type(event) in _KEPT:
            key, field = _KEPT[type(event)]
            self._keep(key, getattr(event, field))

    def _note_session(self, event: SessionEvent, at_utc_s: float) -> None:
        sql = _SESSION_SQL.get(event.kind)
        if sql is not None:
            values = {
                "uuid": event.uuid,
                "at": at_utc_s,
                "wh": event.meter.energy_import_wh if event.meter else None,
                "reason": event.stop_reason.value if event.stop_reason else None,
                "start_reason": event.start_reason.value if event.start_reason else None,
                "reservation": event.reservation.reservation_id if event.reservation else None,
                "tag": self._encoder.encode(event.id_tag),
            }
            self._db.execute(sql, values)

    def _note_told(self, stored: StoredEvent) -> None:
        """Whatever an older run of control had raised was told as cleared before the first event of this one."""
        self._db.execute("DELETE FROM error WHERE boot_id != ?", (stored.boot_id,))
        event = stored.event
        if isinstance(event, FaultRaised):
            row = (event.fault, stored.boot_id, stored.n, stored.at_s, stored.at_utc_s, stored.synchronised)
            sql = "INSERT OR REPLACE INTO error VALUES (?, ?, ?, ?, ?, ?, ?)"
            self._db.execute(sql, (*row, self._encoder.encode(event)))
        elif isinstance(event, FaultCleared):
            self._db.execute("DELETE FROM error WHERE fault = ?", (event.fault,))

    def _select(self, where: str, values: tuple[object, ...]) -> list[StoredEvent]:
        columns = "body, id, boot_id, n, at_s, at_utc_s, synchronised, published"
        return self._stored(self._db.execute(f"SELECT {columns} FROM event {where}", values))

    def _stored(self, rows: sqlite3.Cursor) -> list[StoredEvent]:
        found = []
        for body, row_id, boot_id, n, at_s, at_utc_s, synchronised, published in rows:
            event, marks = self._decoder.decode(body), (bool(synchronised), bool(published))
            found.append(StoredEvent(row_id, boot_id, n, at_s, at_utc_s, *marks, event))
        return found


def _session_of(row: tuple[object, ...]) -> StoredSession:
    """Its columns are the fields of StoredSession, in their order."""
    named = dict(zip(StoredSession.__struct_fields__, row, strict=True))
    named["id_tag"] = tag_of(named["id_tag"])
    named["start_signed"], named["signed"] = _signed_of(named["start_signed"]), _signed_of(named["signed"])
    return msgspec.convert(named, StoredSession)


def _signed_of(body: object) -> SignedValue | None:
    return msgspec.msgpack.decode(body, type=SignedValue) if isinstance(body, bytes) else None
