from pathlib import Path

import pytest

from evsed.api.identity import Identity
from evsed.api.router import Publication, Router
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind as K
from evsed.gateway.outbox import Outbox
from evsed.gateway.store import Store
from evsed.link.messages import NumberedEvent


class FakeBroker:
    """Keeps what was published in order; complete() is the PUBCOMP of the oldest QoS 2 message."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.open_ids: list[int] = []
        self._next_id = 0

    def publish(self, publication: Publication) -> int:
        self._next_id += 1
        self.names.append(publication.topic.rsplit("/", 1)[-1])
        if publication.qos == 2:
            self.open_ids.append(self._next_id)
        return self._next_id

    def complete(self, outbox: Outbox) -> None:
        outbox.published(self.open_ids.pop(0))


class Rig:
    def __init__(self, path: Path) -> None:
        self.store, self.broker, self.drained_n = Store(path), FakeBroker(), 0
        self.outbox = Outbox(self.store, Router(Identity()), self.broker.publish, self._drained)

    def _drained(self) -> None:
        self.drained_n += 1

    def keep(self, *kinds: K) -> None:
        first_n = self.store.stored_n("boot") + 1
        events = [
            NumberedEvent(n, float(n), SessionEvent(kind, "u1")) for n, kind in enumerate(kinds, first_n)
        ]
        self.store.store("boot", [(e, 1_800_000_000.0 + e.n) for e in events], synchronised=True)


@pytest.fixture
def rig(tmp_path: Path):
    rig = Rig(tmp_path / "evsed.sqlite")
    yield rig
    rig.store.close()


def test_nothing_goes_out_before_the_broker_is_there(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED)
    rig.outbox.pump()
    assert rig.broker.names == []
    rig.outbox.open()
    assert rig.broker.names == ["session_event"]


def test_one_event_at_a_time_and_what_belongs_to_it_only_when_it_is_complete(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED, K.AUTHORIZED)
    rig.outbox.open()
    rig.outbox.pump()
    assert rig.broker.names == ["session_event"]
    rig.broker.complete(rig.outbox)
    assert rig.broker.names == ["session_event", "selected_protocol", "session_info", "session_event"]


def test_ev_info_precedes_a_session(rig: Rig) -> None:
    rig.keep(K.SESSION_STARTED)
    rig.outbox.open()
    assert rig.broker.names == ["ev_info", "session_event"]


def test_it_says_when_everything_is_told(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED)
    rig.outbox.open()
    assert (rig.drained_n, rig.outbox.empty) == (0, False)
    rig.broker.complete(rig.outbox)
    assert (rig.drained_n, rig.outbox.empty) == (1, True)


def test_a_new_broker_does_not_bring_a_second_copy_of_the_event_under_way(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED, K.AUTHORIZED)
    rig.outbox.open()
    rig.outbox.shut()
    rig.outbox.open()
    assert rig.broker.names == ["session_event"]
    rig.broker.complete(rig.outbox)
    assert rig.broker.names.count("session_event") == 2


def test_a_restarted_gateway_goes_on_where_the_broker_had_confirmed(rig: Rig, tmp_path: Path) -> None:
    rig.keep(K.SESSION_STARTED, K.AUTH_REQUIRED, K.AUTHORIZED)
    rig.outbox.open()
    rig.broker.complete(rig.outbox)
    again = Rig(tmp_path / "evsed.sqlite")
    assert again.outbox.projector.info(0.0).state.value == "Preparing"
    again.outbox.open()
    assert [s.event.kind for s in again.store.unpublished()] == [K.AUTH_REQUIRED, K.AUTHORIZED]
    again.store.close()


def test_the_confirmation_of_another_message_changes_nothing(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED)
    rig.outbox.open()
    rig.outbox.published(999)
    assert rig.broker.names == ["session_event"]


def test_session_info_is_never_ahead_of_the_events_that_are_told(rig: Rig) -> None:
    rig.keep(K.SESSION_STARTED)
    rig.outbox.open()
    assert rig.outbox.projector.info(0.0).state.value == "Unknown"
    rig.broker.complete(rig.outbox)
    assert rig.outbox.projector.info(0.0).state.value == "Preparing"


def test_a_full_disk_does_not_hold_up_or_repeat_what_is_told(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED, K.AUTHORIZED, K.PREPARE_CHARGING)
    rig.outbox.open()
    rig.store._db.execute(
        "CREATE TRIGGER full BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    )
    for _ in range(3):
        rig.broker.complete(rig.outbox)
    rig.outbox.pump()
    assert rig.broker.names.count("session_event") == 3
    assert rig.store.unpublished_n() == 3
    rig.store._db.execute("DROP TRIGGER full")
    rig.keep(K.CHARGING_STARTED)
    rig.outbox.pump()
    assert rig.store.unpublished_n() == 1
    assert rig.broker.names.count("session_event") == 4
