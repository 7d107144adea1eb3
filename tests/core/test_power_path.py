"""The contactor: command, feedback, reclosing, and the six seconds of grace."""

import pytest

from evsed.core.power_path import DROPPED_S, OPENING_S, Power, PowerPath

TICK_S = 0.01
RECLOSE_S = 2.0


class Rig:
    """A power path, open for the reclose time already, with a contactor that follows, or does not."""

    def __init__(self) -> None:
        self.path = PowerPath(RECLOSE_S)
        self.now_s = 100.0
        self.ev_requests = True
        self.mirror: bool | None = None  # None: follows the command
        self.path.sense(False, self.now_s)
        self.now_s += RECLOSE_S

    def run(self, want: Power, seconds: float = TICK_S, fresh: bool = True) -> bool:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            mirror = self.path.commanded if self.mirror is None else self.mirror
            self.path.sense(mirror, self.now_s)
            self.path.update(want, self.ev_requests, fresh, self.now_s)
        return self.path.commanded

    def open_after(self, want: Power) -> float:
        """Seconds until the command falls."""
        start_s = self.now_s
        while self.run(want):
            assert self.now_s - start_s < 60.0
        return self.now_s - start_s


def closed() -> Rig:
    rig = Rig()
    assert rig.run(Power.ON, 1.0)
    return rig


def test_before_the_first_sample_it_is_in_order_but_nobody_knows_that_it_is_open() -> None:
    path = PowerPath(RECLOSE_S)
    assert not path.off
    assert (path.welded, path.not_closed, path.closings_n, path.under_load_n) == (False, False, 0, 0)


def test_it_closes_when_on_is_wanted_and_the_ev_asks() -> None:
    rig = Rig()
    assert not rig.run(Power.OFF)
    assert rig.path.off
    assert rig.run(Power.ON)
    assert rig.path.closings_n == 1
    assert not rig.path.off


def test_when_it_was_opened_last_is_unknown_at_the_start_so_it_waits() -> None:
    path = PowerPath(RECLOSE_S)
    path.sense(False, 50.0)
    assert not path.update(Power.ON, True, True, 50.0 + RECLOSE_S - TICK_S)
    assert path.update(Power.ON, True, True, 50.0 + RECLOSE_S)


def test_it_counts_as_off_no_sooner_than_a_contactor_has_had_time_to_open_whatever_the_mirror_says() -> None:
    rig = closed()
    rig.mirror = False  # it never shows that the contacts are closed
    opened_s = rig.open_after(Power.ON)
    assert opened_s < 0.05
    off_after_s = 0.0
    while not rig.path.off:
        rig.run(Power.OFF)
        off_after_s += TICK_S
    assert off_after_s == pytest.approx(0.1)


def at_zero() -> PowerPath:
    """Closed and confirmed at 0 s, from where on the limits are exact numbers."""
    path = PowerPath(RECLOSE_S)
    path.sense(False, -10.0)
    assert path.update(Power.ON, True, True, 0.0)
    path.sense(True, 0.0)
    return path


def test_it_is_off_after_just_the_time_that_a_contactor_takes_to_open() -> None:
    path = at_zero()
    path.open(0.0)
    path.sense(False, OPENING_S)
    assert path.off


def test_a_mirror_that_has_dropped_for_just_its_time_opens() -> None:
    path = at_zero()
    path.sense(False, 0.0)
    assert path.commanded
    path.sense(False, DROPPED_S)
    assert not path.commanded


def test_a_process_that_has_just_started_waits_as_its_predecessor_may_have_opened_just_now() -> None:
    path = PowerPath(RECLOSE_S)
    path.sense(False, 50.0)
    assert not path.off
    path.sense(False, 50.1)
    assert path.off


def test_before_the_first_feedback_it_does_not_close() -> None:
    assert not PowerPath(0.0).update(Power.ON, True, True, 1000.0)


@pytest.mark.parametrize("want", [Power.OFF, Power.RAMP_DOWN])
def test_nothing_else_closes_it(want: Power) -> None:
    assert not Rig().run(want, 10.0)


def test_it_does_not_close_without_the_ev() -> None:
    rig = Rig()
    rig.ev_requests = False
    assert not rig.run(Power.ON, 10.0)


def test_it_does_not_close_without_a_new_sample_but_stays_closed_and_opens() -> None:
    rig = Rig()
    assert not rig.run(Power.ON, 1.0, fresh=False)
    assert rig.run(Power.ON)
    assert rig.run(Power.ON, 1.0, fresh=False)
    assert not rig.run(Power.OFF, fresh=False)


@pytest.mark.parametrize("want", Power)
def test_it_opens_in_the_step_in_which_the_ev_stops_asking(want: Power) -> None:
    rig = closed()
    rig.ev_requests = False
    assert not rig.run(want)


def test_off_opens_at_once() -> None:
    assert not closed().run(Power.OFF)


