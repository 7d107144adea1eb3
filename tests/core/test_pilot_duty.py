"""Ampere <-> duty, both ways (IEC 61851-1 Tables A.7 and A.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.core.pilot_duty import DUTY_F, DUTY_X1, duty_of, offered_a

CURRENTS_A = st.floats(0.0, 100.0)


# fmt: off
OFFERS = [
    (-1.0, 100.0), (0.0, 100.0), (5.0, 100.0), (5.999, 100.0),  # below 6 A: X1, never a lower duty
    (6.0, 10.0), (10.0, 16.667), (16.0, 26.667), (20.0, 33.333), (32.0, 53.333), (51.0, 85.0),
    (51.5, 85.0), (52.49, 85.0),                                  # a gap: the next lower current
    (52.5, 85.0), (63.0, 89.2), (70.0, 92.0), (80.0, 96.0), (100.0, 96.0),
]
# fmt: on


@pytest.mark.parametrize(("current_a", "percent"), OFFERS)
def test_the_duty_that_offers_a_current(current_a: float, percent: float) -> None:
    assert duty_of(current_a) * 100 == pytest.approx(percent, abs=0.001)


# fmt: off
TAKES = [
    (0.0, 0.0), (3.0, 0.0), (5.0, 0.0), (7.0, 0.0), (7.99, 0.0),
    (8.0, 6.0), (9.99, 6.0), (10.0, 6.0), (26.6667, 16.0), (50.0, 30.0), (85.0, 51.0),
    (85.01, 52.525), (90.0, 65.0), (96.0, 80.0), (96.5, 80.0), (97.0, 80.0),
    (97.01, 0.0), (100.0, 0.0),
]
# fmt: on


@pytest.mark.parametrize(("percent", "expected_a"), TAKES)
def test_what_an_ev_may_take_at_a_duty(percent: float, expected_a: float) -> None:
    assert offered_a(percent / 100) == pytest.approx(expected_a, abs=0.001)


@given(st.floats(6.0, 51.0) | st.floats(52.51, 80.0))
def test_there_and_back_is_the_same_current(current_a: float) -> None:
    assert offered_a(duty_of(current_a)) == pytest.approx(current_a)


@given(CURRENTS_A)
def test_never_more_is_offered_than_was_meant(current_a: float) -> None:
    assert offered_a(duty_of(current_a)) <= current_a + 1e-9


@given(st.floats(6.0, 100.0), st.floats(0.0, 50.0))
def test_more_current_never_has_a_lower_duty(current_a: float, more_a: float) -> None:
    assert duty_of(current_a + more_a) >= duty_of(current_a)


@given(CURRENTS_A)
def test_a_duty_is_x1_or_inside_what_an_ev_understands(current_a: float) -> None:
    duty = duty_of(current_a)
    assert duty == DUTY_X1 or 0.10 <= duty <= 0.96


def test_x1_and_f_are_the_two_ends() -> None:
    assert (DUTY_X1, DUTY_F) == (1.0, 0.0)
