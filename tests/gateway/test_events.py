"""Events of control into the store and to whoever looks on."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.gateway.events import Events
from evsed.gateway.store import SignedTransaction, Store
from evsed.gateway.store_thread import Done
from evsed.link.messages import NumberedEvent


def numbered(*kinds: K) -> list[NumberedEvent]:
    return [NumberedEvent(n, float(n), SessionEvent(kind, "u1")) for n, kind in enumerate(kinds, 1)]


class Thread:
    """The store's thread without a thread; full stands for a disk that takes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False

    def store(
        self,
        boot_id: str,
        events: Sequence[tuple[NumberedEvent, float]],
        synchronised: bool,
        done: Done,
        signed: Sequence[SignedTransaction] = (),
    ) -> None:
        if self.full:
            done(sqlite3.OperationalError("disk is full"))
            return
        self._store.store(boot_id, events, synchronised, signed)
        done(None)


class Rig:
    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.thread = Thread(self.store)
        self.retries_n = 0
        self.lines: list[str] = []
        self.heard: list[tuple[int, K]] = []
        self.done: list[bool] = []
        self.events = Events(self.store, self.thread, self._retry, lambda p, text, f: self.lines.append(text))
        self.events.watchers.append(self)

    def _retry(self) -> None:
        self.retries_n += 1

    def status_changed(self) -> None:
        pass

    def event_happened(self, n: int, event: SessionEvent, at_utc_s: float) -> None:
        self.heard.append((n, event.kind))

    def keep(self, events: list[NumberedEvent], boot_id: str = "boot") -> None:
        self.events.store(boot_id, events, self.done.append)


@pytest.fixture
def rig(tmp_path: Path):
    rig = Rig(tmp_path / "evsed.sqlite")
    yield rig
    rig.store.close()


def test_what_is_stored_is_shown(rig: Rig) -> None:
    rig.keep(numbered(K.SESSION_STARTED, K.AUTH_REQUIRED))
    assert rig.done == [True]
    assert rig.heard == [(1, K.SESSION_STARTED), (2, K.AUTH_REQUIRED)]
    assert rig.events.live.info(0.0).state.value == "AuthRequired"


def test_what_comes_twice_is_shown_once(rig: Rig) -> None:
    events = numbered(K.SESSION_STARTED, K.AUTH_REQUIRED)
    rig.keep(events[:1])
    rig.keep(events)
    rig.keep(events[:1], boot_id="next")
    assert rig.heard == [(1, K.SESSION_STARTED), (2, K.AUTH_REQUIRED), (1, K.SESSION_STARTED)]


def test_what_the_disk_does_not_take_is_not_shown_and_tried_again(rig: Rig) -> None:
    rig.thread.full = True
    rig.keep(numbered(K.SESSION_STARTED))
    assert (rig.done, rig.heard, rig.retries_n) == ([False], [], 1)
    assert "disk is full" in rig.lines[0]


def test_a_restarted_gateway_knows_how_the_session_stands(rig: Rig, tmp_path: Path) -> None:
    rig.keep(numbered(K.SESSION_STARTED, K.AUTH_REQUIRED))
    again = Rig(tmp_path / "evsed.sqlite")
    assert again.events.live.info(0.0).state.value == "AuthRequired"
    again.store.close()
