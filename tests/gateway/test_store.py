import sqlite3
from pathlib import Path

import pytest

from evsed.core.commands import (
    AvailabilityRow,
    EnableSource,
    EnableState,
    OpenSession,
    Reservation,
    SetSessionLimits,
)
from evsed.core.events import (
    AvailabilityChanged,
    FaultCleared,
    FaultRaised,
    LastingEvent,
    ReservationChanged,
    ReservationMismatch,
    SessionEvent,
    SessionLimitsChanged,
)
from evsed.core.states import EventKind as K
from evsed.core.states import StartReason, StopReason
from evsed.core.tokens import local_token
from evsed.gateway.store import KEEP_EVENTS_N, PRUNE_EVERY_N, SignedTransaction, Store, StoredSession
from evsed.gateway.store_schema import MIGRATIONS
from evsed.link.messages import NumberedEvent
from hal.types import MeterReading, SignedValue

AT_UTC_S = 1_800_000_000.0
TOKEN = local_token("CAFE")
RESERVED = Reservation(7, "CAFE", "", expires_at_s=12.0, expiry_utc_s=AT_UTC_S + 60)
RAISED = FaultRaised("rcd", "ac_rcd/MREC2GroundFailure", "High", "tripped")
CLEARED = FaultCleared("rcd", "ac_rcd/MREC2GroundFailure")
DISABLED = AvailabilityRow(EnableSource.CSMS, EnableState.DISABLE, 10)


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "evsed.sqlite")
    yield store
    store.close()


def keep(store: Store, *events: LastingEvent, boot_id: str = "boot", first_n: int = 1) -> None:
    numbered = [NumberedEvent(n, float(n), e) for n, e in enumerate(events, first_n)]
    store.store(boot_id, [(e, AT_UTC_S + e.n) for e in numbered], synchronised=True)


def keep_signed(store: Store, row: SignedTransaction) -> None:
    store.store("boot", [], synchronised=True, signed=[row])


def event(kind: K, uuid: str = "u1", **details: object) -> SessionEvent:
    return SessionEvent(kind, uuid, **details)  # type: ignore[arg-type]


def test_what_was_stored_comes_back_as_it_was(store: Store) -> None:
    told = event(
        K.TRANSACTION_STARTED, id_tag=TOKEN, meter=MeterReading(3.0, 1234.5, current_a=(1.0, 2.0, 3.0))
    )
    keep(store, told)
    (stored,) = store.unpublished()
    assert stored.event == told
    assert (stored.boot_id, stored.n, stored.at_s, stored.at_utc_s) == ("boot", 1, 1.0, AT_UTC_S + 1)
    assert stored.synchronised
    assert not stored.published


def test_numbers_are_counted_per_boot(store: Store) -> None:
    assert store.stored_n("boot") == 0
    keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    assert store.stored_n("boot") == 2
    assert store.stored_n("other") == 0


def test_an_event_sent_twice_is_stored_once(store: Store) -> None:
    keep(store, event(K.ENABLED, ""))
    keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    assert [s.event.kind for s in store.unpublished()] == [K.ENABLED, K.DISABLED]


def test_a_published_event_is_not_offered_again_even_after_a_restart(store: Store, tmp_path: Path) -> None:
    keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    store.published(store.unpublished()[:1])
    again = Store(tmp_path / "evsed.sqlite")
    assert [s.event.kind for s in again.unpublished()] == [K.DISABLED]
    assert again.unpublished_n() == 1
    again.close()


def test_what_clients_hear_of_waits_to_be_published_and_the_rest_does_not(store: Store) -> None:
    keep(
        store,
        RAISED,
        AvailabilityChanged((DISABLED,)),
        ReservationChanged(RESERVED),
        CLEARED,
        ReservationMismatch(RESERVED),
    )
    assert [s.event for s in store.unpublished()] == [RAISED, CLEARED, ReservationMismatch(RESERVED)]
    assert store.stored_n("boot") == 5


def test_events_that_have_gone_out_are_passed_over(store: Store) -> None:
    keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    first = store.unpublished()[0].row_id
    assert [s.event.kind for s in store.unpublished(first)] == [K.DISABLED]
    assert (store.unpublished_n(), store.unpublished_n(first)) == (2, 1)


def test_an_error_is_active_from_the_telling_of_its_raise_to_that_of_its_end(store: Store) -> None:
    keep(store, RAISED, CLEARED)
    raised, cleared = store.unpublished()
    assert store.active_errors() == []
    store.published([raised])
    (active,) = store.active_errors()
    assert (active.event, active.boot_id, active.n, active.at_utc_s) == (RAISED, "boot", 1, AT_UTC_S + 1)
    store.published([cleared])
    assert store.active_errors() == []


def test_an_error_ends_with_the_run_of_control_that_raised_it(store: Store) -> None:
    keep(store, RAISED)
    keep(store, event(K.ENABLED, ""), boot_id="next")
    raised, enabled = store.unpublished()
    store.published([raised])
    assert len(store.active_errors()) == 1
    store.published([enabled])
    assert store.active_errors() == []


