import math

import pytest

from hal.sim.circuit import levels_v, offer_a


@pytest.mark.parametrize(
    ("letter", "pos_v", "neg_v"),
    [
        ("A", 12.0, -12.0),
        ("B", 8.98, -12.0),
        ("C", 6.00, -12.0),
        ("D", 2.93, -12.0),
        ("E", 0.0, 0.0),
        ("F", -12.0, -12.0),
    ],
)
def test_levels_are_those_of_the_circuit(letter: str, pos_v: float, neg_v: float) -> None:
    assert levels_v(letter, False, True) == pytest.approx((pos_v, neg_v), abs=0.02)


@pytest.mark.parametrize("letter", ["B", "C", "D"])
def test_a_shorted_diode_makes_the_levels_symmetric(letter: str) -> None:
    pos_v, neg_v = levels_v(letter, True, True)
    assert pos_v > 2.0
    assert neg_v == -pos_v


@pytest.mark.parametrize("letter", list("ABCDE"))
@pytest.mark.parametrize("diode_shorted", [False, True])
def test_nothing_loads_a_generator_that_is_off_the_outlet(letter: str, diode_shorted: bool) -> None:
    assert levels_v(letter, diode_shorted, False) == (12.0, -12.0)


def test_a_generator_held_at_minus_12_v_stays_there_off_the_outlet() -> None:
    assert levels_v("F", False, False) == (-12.0, -12.0)


@pytest.mark.parametrize(
    ("duty", "current_a"),
    [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.07, 0.0),
        (0.08, 6.0),
        (0.10, 6.0),
        (0.2667, 16.0),
        (0.5333, 32.0),
        (0.85, 51.0),
        (0.90, 65.0),
        (0.96, 80.0),
        (0.97, 80.0),
        (0.98, 0.0),
        (1.0, 0.0),
    ],
)
def test_duty_offers_the_current_of_the_table(duty: float, current_a: float) -> None:
    assert math.isclose(offer_a(duty), current_a, abs_tol=0.01)
