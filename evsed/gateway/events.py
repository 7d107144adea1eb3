"""Events of control on their way into the store, and for whoever looks on at the local socket."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from evsed.api.session_info import SessionInfoProjector
from evsed.clock import utc_of, utc_synchronised
from evsed.core.events import SessionEvent
from evsed.gateway.store import SignedTransaction, Store
from evsed.gateway.store_thread import Done
from evsed.link.messages import NumberedEvent
from evsed.service import ERROR, JournalLine


class EventWatcher(Protocol):
    """Somebody at the local socket who looks on."""

    def status_changed(self) -> None: ...

    def event_happened(self, n: int, event: SessionEvent, at_utc_s: float) -> None: ...


class EventStore(Protocol):
    """StoreThread, as far as it is needed here."""

    def store(
        self,
        boot_id: str,
        events: Sequence[tuple[NumberedEvent, float]],
        synchronised: bool,
        done: Done,
        signed: Sequence[SignedTransaction] = (),
    ) -> None: ...


class Events:
    """live: session_info as things are, even while the broker is away and has not been told.

    retry is called when the disk would not take something, which control keeps.
    """

    def __init__(
        self, store: Store, thread: EventStore, retry: Callable[[], None], journal: JournalLine
    ) -> None:
        self._thread, self._retry, self._journal = thread, retry, journal
        self._newest = ("", 0)  # boot_id and number: a connection that breaks brings some events twice
        self.watchers: list[EventWatcher] = []
        self.live = SessionInfoProjector()
        for stored in store.newest_session():
            assert isinstance(stored.event, SessionEvent)
            self.live.on_event(stored.event, stored.at_utc_s)

    def store(
        self,
        boot_id: str,
        events: list[NumberedEvent],
        done: Callable[[bool], None],
        signed: tuple[SignedTransaction, ...] = (),
    ) -> None:
        """signed: what a signed meter has to do with them, to be stored in the same commit."""
        stamped = [(numbered, utc_of(numbered.at_s)) for numbered in events]

        def stored(error: sqlite3.Error | None) -> None:
            if error is None:
                self._show(boot_id, stamped)
            else:
                self._journal(ERROR, f"store: {error}; the events stay with control, trying again", {})
                self._retry()
            done(error is None)

        self._thread.store(boot_id, stamped, utc_synchronised(), stored, signed)

    def _show(self, boot_id: str, stamped: list[tuple[NumberedEvent, float]]) -> None:
        for numbered, at_utc_s in stamped:
            if self._newest[0] == boot_id and numbered.n <= self._newest[1]:
                continue
            self._newest = (boot_id, numbered.n)
            if isinstance(numbered.event, SessionEvent):
                self.live.on_event(numbered.event, at_utc_s)
                for watcher in self.watchers:
                    watcher.event_happened(numbered.n, numbered.event, at_utc_s)