def test_a_reservation_outlives_a_restart(store: Store, tmp_path: Path) -> None:
    keep(store, ReservationChanged(RESERVED))
    again = Store(tmp_path / "evsed.sqlite")
    assert again.restore().reservation == RESERVED
    keep(store, ReservationChanged(None), first_n=2)
    assert again.restore().reservation is None
    again.close()


def test_the_limits_that_a_client_has_set_outlive_a_restart(store: Store) -> None:
    assert store.restore().session_limits is None
    limits = SetSessionLimits(energy_wh=5000.0, cost=3.0, price_per_kwh=0.4)
    keep(store, SessionLimitsChanged(limits))
    assert store.restore().session_limits == limits
    keep(store, SessionLimitsChanged(None), first_n=2)
    assert store.restore().session_limits is None


@pytest.mark.parametrize(
    ("now_utc_s", "used_s"),
    [
        (AT_UTC_S + 602.0, 600.0),
        (AT_UTC_S - 1e6, 1.0),  # a clock that is wrong: what the newest event says at least
    ],
)
def test_the_time_that_a_transaction_has_used_is_known(store: Store, now_utc_s: float, used_s: float) -> None:
    keep(store, event(K.SESSION_STARTED), event(K.TRANSACTION_STARTED), event(K.PREPARE_CHARGING))
    left = store.restore(now_utc_s).open_session
    assert left is not None
    assert left.used_s == used_s


def a_session(uuid: str, start_wh: float) -> tuple[SessionEvent, ...]:
    return (
        event(K.SESSION_STARTED, uuid, start_reason=StartReason.EV_CONNECTED),
        event(
            K.TRANSACTION_STARTED, uuid, id_tag=TOKEN, meter=MeterReading(2.0, start_wh), reservation=RESERVED
        ),
        event(K.TRANSACTION_FINISHED, uuid, stop_reason=StopReason.LOCAL, meter=MeterReading(3.0, 1500.5)),
        event(K.SESSION_FINISHED, uuid),
    )


def test_a_session_is_told_whole(store: Store) -> None:
    keep(store, *a_session("u1", 1000.0))
    assert store.sessions(0.0, 10) == [
        StoredSession(
            uuid="u1",
            started_utc_s=AT_UTC_S + 1,
            start_reason=StartReason.EV_CONNECTED,
            transaction_started_utc_s=AT_UTC_S + 2,
            transaction_ended_utc_s=AT_UTC_S + 3,
            ended_utc_s=AT_UTC_S + 4,
            start_wh=1000.0,
            end_wh=1500.5,
            stop_reason=StopReason.LOCAL,
            id_tag=TOKEN,
            reservation_id=7,
        )
    ]


def test_sessions_are_told_newest_first_since_a_time_and_at_most_so_many(store: Store) -> None:
    for number, uuid in enumerate(("u1", "u2", "u3")):
        keep(store, event(K.SESSION_STARTED, uuid), first_n=10 * number + 1)
    assert [s.uuid for s in store.sessions(0.0, 2)] == ["u3", "u2"]
    assert [s.uuid for s in store.sessions(AT_UTC_S + 11, 10)] == ["u3", "u2"]
    assert [s.uuid for s in store.sessions(AT_UTC_S + 11.5, 10)] == ["u3"]


def test_a_database_of_the_first_layout_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path)
    old.executescript(MIGRATIONS[0])
    old.execute("INSERT INTO session (uuid, started_utc_s, start_wh) VALUES ('old', 5.0, 10.0)")
    old.commit()
    old.close()
    store = Store(path)
    keep(store, *a_session("u1", 1000.0))
    assert [(s.uuid, s.start_reason, s.start_wh) for s in store.sessions(0.0, 10)] == [
        ("u1", StartReason.EV_CONNECTED, 1000.0),
        ("old", None, 10.0),
    ]
    store.close()
    Store(path).close()


def test_a_database_of_a_newer_evsed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(sqlite3.OperationalError, match="newer evsed"):
        Store(path)
    assert [p.name for p in tmp_path.iterdir()] == ["new.sqlite"]


def test_availability_outlives_a_restart(store: Store, tmp_path: Path) -> None:
    keep(store, AvailabilityChanged((DISABLED,)))
    again = Store(tmp_path / "evsed.sqlite")
    assert again.restore().availability == (DISABLED,)
    again.close()


def test_nothing_is_left_over_at_first(store: Store) -> None:
    assert store.restore().open_session is None


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        ((K.SESSION_STARTED,), OpenSession("u1", in_transaction=False)),
        ((K.SESSION_STARTED, K.TRANSACTION_STARTED), OpenSession("u1", in_transaction=True, id_tag=TOKEN)),
        (
            (K.SESSION_STARTED, K.TRANSACTION_STARTED, K.TRANSACTION_FINISHED),
            OpenSession("u1", in_transaction=False, id_tag=TOKEN),
        ),
        ((K.SESSION_STARTED, K.TRANSACTION_STARTED, K.TRANSACTION_FINISHED, K.SESSION_FINISHED), None),
    ],
)
def test_a_session_without_its_end_is_left_over(
    store: Store, kinds: tuple[K, ...], left: OpenSession | None
) -> None:
    keep(store, *(event(kind, id_tag=TOKEN, stop_reason=StopReason.LOCAL) for kind in kinds))
    assert store.restore().open_session == left


