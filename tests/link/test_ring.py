"""Control's memory of what the gateway has not stored yet."""

from itertools import count, islice
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.commands import AvailabilityRow, EnableSource, EnableState
from evsed.core.events import AvailabilityChanged, FaultCleared, FaultRaised, SessionEvent
from evsed.core.states import EventKind
from evsed.link.messages import LastingEvent
from evsed.link.ring import CAPACITY_N, EventRing

PAUSED = SessionEvent(EventKind.CHARGING_PAUSED_EV, "u")
RESUMED = SessionEvent(EventKind.CHARGING_RESUMED, "u")
BEGIN_AND_END = (
    EventKind.SESSION_STARTED,
    EventKind.SESSION_FINISHED,
    EventKind.SESSION_RESUMED,
    EventKind.TRANSACTION_STARTED,
    EventKind.TRANSACTION_FINISHED,
)


def raised(name: str = "rcd") -> FaultRaised:
    return FaultRaised(name, "ac_rcd/MREC2GroundFailure", "High", "tripped")


def cleared(name: str = "rcd") -> FaultCleared:
    return FaultCleared(name, "ac_rcd/MREC2GroundFailure")


def availability(priority: int) -> AvailabilityChanged:
    return AvailabilityChanged((AvailabilityRow(EnableSource.CSMS, EnableState.ENABLE, priority),))


def ring_with(n: int, capacity_n: int = CAPACITY_N) -> EventRing:
    ring = EventRing(capacity_n)
    for i in range(n):
        ring.append(SessionEvent(EventKind.SESSION_STARTED, str(i)), float(i))
    return ring


def numbers(ring: EventRing, at_most_n: int = CAPACITY_N) -> list[int]:
    return [event.n for event in ring.unsent(at_most_n)]


def test_events_are_numbered_from_one_and_carry_their_time() -> None:
    ring = ring_with(3)
    assert [(e.n, e.at_s) for e in ring.unsent(10)] == [(1, 0.0), (2, 1.0), (3, 2.0)]
    assert (ring.last_n, len(ring)) == (3, 3)


def test_an_empty_ring_has_nothing_to_send() -> None:
    assert EventRing().unsent(10) == []


def test_what_is_sent_is_not_handed_out_again() -> None:
    ring = ring_with(5)
    assert numbers(ring, 2) == [1, 2]
    ring.sent(2)
    assert numbers(ring) == [3, 4, 5]
    ring.sent(5)
    assert numbers(ring) == []
    ring.append(PAUSED, 9.0)
    assert numbers(ring) == [6]


def test_what_is_sent_stays_until_it_is_acknowledged() -> None:
    ring = ring_with(3)
    ring.sent(3)
    assert len(ring) == 3
    ring.acknowledge(2)
    assert (len(ring), ring.acknowledged_n) == (1, 2)
    ring.acknowledge(1)
    assert ring.acknowledged_n == 2


def test_a_new_connection_gets_everything_that_is_not_stored() -> None:
    ring = ring_with(5)
    ring.sent(5)
    ring.rewind(2)
    assert numbers(ring) == [3, 4, 5]
    assert len(ring) == 3


def test_a_gateway_that_knows_nothing_gets_what_is_left() -> None:
    ring = ring_with(5)
    ring.sent(5)
    ring.acknowledge(3)
    ring.rewind(0)
    assert numbers(ring) == [4, 5]


def test_a_full_ring_drops_what_a_newer_event_replaces() -> None:
    ring = EventRing(3)
    for event in (PAUSED, RESUMED, PAUSED, RESUMED):
        ring.append(event, 0.0)
    assert numbers(ring) == [2, 3, 4]
    assert ring.dropped_n == 1


@pytest.mark.parametrize(
    ("older", "newer"),
    [(availability(1), availability(2)), (raised(), raised()), (cleared(), cleared())],
    ids=["availability", "raised", "cleared"],
)
def test_other_events_are_replaced_by_their_like(older: LastingEvent, newer: LastingEvent) -> None:
    ring = EventRing(2)
    for event in (older, SessionEvent(EventKind.SESSION_STARTED, "u"), newer):
        ring.append(event, 0.0)
    assert numbers(ring) == [2, 3]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (raised("rcd"), raised("diode")),
        (raised("rcd"), cleared("diode")),
        (PAUSED, SessionEvent(EventKind.CHARGING_PAUSED_EV, "another session")),
        (PAUSED, RESUMED),
    ],
)
def test_events_of_another_thing_replace_nothing(older: LastingEvent, newer: LastingEvent) -> None:
    ring = EventRing(1)
    ring.append(older, 0.0)
    ring.append(newer, 0.0)
    assert (len(ring), ring.dropped_n) == (2, 0)


