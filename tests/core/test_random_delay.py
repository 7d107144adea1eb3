"""Random delay of changes of the limit, without a charger."""

import pytest

from evsed.core.random_delay import RandomDelay
from evsed.core.settings import Settings

LATE_S = 100.0  # long after the start


def half() -> float:
    return 0.5


def nearly_all() -> float:
    return 0.9999


def delay(any_change: bool = True) -> RandomDelay:
    made = RandomDelay(
        Settings(random_delay=True, random_delay_max_s=10.0, random_delay_at_any_change=any_change)
    )
    assert made.update(16.0, True, 0.0, half) == 16.0
    assert made.update(16.0, True, LATE_S, half) == 16.0
    return made


def test_switched_off_it_does_nothing() -> None:
    off = RandomDelay(Settings())
    assert off.update(16.0, True, 0.0, half) == 16.0
    assert off.update(0.0, True, LATE_S, half) == 0.0
    assert off.info(LATE_S, 0.0, 0.0) is None


def test_the_limit_from_before_stands_for_the_drawn_time_and_then_the_newest() -> None:
    made = delay()
    assert made.update(0.0, True, LATE_S, half) == 16.0
    assert made.info(LATE_S, 16.0, 0.0).countdown_s == 5
    assert made.update(10.0, True, LATE_S + 4.9, half) == 16.0
    assert made.update(10.0, True, LATE_S + 5.0, half) == 10.0
    assert made.info(LATE_S + 5.0, 10.0, 10.0).countdown_s == 0
    assert made.update(10.0, True, LATE_S + 6.0, half) == 10.0


def test_the_longest_delay_is_a_second_short_of_the_maximum() -> None:
    made = delay()
    made.update(0.0, True, LATE_S, nearly_all)
    assert made.update(0.0, True, LATE_S + 8.9, half) == 16.0
    assert made.update(0.0, True, LATE_S + 9.0, half) == 0.0


@pytest.mark.parametrize(("limit_a", "delayed"), [(15.95, False), (15.89, True), (16.2, True)])
def test_a_change_is_a_tenth_of_an_ampere(limit_a: float, delayed: bool) -> None:
    made = delay()
    made.update(limit_a, True, LATE_S, half)
    assert made.running is delayed


def test_between_nothing_and_something_only() -> None:
    made = delay(any_change=False)
    assert made.update(10.0, True, LATE_S, half) == 10.0
    assert made.update(0.0, True, LATE_S, half) == 10.0


def test_without_an_ev_concerned_it_is_dropped() -> None:
    made = delay()
    made.update(0.0, True, LATE_S, half)
    assert made.update(0.0, False, LATE_S + 1.0, half) == 0.0
    assert not made.running
    assert made.update(8.0, False, LATE_S + 2.0, half) == 8.0
    assert not made.running


def test_a_changed_maximum_leaves_a_running_delay_alone() -> None:
    made = delay()
    made.update(0.0, True, LATE_S, half)
    made.max_s = 0.0
    assert made.update(0.0, True, LATE_S + 4.9, half) == 16.0
    made.update(0.0, True, LATE_S + 5.0, half)
    assert made.update(8.0, True, LATE_S + 6.0, half) == 8.0


def test_an_ev_found_within_five_seconds_of_the_start_counts_as_a_change_from_nothing() -> None:
    for found_s, delayed in ((4.9, True), (5.1, False)):
        made = RandomDelay(Settings(random_delay=True, random_delay_max_s=10.0))
        made.update(16.0, False, 0.0, half)
        made.update(16.0, True, found_s, half)
        assert made.running is delayed