def test_after_an_opening_it_stays_open_for_the_reclose_time() -> None:
    rig = closed()
    rig.run(Power.OFF)
    opened_s = rig.now_s
    while not rig.run(Power.ON):
        pass
    assert rig.now_s - opened_s == pytest.approx(RECLOSE_S, abs=TICK_S)
    assert rig.path.closings_n == 2


def test_an_ev_that_ignores_x1_is_cut_off_after_six_seconds_and_counted() -> None:
    rig = closed()
    assert rig.open_after(Power.RAMP_DOWN) == pytest.approx(6.0, abs=2 * TICK_S)
    assert rig.path.under_load_n == 1
    assert not rig.run(Power.RAMP_DOWN, 20.0)
    assert rig.path.under_load_n == 1


def test_an_ev_that_obeys_is_not_counted() -> None:
    rig = closed()
    assert rig.run(Power.RAMP_DOWN, 5.5)
    rig.ev_requests = False
    assert not rig.run(Power.RAMP_DOWN)
    assert rig.path.under_load_n == 0


def test_the_six_seconds_start_anew_once_the_ev_has_had_an_offer_for_its_reaction_time() -> None:
    rig = closed()
    rig.run(Power.RAMP_DOWN, 5.0)
    rig.run(Power.ON, 3.1)
    assert rig.open_after(Power.RAMP_DOWN) == pytest.approx(6.0, abs=2 * TICK_S)


@pytest.mark.parametrize("offered_s", [TICK_S, 1.0, 2.9])
def test_a_shorter_offer_does_not_prolong_them(offered_s: float) -> None:
    rig = closed()
    rig.run(Power.RAMP_DOWN, 5.0)
    rig.run(Power.ON, offered_s)
    assert rig.open_after(Power.RAMP_DOWN) <= 1.0 + 2 * TICK_S


def test_they_start_anew_with_every_closing() -> None:
    rig = closed()
    rig.run(Power.RAMP_DOWN, 5.0)
    rig.run(Power.OFF)
    while not rig.run(Power.ON):
        pass
    assert rig.open_after(Power.RAMP_DOWN) == pytest.approx(6.0, abs=2 * TICK_S)


def test_an_ev_that_opens_and_closes_s2_meanwhile_is_not_powered_again() -> None:
    rig = closed()
    rig.run(Power.RAMP_DOWN, 1.0)
    rig.ev_requests = False
    rig.run(Power.RAMP_DOWN)
    rig.ev_requests = True
    assert not rig.run(Power.RAMP_DOWN, 20.0)


def verdicts(rig: Rig) -> tuple[bool, bool]:
    return rig.path.welded, rig.path.not_closed


def test_a_mirror_that_does_not_follow_closing_is_not_closed_after_its_time() -> None:
    rig = Rig()
    rig.mirror = False
    rig.run(Power.ON)
    rig.run(Power.ON, 0.25)
    assert verdicts(rig) == (False, False)
    rig.run(Power.ON)
    assert verdicts(rig) == (False, True)
    rig.mirror = True
    rig.run(Power.ON)
    assert verdicts(rig) == (False, False)


def test_a_mirror_that_does_not_follow_opening_is_welded_after_its_time() -> None:
    rig = closed()
    rig.mirror = True
    rig.run(Power.OFF)
    assert not rig.path.off
    rig.run(Power.OFF, 0.25)
    assert verdicts(rig) == (False, False)
    rig.run(Power.OFF)
    assert verdicts(rig) == (True, False)
    assert not rig.path.off
    rig.mirror = False
    rig.run(Power.OFF)
    assert verdicts(rig) == (False, False)
    assert rig.path.off


def test_a_bouncing_mirror_is_no_fault_and_opens_nothing() -> None:
    rig = closed()
    for _ in range(20):
        rig.mirror = False
        assert rig.run(Power.ON, 0.03)
        rig.mirror = True
        assert rig.run(Power.ON)
        assert verdicts(rig) == (False, False)


def test_a_contactor_that_drops_out_by_itself_is_commanded_open_and_waits() -> None:
    rig = closed()
    rig.mirror = False
    rig.run(Power.ON, 0.05)
    rig.mirror = None
    assert not rig.run(Power.ON, RECLOSE_S - 0.1)
    assert rig.run(Power.ON, 0.2)
    assert verdicts(rig) == (False, False)


def test_a_command_starts_the_time_for_the_mirror_anew() -> None:
    rig = Rig()
    rig.mirror = False
    rig.run(Power.ON, 0.2)
    rig.run(Power.OFF, 0.2)
    rig.mirror = True
    rig.run(Power.OFF, 0.2)
    assert verdicts(rig) == (False, False)


def test_opening_an_open_contactor_does_not_start_the_reclose_time() -> None:
    rig = Rig()
    rig.run(Power.OFF, 1.0)
    rig.path.open(rig.now_s)
    assert rig.run(Power.ON)
