"""Session events from the store to the broker, one at a time, each until its PUBCOMP.

Rule: what belongs to an event goes out only after the event is complete: a broker keeps a QoS 2 message back
until PUBREL, so a QoS 0 message sent behind it would overtake it.
"""

import sqlite3
from collections import deque
from collections.abc import Callable

from evsed.api.router import EventPublications, Publication, Router
from evsed.api.session_event import Stamp
from evsed.api.session_info import SessionInfoProjector
from evsed.gateway.store import Store, StoredEvent

Publish = Callable[[Publication], int]


class Outbox:
    """in_flight: the event that the broker has not confirmed. drained is called when nothing is left.

    projector knows of the events that are through: what is told in between is never ahead of them.
    """

    def __init__(self, store: Store, router: Router, publish: Publish, drained: Callable[[], None]) -> None:
        self._store, self._router, self._publish, self._drained = store, router, publish, drained
        self._waiting: deque[StoredEvent] = deque()
        self._unmarked: deque[int] = deque()  # published, but the disk has not taken that yet
        self._message_id: int | None = None
        self._in_flight: StoredEvent | None = None
        self._open = False
        self.projector = SessionInfoProjector()
        for stored in store.newest_session():
            if stored.published:
                self.projector.on_event(stored.event, stored.at_utc_s)

    @property
    def empty(self) -> bool:
        return self._in_flight is None and not self._waiting and not self._store.unpublished_n()

    def open(self) -> None:
        """The broker is there. What was under way when it went is sent again by the connection itself."""
        self._open = True
        self.pump()

    def shut(self) -> None:
        self._open = False

    def pump(self) -> None:
        """Send the next event if none is under way."""
        if not self._open or self._in_flight is not None:
            return
        if not self._waiting:
            self._mark()
            self._waiting.extend(s for s in self._store.unpublished() if s.row_id not in self._unmarked)
        if self._waiting:
            self._send(self._waiting.popleft())
        else:
            self._drained()

    def published(self, message_id: int) -> None:
        """PUBCOMP has come."""
        if self._in_flight is None or message_id != self._message_id:
            return
        done, self._in_flight = self._in_flight, None
        self._unmarked.append(done.row_id)
        self._mark()
        self.projector.on_event(done.event, done.at_utc_s)
        for publication in self._publications(done).after:
            self._publish(publication)
        self.pump()

    def _mark(self) -> None:
        """A full disk keeps the marks for later: it must not hold up what is to be told."""
        try:
            while self._unmarked:
                self._store.published(self._unmarked[0])
                self._unmarked.popleft()
        except sqlite3.Error:
            return

    def _send(self, stored: StoredEvent) -> None:
        parts = self._publications(stored)
        for publication in parts.before:
            self._publish(publication)
        self._in_flight = stored
        self._message_id = self._publish(parts.event)

    def _publications(self, stored: StoredEvent) -> EventPublications:
        """With what session_info is by now: what comes after the event must be made after it."""
        stamp = Stamp(stored.at_s, stored.at_utc_s, stored.boot_id, stored.n, stored.synchronised)
        info = self.projector.info(stored.at_utc_s)
        return self._router.publications_of(stored.event, stamp, info)
