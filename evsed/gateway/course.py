"""The session that the store holds without its end: its transaction goes on, is paused or being stopped."""

import sqlite3

import msgspec

from evsed.core.commands import OpenSession
from evsed.core.events import FaultCleared, FaultRaised, LastingEvent, SessionEvent
from evsed.core.states import EventKind, PauseReason
from evsed.core.tokens import ProvidedIdToken

Decoder = msgspec.msgpack.Decoder

# The newest of these counts.
COURSE = (
    EventKind.PREPARE_CHARGING,
    EventKind.CHARGING_STARTED,
    EventKind.CHARGING_PAUSED_EVSE,
    EventKind.STOPPING_CHARGING,
)


# What tells why a session went as it did.
_TELLING = (
    FaultRaised.__name__,
    FaultCleared.__name__,
    EventKind.CHARGING_PAUSED_EVSE.value,
    EventKind.STOPPING_CHARGING.value,
    EventKind.TRANSACTION_FINISHED.value,
    EventKind.SESSION_FINISHED.value,
)
_LOOKED_THROUGH_N = 2000  # of the newest: some milliseconds


def course_of(
    db: sqlite3.Connection, decoder: "Decoder[LastingEvent]", uuid: str
) -> list[tuple[float, LastingEvent]]:
    """What tells why this session went as it did, oldest first, each with its UTC time in seconds."""
    marks = ", ".join("?" * len(_TELLING))
    rows = db.execute(
        f"SELECT at_utc_s, body FROM event WHERE kind IN ({marks}) ORDER BY id DESC LIMIT ?",
        (*_TELLING, _LOOKED_THROUGH_N),
    )
    told = [(at_utc_s, decoder.decode(body)) for at_utc_s, body in rows]
    return [(at_utc_s, event) for at_utc_s, event in reversed(told) if getattr(event, "uuid", "") == uuid]


def open_session(
    db: sqlite3.Connection, decoder: "Decoder[LastingEvent]", now_utc_s: float
) -> OpenSession | None:
    """now_utc_s counts unless it lies before the newest event: then the wall clock is wrong."""
    row = db.execute(
        "SELECT uuid, transaction_started_utc_s IS NOT NULL AND transaction_ended_utc_s IS NULL, id_tag,"
        " start_wh, max(?, (SELECT at_utc_s FROM event ORDER BY id DESC LIMIT 1)) - transaction_started_utc_s"
        " FROM session WHERE ended_utc_s IS NULL ORDER BY rowid DESC LIMIT 1",
        (now_utc_s,),
    ).fetchone()
    if row is None:
        return None
    last = _last_course(db, decoder, row[0])
    paused = last is not None and PauseReason.USER_PAUSE in last.pause_reasons
    stopping = last is not None and last.kind is EventKind.STOPPING_CHARGING
    used_s = max(0.0, row[4]) if row[1] else 0.0
    return OpenSession(row[0], bool(row[1]), tag_of(row[2]), row[3], paused, stopping, used_s)


def tag_of(body: object) -> ProvidedIdToken | None:
    return msgspec.msgpack.decode(body, type=ProvidedIdToken | None) if isinstance(body, bytes) else None


def _last_course(db: sqlite3.Connection, decoder: "Decoder[LastingEvent]", uuid: str) -> SessionEvent | None:
    """The newest event of this session that tells it."""
    marks = ", ".join("?" * len(COURSE))
    row = db.execute(
        f"SELECT body FROM event WHERE kind IN ({marks}) ORDER BY id DESC LIMIT 1",
        [kind.value for kind in COURSE],
    ).fetchone()
    event = decoder.decode(row[0]) if row else None
    return event if isinstance(event, SessionEvent) and event.uuid == uuid else None