@pytest.mark.parametrize("kind", BEGIN_AND_END, ids=lambda k: k.value)
def test_begin_and_end_are_never_dropped(kind: EventKind) -> None:
    ring = EventRing(4)
    for _ in range(20):
        ring.append(SessionEvent(kind, "u"), 0.0)
    assert (len(ring), ring.dropped_n) == (20, 0)


def test_an_event_that_is_replaced_and_then_acknowledged_is_not_dropped_twice() -> None:
    ring = EventRing(3)
    for event in (PAUSED, RESUMED, PAUSED):
        ring.append(event, 0.0)
    ring.acknowledge(1)
    for uuid in ("a", "b"):
        ring.append(SessionEvent(EventKind.SESSION_STARTED, uuid), 0.0)
    assert ring.dropped_n == 0
    assert numbers(ring) == [2, 3, 4, 5]


def test_an_emptied_ring_begins_anew() -> None:
    ring = EventRing(2)
    for event in (PAUSED, PAUSED):
        ring.append(event, 0.0)
    ring.acknowledge(2)
    for event in (PAUSED, RESUMED, PAUSED):
        ring.append(event, 0.0)
    assert numbers(ring) == [4, 5]
    assert ring.dropped_n == 1


def test_a_full_ring_of_chatter_stays_at_its_capacity() -> None:
    kinds = [EventKind.CHARGING_PAUSED_EV, EventKind.CHARGING_RESUMED, EventKind.WAITING_FOR_ENERGY]
    ring = EventRing()
    for i in range(20_000):
        ring.append(SessionEvent(kinds[i % 3], "u"), 0.0)
        assert len(ring) <= CAPACITY_N
    assert len(ring) + ring.dropped_n == 20_000


def test_a_full_ring_hands_out_and_takes_in_well_within_a_tick() -> None:
    ring, seconds = ring_with(CAPACITY_N), []
    ring.sent(CAPACITY_N - 1)
    for _ in range(20):
        started_s = perf_counter()
        ring.append(PAUSED, 0.0)
        assert len(ring.unsent(16)) <= 16
        seconds.append(perf_counter() - started_s)
    assert min(seconds) < 0.003  # of a tick of 10 ms; the best of many, as other programs run here too


ANY_EVENT = st.sampled_from(
    (
        PAUSED,
        RESUMED,
        raised(),
        cleared(),
        availability(1),
        SessionEvent(EventKind.SESSION_STARTED, "u"),
        SessionEvent(EventKind.TRANSACTION_FINISHED, "u"),
    )
)
STEPS = st.lists(st.one_of(ANY_EVENT, st.integers(-3, 60)), max_size=80)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_happens_order_and_begin_and_end_are_kept(steps: list[LastingEvent | int]) -> None:
    ring, kept, n = EventRing(8), {}, count(1)
    for step in steps:
        if not isinstance(step, int):
            ring.append(step, 0.0)
            kept[next(n)] = step
        elif step < 0:
            ring.rewind(ring.acknowledged_n)
        else:
            stored_n = min(step, ring.last_n)
            ring.acknowledge(stored_n)
            kept = {number: event for number, event in kept.items() if number > ring.acknowledged_n}
    ring.rewind(ring.acknowledged_n)
    waiting = numbers(ring)
    assert waiting == sorted(waiting)
    assert set(waiting) <= set(kept)
    lost_kinds = {
        e.kind for number, e in kept.items() if number not in waiting and isinstance(e, SessionEvent)
    }
    assert not lost_kinds & set(BEGIN_AND_END)
    newest = {
        (type(e), getattr(e, "kind", ""), getattr(e, "fault", "")): number for number, e in kept.items()
    }
    assert set(newest.values()) <= set(waiting)
    assert list(islice(waiting, 2)) == [e.n for e in ring.unsent(2)]
