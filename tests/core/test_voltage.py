"""Which phases are judged, and for how long they must be out of the window."""

import pytest

from evsed.core.settings import Settings
from evsed.core.voltage import Voltage
from hal.types import MeterReading

THREE, ONE = Settings(phases=3), Settings(phases=1)


def judged(settings: Settings, voltage_v: tuple[float, ...], active_n: int, seconds: int = 12) -> Voltage:
    """After a reading of every second."""
    voltage = Voltage(settings)
    for at_s in range(seconds):
        voltage.update(MeterReading(float(at_s), 0.0, voltage_v=voltage_v), active_n)
    return voltage


# fmt: off
CASES = (
    # voltage_v              active  over   under   why
    ((230.0, 230.0, 230.0),  3,      False, False, "well"),
    ((230.0, 230.0, 190.0),  3,      False, True,  "a phase in use sags"),
    ((230.0, 230.0, 0.0),    3,      False, True,  "a phase in use is lost"),
    ((230.0, 260.0, 230.0),  3,      True,  False, "a phase in use rises"),
    ((230.0, 0.0, 0.0),      1,      False, False, "a one-phase meter that reports all three"),
    ((230.0, 190.0, 190.0),  1,      False, False, "phases not in use sag"),
    ((230.0, 260.0, 260.0),  1,      False, False, "phases not in use rise"),
    ((190.0, 0.0, 0.0),      1,      False, True,  "the phase in use sags"),
    ((260.0, 0.0, 0.0),      1,      True,  False, "the phase in use rises"),
    ((230.0,),               1,      False, False, "a one-phase meter"),
    ((190.0,),               1,      False, True,  "a one-phase meter sees a sag"),
    ((230.0,),               3,      False, False, "a meter on L1 alone judges L1"),
    ((190.0,),               3,      False, True,  "a meter on L1 alone sees a sag"),
    ((0.0, 0.0, 0.0),        3,      False, False, "a breaker is open"),
    ((0.0, 0.0, 0.0),        1,      False, False, "a breaker is open"),
    ((0.0, 230.0, 230.0),    1,      False, False, "the meter's L1 is another: nothing can be said"),
    ((),                     3,      False, False, "no voltage is measured"),
)
# fmt: on


@pytest.mark.parametrize(("voltage_v", "active_n", "over", "under", "why"), CASES)
def test_only_phases_in_use_count(
    voltage_v: tuple[float, ...], active_n: int, over: bool, under: bool, why: str
) -> None:
    voltage = judged(THREE, voltage_v, active_n)
    assert (voltage.over, voltage.under) == (over, under), why


def test_an_installation_of_one_phase_takes_a_meter_of_three() -> None:
    voltage = judged(ONE, (230.0, 0.0, 0.0), ONE.phases)
    assert not voltage.under


def test_the_time_out_is_that_of_the_settings() -> None:
    assert not judged(THREE, (190.0,), 1, seconds=10).under
    assert judged(THREE, (190.0,), 1, seconds=11).under


def test_phases_that_go_out_of_use_are_forgotten() -> None:
    voltage = judged(THREE, (230.0, 230.0, 0.0), 3)
    assert voltage.under
    voltage.update(MeterReading(20.0, 0.0, voltage_v=(230.0, 230.0, 0.0)), 1)
    assert not voltage.under
