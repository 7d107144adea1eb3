"""Ohms of the proximity contact (IEC 61851-1 Table B.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.core.proximity import Proximity, classify, current_a
from evsed.core.states import Ampacity as Amp
from hal.types import Missing, PpReading

# fmt: off
WINDOWS = [
    (Amp.A_13, (1100.0, 1500.0, 2460.0)),
    (Amp.A_20, (400.0, 680.0, 936.0)),
    (Amp.A_32, (164.0, 220.0, 308.0)),
    (Amp.A_63, (80.0, 100.0, 140.0)),
]
# fmt: on


@pytest.mark.parametrize(("amp", "ohms"), WINDOWS)
def test_each_window_of_the_table_is_its_ampacity(amp: Amp, ohms: tuple[float, ...]) -> None:
    assert {classify(ohm) for ohm in ohms} == {amp}


@pytest.mark.parametrize(
    ("ohm", "lower"), [(140.1, Amp.A_32), (308.1, Amp.A_20), (936.1, Amp.A_13), (2461.0, Amp.A_13)]
)
def test_between_two_windows_the_lower_ampacity_counts(ohm: float, lower: Amp) -> None:
    assert classify(ohm) is lower


@pytest.mark.parametrize("ohm", [0.0, 59.0, 60.0, 4501.0, 1e6, float("inf")])
def test_a_short_and_an_open_contact_are_no_cable(ohm: float) -> None:
    assert classify(ohm) is Amp.NONE


@pytest.mark.parametrize(("phases", "expected_a"), [(1, 70.0), (3, 63.0)])
def test_the_largest_cable_carries_more_on_one_phase(phases: int, expected_a: float) -> None:
    assert current_a(Amp.A_63, phases) == expected_a


@pytest.mark.parametrize("phases", [1, 3])
def test_the_other_cables_carry_what_they_are_called(phases: int) -> None:
    assert [current_a(a, phases) for a in (Amp.NONE, Amp.A_13, Amp.A_20, Amp.A_32)] == [0.0, 13.0, 20.0, 32.0]


@given(st.floats(60.1, 4500.0), st.floats(1.0, 10.0))
def test_more_ohms_never_mean_more_amperes(ohm: float, factor: float) -> None:
    more_ohm = min(4500.0, ohm * factor)
    assert current_a(classify(ohm), 3) >= current_a(classify(more_ohm), 3)


def test_a_reading_is_believed_when_it_comes_twice() -> None:
    proximity = Proximity()
    seen = []
    for ohm in (220.0, 220.0, 1e6, 220.0, 680.0, 680.0, 1e6, 1e6):
        proximity.update(PpReading(ohm))
        seen.append(proximity.ampacity)
    assert seen == [Amp.NONE, Amp.A_32, Amp.A_32, Amp.A_32, Amp.A_32, Amp.A_20, Amp.A_20, Amp.NONE]


@pytest.mark.parametrize("nothing", [None, Missing("no answer", 0.0)])
def test_no_reading_is_no_cable(nothing: Missing | None) -> None:
    proximity = Proximity()
    for reading in (PpReading(220.0), PpReading(220.0), nothing, nothing):
        proximity.update(reading)
    assert proximity.ampacity is Amp.NONE
