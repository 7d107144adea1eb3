"""Thresholds, hysteresis, debounce and diode check of the control pilot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.core.control_pilot import ControlPilot, classify
from evsed.core.states import CpState
from evsed.core.states import CpState as Cp
from hal.types import CpReading, Missing

TICK_S = 0.01
NOMINAL_V = {Cp.A: 12.0, Cp.B: 9.0, Cp.C: 6.0, Cp.D: 3.0, Cp.E: 0.0, Cp.F: -12.0, Cp.FAULT: -6.0}
PLUGGED = (Cp.B, Cp.C, Cp.D)


class Line:
    """A pilot line sampled every tick."""

    def __init__(self, state: CpState = Cp.A, duty: float = 0.5) -> None:
        self.pilot = ControlPilot()
        self.now_s = 100.0
        self.duty = duty
        self.show(NOMINAL_V[state], seconds=0.5)
        assert self.pilot.state is state

    def show(self, high_v: float | None, low_v: float | None = -12.0, seconds: float = TICK_S) -> CpState:
        for _ in range(round(seconds / TICK_S)):
            self.feed(CpReading(high_v, low_v, 32, 32))
        return self.pilot.state

    def feed(self, reading: CpReading | Missing) -> None:
        self.now_s += TICK_S
        self.pilot.update(reading, self.duty, self.now_s)

    def ticks_to(self, state: CpState, high_v: float) -> int:
        """How many bursts at this level until the state is believed."""
        for n in range(1, 200):
            if self.show(high_v) is state:
                return n
        raise AssertionError(f"{self.pilot.state} after 2 s, not {state}")


# fmt: off
BOUNDARIES = (
    # present, volts, seen
    (Cp.A, 13.01, Cp.FAULT), (Cp.A, 13.0, Cp.A), (Cp.A, 10.0, Cp.A), (Cp.A, 9.99, Cp.B),
    (Cp.A, 7.0, Cp.B), (Cp.A, 6.99, Cp.C), (Cp.A, 4.0, Cp.C), (Cp.A, 3.99, Cp.D), (Cp.A, 1.0, Cp.D),
    (Cp.A, 0.99, Cp.E), (Cp.A, -2.0, Cp.E), (Cp.A, -2.01, Cp.FAULT),
    (Cp.B, 4.0, Cp.C), (Cp.B, 3.99, Cp.D), (Cp.B, 1.0, Cp.D), (Cp.B, 0.99, Cp.E), (Cp.B, -2.0, Cp.E),
    (Cp.B, -2.01, Cp.FAULT), (Cp.C, 1.0, Cp.D), (Cp.C, 0.99, Cp.E), (Cp.C, -2.0, Cp.E),
    (Cp.C, -2.01, Cp.FAULT), (Cp.D, -2.0, Cp.E), (Cp.D, -2.01, Cp.FAULT),
    (Cp.B, 11.0, Cp.A), (Cp.B, 10.99, Cp.B), (Cp.B, 7.0, Cp.B), (Cp.B, 6.99, Cp.C),
    (Cp.C, 8.0, Cp.B), (Cp.C, 7.99, Cp.C), (Cp.C, 4.0, Cp.C), (Cp.C, 3.99, Cp.D),
    (Cp.C, 11.0, Cp.A), (Cp.C, 10.99, Cp.B),
    (Cp.D, 5.0, Cp.C), (Cp.D, 4.99, Cp.D), (Cp.D, 1.0, Cp.D), (Cp.D, 0.99, Cp.E),
    (Cp.E, 2.0, Cp.D), (Cp.E, 1.99, Cp.E), (Cp.E, -2.0, Cp.E), (Cp.E, -2.01, Cp.FAULT),
    (Cp.E, -9.99, Cp.FAULT), (Cp.E, -10.0, Cp.F), (Cp.MISSING, 10.5, Cp.A), (Cp.FAULT, 7.5, Cp.B),
    (Cp.F, -1.5, Cp.E), (Cp.F, -1.51, Cp.FAULT),
    (Cp.F, 1.5, Cp.D), (Cp.F, 4.5, Cp.C), (Cp.F, 7.5, Cp.B), (Cp.F, 10.5, Cp.A),
    (Cp.F, 10.49, Cp.B), (Cp.F, 7.49, Cp.C), (Cp.F, 4.49, Cp.D), (Cp.F, 1.49, Cp.E),
)
# fmt: on


@pytest.mark.parametrize(("present", "high_v", "seen"), BOUNDARIES)
def test_a_boundary_moves_away_from_the_present_state(present: CpState, high_v: float, seen: CpState) -> None:
    assert classify(high_v, present) is seen


@pytest.mark.parametrize("present", CpState)
def test_tolerances_of_generator_and_ev_are_inside_the_right_window(present: CpState) -> None:
    for state, volts in {
        Cp.A: (11.4, 12.6),
        Cp.B: (8.06, 9.99),  # 1870 to 4610 ohm
        Cp.C: (5.28, 6.51),  # 909 to 1723 ohm beside 2740
        Cp.D: (2.62, 3.25),
        Cp.E: (-0.5, 0.5),
        Cp.F: (-12.6, -11.4),
    }.items():
        for high_v in volts:
            assert classify(high_v, present) is state


@given(st.sampled_from(CpState), st.floats(-13.0, 13.0))
def test_noise_within_half_a_volt_of_a_seen_state_does_not_leave_it(present: CpState, high_v: float) -> None:
    seen = classify(high_v, present)
    again = classify(high_v, seen)
    assert classify(high_v, again) is again


@given(st.floats(-13.0, 13.0), st.floats(0.0, 26.0), st.sampled_from(CpState))
def test_a_higher_voltage_never_means_a_later_letter(high_v: float, up_v: float, present: CpState) -> None:
    order = [Cp.F, Cp.FAULT, Cp.E, Cp.D, Cp.C, Cp.B, Cp.A]
    higher_v = min(13.0, high_v + up_v)
    assert order.index(classify(high_v, present)) <= order.index(classify(higher_v, present))


@pytest.mark.parametrize("start", [Cp.C, Cp.D])
@pytest.mark.parametrize("to", [Cp.A, Cp.B, Cp.E, Cp.FAULT])
def test_leaving_c_or_d_costs_exactly_one_confirming_burst(start: CpState, to: CpState) -> None:
    assert Line(start).ticks_to(to, NOMINAL_V[to]) == 2


@pytest.mark.parametrize("start", [Cp.C, Cp.D])
def test_one_odd_burst_is_not_believed(start: CpState) -> None:
    line = Line(start)
    for odd_v in (12.0, 9.0, 0.0, -12.0):
        assert line.show(odd_v) is start
        assert line.show(NOMINAL_V[start]) is start


def test_two_different_odd_bursts_are_not_believed() -> None:
    line = Line(Cp.B)
    assert line.show(6.0) is Cp.B
    assert line.show(0.0) is Cp.B
    assert line.show(6.0) is Cp.B


@pytest.mark.parametrize("power", [Cp.C, Cp.D])
def test_power_does_not_wait_until_the_bursts_agree_on_where_to(power: Cp) -> None:
    line = Line(power)
    assert line.show(9.0) is power
    assert line.show(0.0) is Cp.E


def test_a_single_odd_burst_between_good_ones_takes_nothing_away() -> None:
    line = Line(Cp.C)
    for _ in range(20):
        assert line.show(9.0) is Cp.C
        assert line.show(6.0) is Cp.C


# fmt: off
ENTERING = [
    (Cp.A, Cp.B, (0.10, 0.12)),  # the contacts of a plug bounce
    (Cp.A, Cp.C, (0.10, 0.12)),
    (Cp.A, Cp.D, (0.10, 0.12)),
    (Cp.B, Cp.C, (0.03, 0.05)),
    (Cp.B, Cp.D, (0.03, 0.05)),
    (Cp.B, Cp.A, (0.03, 0.05)),
    (Cp.B, Cp.E, (0.01, 0.03)),
    (Cp.E, Cp.A, (0.01, 0.03)),
    (Cp.F, Cp.B, (0.01, 0.03)),
]
# fmt: on


@pytest.mark.parametrize(("start", "to", "within_s"), ENTERING)
def test_entering_takes_its_time(start: CpState, to: CpState, within_s: tuple[float, float]) -> None:
    line = Line(start, duty=0.0 if start is Cp.F else 0.5)
    since_first_s = line.ticks_to(to, NOMINAL_V[to]) * TICK_S
    assert within_s[0] < since_first_s <= within_s[1]


def test_a_bouncing_plug_counts_from_its_last_bounce() -> None:
    line = Line(Cp.A)
    for _ in range(10):
        line.show(9.0, seconds=0.05)
        line.show(12.0, seconds=0.01)
    assert line.pilot.state is Cp.A
    assert line.ticks_to(Cp.B, 9.0) == 11


def test_b_c_b_toggles_of_200_ms_are_reported() -> None:
    line = Line(Cp.B)
    seen = [line.show(high_v, seconds=0.2) for high_v in (6.0, 9.0, 6.0, 9.0)]
    assert seen == [Cp.C, Cp.B, Cp.C, Cp.B]


def test_a_plateau_that_was_not_seen_changes_nothing() -> None:
    line = Line(Cp.C)
    assert line.show(None, seconds=0.04) is Cp.C
    assert line.ticks_to(Cp.B, 9.0) == 2


def test_a_plateau_that_stays_unseen_is_a_missing_reading_within_100_ms() -> None:
    line = Line(Cp.C)
    for _ in range(10):
        line.show(None, seconds=0.04)
        assert line.show(6.0) is Cp.C
    assert line.show(None, seconds=0.05) is Cp.C
    assert line.show(None) is Cp.MISSING


def test_no_reading_is_missing_after_two_bursts() -> None:
    line = Line(Cp.C)
    line.feed(Missing("no answer", 0.0))
    assert line.pilot.state is Cp.C
    line.feed(Missing("no answer", 0.0))
    assert line.pilot.state is Cp.MISSING
    assert line.ticks_to(Cp.B, 9.0) == 2


def test_it_is_settled_after_two_bursts() -> None:
    pilot = ControlPilot()
    settled = []
    for n in range(3):
        pilot.update(CpReading(12.0, -12.0, 32, 32), 0.5, n * TICK_S)
        settled.append(pilot.settled)
    assert settled == [False, True, True]


# The diode.


@pytest.mark.parametrize("state", PLUGGED)
def test_one_unloaded_negative_half_wave_proves_the_diode(state: CpState) -> None:
    line = Line(state, duty=1.0)
    assert not line.pilot.diode_seen
    line.duty = 0.5
    line.show(NOMINAL_V[state], -10.0)
    assert line.pilot.diode_seen


@pytest.mark.parametrize("duty", [0.0, 1.0])
def test_a_static_pilot_proves_nothing(duty: float) -> None:
    line = Line(Cp.C, duty=1.0)
    line.duty = duty
    line.show(6.0, -12.0, seconds=1.0)
    assert not line.pilot.diode_seen
    line.show(6.0, -6.0, seconds=1.0)
    assert not line.pilot.diode_shorted


def test_a_missing_or_unseen_plateau_proves_nothing() -> None:
    line = Line(Cp.C, duty=1.0)
    line.duty = 0.5
    line.show(6.0, None, seconds=0.1)
    line.feed(Missing("no answer", 0.0))
    assert not line.pilot.diode_seen
    assert not line.pilot.diode_shorted


def test_an_empty_outlet_has_no_diode() -> None:
    line = Line(Cp.A)
    line.show(12.0, -12.0, seconds=1.0)
    assert not line.pilot.diode_seen
    assert not line.pilot.diode_shorted


@pytest.mark.parametrize("low_v", [-9.9, -7.3, -4.7])
def test_a_weak_low_half_wave_proves_nothing_and_lasting_it_disproves(low_v: float) -> None:
    line = Line(Cp.C, duty=1.0)
    line.duty = 0.5
    line.show(6.0, low_v, seconds=0.09)
    assert not line.pilot.diode_seen
    assert not line.pilot.diode_shorted
    line.show(6.0, low_v)
    assert line.pilot.diode_shorted


@pytest.mark.parametrize("state", [Cp.A, Cp.E, Cp.F])
def test_what_shows_no_diode_ends_its_proof(state: Cp) -> None:
    line = Line(Cp.C)
    assert line.pilot.diode_seen
    line.show({Cp.A: 12.0, Cp.E: 0.0, Cp.F: -12.0}[state], -12.0, seconds=0.2)
    assert line.pilot.state is state
    assert not line.pilot.diode_seen


@pytest.mark.parametrize(("high_v", "low_v"), [(8.8, -8.8), (6.0, -7.19), (6.0, -4.81), (2.4, -2.4)])
def test_three_mirrored_half_waves_disprove_it(high_v: float, low_v: float) -> None:
    line = Line(Cp.C)
    shorted = []
    for _ in range(3):
        line.show(high_v, low_v)
        shorted.append(line.pilot.diode_shorted)
    assert shorted == [False, False, True]


@pytest.mark.parametrize(("high_v", "low_v"), [(2.0, -2.0), (0.0, 0.0)])
def test_a_short_to_pe_does_not(high_v: float, low_v: float) -> None:
    line = Line(Cp.C)
    line.show(high_v, low_v, seconds=1.0)
    assert not line.pilot.diode_shorted


def test_a_good_half_wave_in_between_starts_the_count_again() -> None:
    line = Line(Cp.C)
    for _ in range(5):
        line.show(6.0, -6.0, seconds=0.02)
        line.show(6.0, -12.0)
    assert not line.pilot.diode_shorted


def test_the_verdict_stands_until_the_ev_has_left() -> None:
    line = Line(Cp.C)
    line.show(6.0, -6.0, seconds=0.1)
    line.show(6.0, -12.0, seconds=1.0)
    assert line.pilot.diode_shorted
    line.show(12.0, -12.0, seconds=0.1)
    assert not line.pilot.diode_shorted
    assert not line.pilot.diode_seen
    line.show(6.0, -6.0, seconds=0.02)
    assert not line.pilot.diode_shorted


def test_a_pilot_shorted_to_pe_has_no_diode_seen() -> None:
    line = Line(Cp.C)
    line.show(0.0, -12.0, seconds=0.1)
    assert line.pilot.state is Cp.E
    assert not line.pilot.diode_seen


# A line that stays low.


def test_f_that_we_do_not_drive_is_stuck_low_after_three_bursts() -> None:
    line = Line(Cp.C)
    stuck = []
    for _ in range(3):
        line.show(-12.0)
        stuck.append(line.pilot.stuck_low)
    assert stuck == [False, False, True]
    line.show(6.0)
    assert not line.pilot.stuck_low


def test_f_that_we_drive_is_not_stuck() -> None:
    line = Line(Cp.C)
    line.duty = 0.0
    line.show(-12.0, seconds=5.0)
    assert line.pilot.state is Cp.F
    assert not line.pilot.stuck_low
