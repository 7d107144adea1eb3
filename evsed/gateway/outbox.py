"""Lasting events from the store to the broker, one at a time, each until its PUBCOMP.

Rule 1: what belongs to an event goes out only after the event is complete: a broker keeps a QoS 2 message
back until PUBREL, so a QoS 0 message sent behind it would overtake it.
Rule 2: the errors of an older run of control are told as cleared before the first event of the next one.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from evsed.api.errors import ActiveErrors
from evsed.api.router import EventContext, EventPublications, Publication, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.api.stamp import Stamp
from evsed.core.events import FaultCleared, FaultRaised, LastingEvent, SessionEvent
from evsed.core.states import EventKind
from evsed.gateway.store import Store, StoredEvent
from hal.types import SignedValue

Publish = Callable[[Publication], int]
_SIGNED = frozenset((EventKind.TRANSACTION_STARTED, EventKind.TRANSACTION_FINISHED))


class Marks(Protocol):
    """Where it is noted what has been published."""

    def published(
        self, events: Sequence[StoredEvent], done: Callable[[sqlite3.Error | None], None]
    ) -> None: ...


class OutboxListener(Protocol):
    def next_event(self, stored: StoredEvent) -> None:
        """About to go out; what is published in here goes before it."""
        ...

    def event_told(self, stored: StoredEvent) -> None:
        """It and what belongs to it have gone out."""
        ...

    def drained(self) -> None:
        """Nothing is left to be told."""
        ...


class Outbox:
    """in_flight: the event that the broker has not confirmed.

    projector and errors know of the events that are through: what is told in between is never ahead of them.
    """

    def __init__(
        self,
        store: Store,
        marks: Marks,
        router: Router,
        errors: ActiveErrors,
        publish: Publish,
        listener: OutboxListener,
    ) -> None:
        self._store, self._marks, self._router = store, marks, router
        self._publish, self._listener = publish, listener
        self._waiting: deque[StoredEvent] = deque()
        self._sent_id = 0  # of the last event that has gone out in this process
        self._unmarked: list[StoredEvent] = []  # published, but the disk has not taken that yet
        self._marking_n = 0
        self._message_id: int | None = None
        self._in_flight: StoredEvent | None = None
        self._open = False
        self.errors = errors
        self.projector = SessionInfoProjector()
        self._fold_published()

    @property
    def empty(self) -> bool:
        return self._in_flight is None and not self._waiting and not self._store.unpublished_n(self._sent_id)

    def open(self) -> None:
        """The broker is there. What was under way when it went is sent again by the connection itself."""
        self._open = True
        self.pump()

    def shut(self) -> None:
        self._open = False

    def pump(self) -> None:
        """Send the next event if none is under way."""
        while self._open and self._in_flight is None:
            if not self._waiting:
                self._mark()
                self._waiting.extend(self._store.unpublished(self._sent_id))
            if not self._waiting:
                self._listener.drained()
                return
            self._send(self._waiting.popleft())

    def published(self, message_id: int) -> None:
        """PUBCOMP has come."""
        if self._in_flight is not None and message_id == self._message_id:
            done, self._in_flight = self._in_flight, None
            self._complete(done)
            self.pump()

    def _fold_published(self) -> None:
        for stored in self._store.active_errors():
            self._fold(stored)
        for stored in self._store.newest_session():
            if stored.published:
                self._fold(stored)

    def _fold(self, stored: StoredEvent) -> None:
        event = stored.event
        if isinstance(event, SessionEvent):
            self.projector.on_event(event, stored.at_utc_s)
        elif isinstance(event, FaultRaised | FaultCleared):
            self.errors.on_event(event, _stamp(stored))

    def _send(self, stored: StoredEvent) -> None:
        self._sent_id = stored.row_id
        self._clear_by_reboot(stored.boot_id)
        self._listener.next_event(stored)
        parts = self._publications(stored)
        for publication in parts.before:
            self._publish(publication)
        if parts.event is None:
            self._complete(stored)
        else:
            self._in_flight = stored
            self._message_id = self._publish(parts.event)

    def _complete(self, stored: StoredEvent) -> None:
        self._unmarked.append(stored)
        self._mark()
        self._fold(stored)
        for publication in self._publications(stored).after:
            self._publish(publication)
        self._listener.event_told(stored)

    def _clear_by_reboot(self, boot_id: str) -> None:
        cleared = self.errors.reboot(boot_id)
        for error in cleared:
            self._tell("error_cleared", error)
        if cleared:
            self._tell("active_errors", self.errors.active())

    def _mark(self) -> None:
        """A full disk keeps the marks for later: it must not hold up what is to be told."""
        if self._unmarked and not self._marking_n:
            self._marking_n = len(self._unmarked)
            self._marks.published(tuple(self._unmarked), self._marked)

    def _marked(self, error: sqlite3.Error | None) -> None:
        marked_n, self._marking_n = self._marking_n, 0
        if error is None:
            del self._unmarked[:marked_n]
            self._mark()

    def _publications(self, stored: StoredEvent) -> EventPublications:
        """With what session_info is by now: what comes after the event must be made after it."""
        context = EventContext(self.projector.info(stored.at_utc_s), self.errors, *self._signed(stored.event))
        return self._router.publications_of(stored.event, _stamp(stored), context)

    def _signed(self, event: LastingEvent) -> tuple[SignedValue | None, SignedValue | None]:
        """What a meter has signed at the start and at the end of the event's transaction."""
        if not isinstance(event, SessionEvent) or event.kind not in _SIGNED:
            return None, None
        found = self._store.signed_transaction(event.uuid)
        return (None, None) if found is None else (found.start, found.end)

    def _tell(self, name: str, value: object) -> None:
        for publication in self._router.publications(name, value):
            self._publish(publication)


def _stamp(stored: StoredEvent) -> Stamp:
    return Stamp(stored.at_s, stored.at_utc_s, stored.boot_id, stored.n, stored.synchronised)