def test_the_newest_session_is_told_from_its_beginning(store: Store) -> None:
    keep(
        store,
        event(K.SESSION_STARTED),
        event(K.SESSION_FINISHED),
        event(K.SESSION_STARTED, "u2"),
        event(K.ENABLED, ""),
    )
    assert [s.event.kind for s in store.newest_session()] == [K.SESSION_STARTED, K.ENABLED]


def test_without_a_session_the_last_events_are_told(store: Store) -> None:
    keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    assert [s.event.kind for s in store.newest_session()] == [K.ENABLED, K.DISABLED]


def test_pruning_forgets_old_published_events_only(store: Store) -> None:
    keep(store, *[event(K.ENABLED, "")] * (KEEP_EVENTS_N + PRUNE_EVERY_N))
    rows = store.unpublished(limit_n=PRUNE_EVERY_N)
    store.published(rows[1:])  # the oldest has not been published
    assert rows[-1].row_id == PRUNE_EVERY_N
    assert [s.row_id for s in store.unpublished(limit_n=2)] == [1, PRUNE_EVERY_N + 1]
    (left_n,) = store._db.execute("SELECT count(*) FROM event").fetchone()
    assert left_n == KEEP_EVENTS_N + 1


def test_what_a_meter_has_signed_is_kept_byte_for_byte_beside_its_transaction(store: Store) -> None:
    begin, end = SignedValue('OCMF|{"RV":0.00}|{}', public_key="3059"), SignedValue("OCMF|\u00e4|{}")
    assert store.newest_signed() is None
    keep_signed(store, SignedTransaction("u1"))
    assert store.newest_signed() is None
    keep_signed(store, SignedTransaction("u1", begin, end))
    keep_signed(store, SignedTransaction("u2"))
    assert store.signed_transaction("u1") == SignedTransaction("u1", begin, end)
    assert store.signed_transaction("u2") == SignedTransaction("u2")
    assert store.signed_transaction("u3") is None
    assert store.newest_signed() == end
    keep_signed(store, SignedTransaction("u2", begin))
    assert store.newest_signed() == begin


def test_a_value_is_stored_with_its_event_or_not_at_all(store: Store) -> None:
    store._db.execute("CREATE TRIGGER t BEFORE INSERT ON signed BEGIN SELECT RAISE(ABORT, 'full'); END")
    numbered = [(NumberedEvent(1, 1.0, event(K.TRANSACTION_STARTED)), AT_UTC_S)]
    with pytest.raises(sqlite3.Error, match="full"):
        store.store("boot", numbered, synchronised=True, signed=[SignedTransaction("u1")])
    assert store.stored_n("boot") == 0


def test_a_session_comes_with_what_was_signed_of_it(store: Store) -> None:
    keep(store, event(K.SESSION_STARTED), event(K.SESSION_STARTED, "u2"))
    keep_signed(store, SignedTransaction("u1", None, SignedValue("OCMF|end")))
    found = {row.uuid: (row.start_signed, row.signed) for row in store.sessions(0.0, 5)}
    assert found == {"u1": (None, SignedValue("OCMF|end")), "u2": (None, None)}


def test_a_store_that_is_not_one_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "evsed.sqlite"
    path.write_bytes(b"not a database at all " * 100)
    store = Store(path)
    assert store.set_aside
    assert store.set_aside.read_bytes().startswith(b"not a database")
    keep(store, event(K.ENABLED, ""))
    assert store.stored_n("boot") == 1
    store.close()


def test_a_directory_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Store(tmp_path / "nowhere" / "evsed.sqlite")


def test_events_are_stored_all_or_none(store: Store) -> None:
    store._db.execute(
        "CREATE TRIGGER t BEFORE INSERT ON event WHEN NEW.n = 2 BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(sqlite3.Error, match="full"):
        keep(store, event(K.ENABLED, ""), event(K.DISABLED, ""))
    assert store.stored_n("boot") == 0


def test_the_course_of_a_session_is_its_faults_and_its_end_in_their_order(store: Store) -> None:
    raised = FaultRaised("rcd", "ac_rcd/MREC2GroundFailure", "High", "it has tripped", "u1")
    ours = [raised, event(K.STOPPING_CHARGING), event(K.TRANSACTION_FINISHED), FaultCleared("rcd", "m", "u1")]
    other = FaultRaised("pilot", "m", "High", "x", "u2")
    keep(store, event(K.SESSION_STARTED), ours[0], other, *ours[1:], event(K.SESSION_STARTED, "u3"))
    assert [told for _, told in store.course("u1")] == ours
    assert store.course("u3") == []
