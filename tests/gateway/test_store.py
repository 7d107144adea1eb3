import sqlite3
from pathlib import Path

import pytest

from evsed.core.commands import AvailabilityRow, EnableSource, EnableState, OpenSession
from evsed.core.events import AvailabilityChanged, FaultRaised, SessionEvent
from evsed.core.states import EventKind as K
from evsed.core.states import StopReason
from evsed.core.tokens import local_token
from evsed.gateway.store import KEEP_EVENTS_N, PRUNE_EVERY_N, Store
from evsed.link.messages import LastingEvent, NumberedEvent
from hal.types import MeterReading

AT_UTC_S = 1_800_000_000.0
TOKEN = local_token("CAFE")
DISABLED = AvailabilityRow(EnableSource.CSMS, EnableState.DISABLE, 10)


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "evsed.sqlite")
    yield store
    store.close()


def keep(store: Store, *events: LastingEvent, boot_id: str = "boot", first_n: int = 1) -> None:
    numbered = [NumberedEvent(n, float(n), e) for n, e in enumerate(events, first_n)]
    store.store(boot_id, [(e, AT_UTC_S + e.n) for e in numbered], synchronised=True)


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
    store.published(store.unpublished()[0].row_id)
    again = Store(tmp_path / "evsed.sqlite")
    assert [s.event.kind for s in again.unpublished()] == [K.DISABLED]
    assert again.unpublished_n() == 1
    again.close()


def test_faults_and_availability_are_kept_but_are_no_session_events(store: Store) -> None:
    keep(
        store,
        FaultRaised("rcd", "ac_rcd/MREC2GroundFailure", "High", "tripped"),
        AvailabilityChanged((DISABLED,)),
    )
    assert store.unpublished() == []
    assert store.stored_n("boot") == 2


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
    rows = store.unpublished(PRUNE_EVERY_N)
    for stored in rows[1:]:  # the oldest has not been published
        store.published(stored.row_id)
    assert rows[-1].row_id == PRUNE_EVERY_N
    assert [s.row_id for s in store.unpublished(2)] == [1, PRUNE_EVERY_N + 1]
    (left_n,) = store._db.execute("SELECT count(*) FROM event").fetchone()
    assert left_n == KEEP_EVENTS_N + 1


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
