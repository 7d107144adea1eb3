import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity
from evsed.api.older import OLDER
from evsed.api.router import Publication, Router
from evsed.core.commands import Reservation
from evsed.core.events import FaultCleared, FaultRaised, LastingEvent, ReservationMismatch, SessionEvent
from evsed.core.states import EventKind as K
from evsed.gateway.outbox import Outbox
from evsed.gateway.store import SignedTransaction, Store, StoredEvent
from evsed.gateway.store_thread import Done
from evsed.link.messages import NumberedEvent
from hal.types import SignedValue


class FakeBroker:
    """Keeps what was published in order; complete() is the PUBCOMP of the oldest event or error."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.bodies: list[bytes] = []
        self.open_ids: list[int] = []
        self._next_id = 0

    def publish(self, publication: Publication) -> int:
        self._next_id += 1
        self.names.append(publication.topic.rsplit("/", 1)[-1])
        self.bodies.append(publication.payload)
        if publication.qos == 2 and self.names[-1] != "session_events":
            self.open_ids.append(self._next_id)
        return self._next_id

    def complete(self, outbox: Outbox) -> None:
        outbox.published(self.open_ids.pop(0))


class InlineMarks:
    """The store's thread without a thread: what is asked is done at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def published(self, events: Sequence[StoredEvent], done: Done) -> None:
        try:
            self._store.published(events)
        except sqlite3.Error as error:
            done(error)
        else:
            done(None)


class Rig:
    """Its names are what the broker heard and, in brackets, what the listener did."""

    def __init__(self, path: Path) -> None:
        self.store, self.broker, self.drained_n = Store(path), FakeBroker(), 0
        self.outbox = Outbox(
            self.store,
            InlineMarks(self.store),
            Router(Identity(), older=OLDER),
            ActiveErrors(),
            self.broker.publish,
            self,
        )
        self.heard: list[str] = []

    def next_event(self, stored: StoredEvent) -> None:
        self.heard.append(f"next {stored.n} after {len(self.broker.names)}")

    def event_told(self, stored: StoredEvent) -> None:
        self.heard.append(f"told {stored.n} after {len(self.broker.names)}")

    def drained(self) -> None:
        self.drained_n += 1

    def keep(self, *kinds: K) -> None:
        self.keep_events(*(SessionEvent(kind, "u1") for kind in kinds))

    def keep_events(self, *events: LastingEvent, boot_id: str = "boot") -> None:
        first_n = self.store.stored_n(boot_id) + 1
        numbered = [NumberedEvent(n, float(n), event) for n, event in enumerate(events, first_n)]
        self.store.store(boot_id, [(e, 1_800_000_000.0 + e.n) for e in numbered], synchronised=True)

    def complete_all(self) -> None:
        while self.broker.open_ids:
            self.broker.complete(self.outbox)

    def told(self, name: str) -> list[dict]:
        pairs = zip(self.broker.names, self.broker.bodies, strict=True)
        return [msgspec.json.decode(body) for told, body in pairs if told == name]


RAISED = FaultRaised("rcd", "ac_rcd/MREC2GroundFailure", "High", "tripped")
CLEARED = FaultCleared("rcd", "ac_rcd/MREC2GroundFailure")


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
    assert [name for name in rig.broker.names if name != "session_events"] == [
        "session_event",
        "selected_protocol",
        "session_info",
        "session_event",
    ]


def test_both_ends_of_a_transaction_carry_what_the_meter_has_signed(rig: Rig) -> None:
    row = SignedTransaction("u1", SignedValue("OCMF|begin"), SignedValue("OCMF|end"))
    rig.store.store("boot", [], synchronised=True, signed=[row])
    rig.keep(K.TRANSACTION_STARTED, K.CHARGING_STARTED, K.TRANSACTION_FINISHED)
    rig.outbox.open()
    rig.complete_all()
    begin, between, end = rig.told("session_event")
    assert begin["transaction_started"]["signed_meter_value"]["signed_meter_data"] == "OCMF|begin"
    assert "signed_meter_value" not in str(between)
    details = end["transaction_finished"]
    assert details["start_signed_meter_value"]["signed_meter_data"] == "OCMF|begin"
    assert details["signed_meter_value"]["signed_meter_data"] == "OCMF|end"


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


def test_a_fault_is_told_when_raised_and_when_cleared_as_one_error(rig: Rig) -> None:
    rig.keep_events(RAISED, CLEARED)
    rig.outbox.open()
    rig.complete_all()
    names = [name for name in rig.broker.names if name != "session_events"]
    assert names == ["error_raised", "active_errors", "error_cleared", "active_errors"]
    (raised,), (cleared,) = rig.told("error_raised"), rig.told("error_cleared")
    assert (raised["uuid"], raised["timestamp"]) == (cleared["uuid"], cleared["timestamp"])
    assert (raised["state"], cleared["state"]) == ("Active", "ClearedByModule")
    assert [len(errors) for errors in rig.told("active_errors")] == [1, 0]


def test_an_error_keeps_its_uuid_over_a_restart_of_the_gateway(rig: Rig, tmp_path: Path) -> None:
    rig.keep_events(RAISED)
    rig.outbox.open()
    rig.complete_all()
    rig.keep_events(CLEARED)
    again = Rig(tmp_path / "evsed.sqlite")
    assert len(again.outbox.errors.active()) == 1
    again.outbox.open()
    again.complete_all()
    assert again.told("error_cleared")[0]["uuid"] == rig.told("error_raised")[0]["uuid"]
    again.store.close()


def test_errors_of_a_control_that_was_restarted_are_cleared_before_the_first_event_of_the_next(
    rig: Rig, tmp_path: Path
) -> None:
    rig.keep_events(RAISED)
    rig.outbox.open()
    rig.complete_all()
    rig.broker.names.clear()
    rig.broker.bodies.clear()
    rig.keep_events(SessionEvent(K.ENABLED), boot_id="next")
    rig.outbox.pump()
    assert rig.broker.names == ["error_cleared", "active_errors", "session_event"]
    assert rig.told("error_cleared")[0]["state"] == "ClearedByReboot"
    rig.complete_all()
    again = Rig(tmp_path / "evsed.sqlite")
    assert again.outbox.errors.active() == ()
    again.store.close()


def test_what_the_newer_interface_says_nothing_of_holds_nothing_up(rig: Rig) -> None:
    rig.keep_events(ReservationMismatch(Reservation(7)), SessionEvent(K.AUTH_REQUIRED, "u1"))
    rig.outbox.open()
    assert rig.broker.names == ["session_events", "session_event"]
    assert rig.told("session_events")[0]["event"] == "ReservationAuthtokenMismatch"
    assert rig.store.unpublished_n() == 1


def test_the_listener_speaks_before_an_event_and_after_what_belongs_to_it(rig: Rig) -> None:
    rig.keep(K.AUTH_REQUIRED)
    rig.outbox.open()
    rig.complete_all()
    assert rig.heard == ["next 1 after 0", f"told 1 after {len(rig.broker.names)}"]
