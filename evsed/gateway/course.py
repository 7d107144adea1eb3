"""How the newest transaction in the store goes: on, paused by a client, or to its end."""

import sqlite3

import msgspec

from evsed.core.events import LastingEvent, SessionEvent
from evsed.core.states import EventKind

# The newest of these counts.
COURSE = (
    EventKind.PREPARE_CHARGING,
    EventKind.CHARGING_STARTED,
    EventKind.CHARGING_PAUSED_EVSE,
    EventKind.STOPPING_CHARGING,
)


def last_course(
    db: sqlite3.Connection, decoder: "msgspec.msgpack.Decoder[LastingEvent]", uuid: str
) -> SessionEvent | None:
    """The newest event of this session that tells it."""
    marks = ", ".join("?" * len(COURSE))
    row = db.execute(
        f"SELECT body FROM event WHERE kind IN ({marks}) ORDER BY id DESC LIMIT 1",
        [kind.value for kind in COURSE],
    ).fetchone()
    event = decoder.decode(row[0]) if row else None
    return event if isinstance(event, SessionEvent) and event.uuid == uuid else None
