import random

import pytest

from hal.sim.ev import Ev
from tests.hal.sim.rig import Rig


def test_unplugged_outlet_shows_12_volts_and_no_plug(rig: Rig) -> None:
    assert rig.lines.get("cp_pos_v") == 12.0
    assert rig.lines.get("pp_ohm") == float("inf")


def test_plugged_ev_is_in_b_until_the_duty_offers_current(rig: Rig) -> None:
    rig.world.plug_in()
    rig.world.ev.request_power(16.0, 3)
    rig.run(2.0)
    assert rig.letters() == "B"
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(0.4)
    assert rig.letters() == "BC"
    assert rig.lines.get("cp_pos_v") == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("duty", [1.0, 0.05, 0.98])
def test_ev_goes_back_to_b_within_3_s_of_an_invalid_duty(rig: Rig, duty: float) -> None:
    rig.charge(current_a=32.0, duty=0.5333)
    changed_s = rig.clock.now_s()
    rig.board.pilot_out.set_duty(duty)
    rig.run(4.0)
    at_s, letter = rig.shown("cp")[-1]
    assert letter == "B"
    assert 0.2 < at_s - changed_s < 3.0
    assert rig.world.meter_values().power_w == 0.0


def test_ev_opens_s2_in_time_even_if_its_current_takes_longer() -> None:
    ev = Ev(random.Random(1))
    ev.request_power(80.0, 3)
    for step in range(1000):
        ev.step(step * 0.01, step * 0.01 + 0.01, 0.97, True, True)
    assert ev.current_a == pytest.approx(80.0)
    for step in range(1000, 1300):
        ev.step(step * 0.01, step * 0.01 + 0.01, 1.0, True, True)
    assert not ev.s2_closed


def test_ev_returns_to_c_by_itself_when_the_offer_returns(rig: Rig) -> None:
    rig.charge()
    rig.board.pilot_out.set_duty(1.0)
    rig.run(4.0)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(0.5)
    assert rig.letters() == "BCBC"


def test_ev_that_draws_nothing_opens_s2_as_soon_as_it_has_seen_the_offer_end(rig: Rig) -> None:
    rig.world.plug_in()
    rig.world.ev.request_power(16.0, 3)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(1.0)
    rig.board.pilot_out.set_duty(1.0)
    rig.run(0.4)
    assert rig.letters() == "BCB"


def test_two_short_gaps_in_the_duty_do_not_add_up(rig: Rig) -> None:
    rig.world.plug_in()
    rig.world.ev.request_power(16.0, 3)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(1.0)
    for duty, duration_s in ((1.0, 0.1), (0.2667, 0.1), (1.0, 0.2), (0.2667, 1.0)):
        rig.board.pilot_out.set_duty(duty)
        rig.run(duration_s)
    assert rig.letters() == "BC"


def test_a_duty_shorter_than_the_evs_reaction_changes_nothing(rig: Rig) -> None:
    rig.charge()
    rig.board.pilot_out.set_duty(1.0)
    rig.run(0.1)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(1.0)
    assert rig.letters() == "BC"


@pytest.mark.parametrize(
    ("duty", "own_a", "flows_a"), [(0.2667, 32.0, 16.0), (0.5333, 16.0, 16.0), (0.1, 16.0, 6.0)]
)
def test_ev_takes_the_smaller_of_its_current_and_the_offer(
    rig: Rig, duty: float, own_a: float, flows_a: float
) -> None:
    rig.charge(current_a=own_a, duty=duty)
    assert rig.world.meter_values().current_a == pytest.approx((flows_a,) * 3, abs=0.01)


def test_current_follows_a_new_duty_after_a_reaction_and_a_ramp(rig: Rig) -> None:
    rig.charge(current_a=32.0, duty=0.5333)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(0.2)
    assert rig.world.meter_values().current_a[0] == pytest.approx(32.0, abs=0.01)
    rig.run(0.65)
    assert 16.1 < rig.world.meter_values().current_a[0] < 31.9
    rig.run(1.5)
    assert rig.world.meter_values().current_a[0] == pytest.approx(16.0, abs=0.01)


def test_fixed_draw_ignores_the_duty(rig: Rig) -> None:
    rig.world.plug_in()
    rig.world.ev.request_power_fixed(20.0, 1)
    rig.board.contactor.drive(True)
    rig.run(5.0)
    assert rig.letters()[-1] == "C"
    assert rig.world.meter_values().current_a == (20.0, 0.0, 0.0)


def test_an_unknown_pilot_letter_is_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="cp 'G': expected one of A, B, C, D, E, F"):
        rig.world.ev.force_cp("G")


def test_ev_with_ventilation_shows_d(rig: Rig) -> None:
    rig.world.ev.ventilation = True
    rig.charge()
    assert rig.lines.get("cp_pos_v") == pytest.approx(2.93, abs=0.1)


def test_sleeping_ev_wakes_when_the_pilot_was_absent_for_3_s(rig: Rig) -> None:
    rig.world.ev.fall_asleep()
    rig.charge()
    assert rig.letters() == "B"
    rig.board.pilot_out.set_connected(False)
    rig.run(2.9)
    rig.board.pilot_out.set_connected(True)
    rig.run(1.0)
    assert rig.letters() == "B"
    rig.board.pilot_out.set_connected(False)
    assert rig.world.pilot_duty() == 0.0
    rig.run(3.2)
    rig.board.pilot_out.set_connected(True)
    rig.run(1.0)
    assert rig.letters() == "BC"


def test_a_disconnected_pilot_looks_unplugged_to_the_evse_and_stops_the_ev(rig: Rig) -> None:
    rig.charge()
    rig.board.pilot_out.set_connected(False)
    rig.run(0.01)
    reading = rig.board.pilot_in.read()
    assert (reading.high_v, reading.low_v) == pytest.approx((12.0, -12.0), abs=0.25)
    rig.run(3.0)
    assert rig.letters() == "BCB"
    assert rig.world.cable.connected
    assert rig.world.meter_values().power_w == 0.0


def test_an_ev_that_wanted_power_wants_it_again_after_a_virtual_replug(rig: Rig) -> None:
    rig.charge()
    rig.board.pilot_out.set_connected(False)
    rig.run(4.0)
    rig.board.pilot_out.set_duty(1.0)
    rig.board.pilot_out.set_connected(True)
    rig.run(1.0)
    assert rig.lines.get("cp_pos_v") == pytest.approx(9.0, abs=0.1)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(5.0)
    assert rig.letters() == "BCBC"
    assert rig.world.meter_values().current_a == pytest.approx((16.0, 16.0, 16.0), abs=0.01)


def test_a_paused_ev_stays_paused_after_a_virtual_replug(rig: Rig) -> None:
    rig.charge()
    rig.world.ev.pause()
    rig.board.pilot_out.set_connected(False)
    rig.run(4.0)
    rig.board.pilot_out.set_connected(True)
    rig.run(5.0)
    assert rig.letters() == "BCB"


def test_equal_seeds_make_equal_worlds() -> None:
    def story() -> list[object]:
        rig = Rig()
        rig.charge()
        return [rig.trace, rig.world.meter_values()]

    assert story() == story()
