import math

import pytest

from hal.sim.commands import ROWS, Kind
from hal.sim.script import DEFAULT_PLUGIN, ScriptError, ScriptRunner, parse
from hal.types import LockDrive
from tests.hal.sim.rig import Rig


def shown_after(rig: Rig, text: str, line: str, duration_s: float = 0.1) -> float:
    rig.script.execute(f"{text};sleep 1000")
    rig.run(duration_s)
    return rig.lines.get(line)


REFERENCE_COMMANDS = {
    *("sleep", "iec_wait_pwr_ready", "iso_wait_pwm_is_running", "draw_power_regulated", "draw_power_fixed"),
    *("pause", "unplug", "error_e", "diode_fail", "rcd_current", "plugin", "wait_for_real_plugin", "set_soc"),
    *("cp", "pp", "cable_ampacity", "contactor_weld", "contactor_stuck_open", "lock_jam", "meter_silent"),
    *("mains", "over_current", "temperature", "estop", "noise"),
    *("stop_button", "token", "plug_temperature", "rail", "rcd_stuck", "lock_forced"),
}

# Parsing


def test_typical_list_is_taken() -> None:
    commands = parse("sleep 1;iec_wait_pwr_ready;sleep 1;draw_power_regulated 16,3;sleep 30;unplug")
    assert [command.row.name for command in commands] == [
        "sleep", "iec_wait_pwr_ready", "sleep", "draw_power_regulated", "sleep", "unplug"
    ]  # fmt: skip
    assert commands[3].values == (16.0, 3)


def test_spaces_and_a_closing_semicolon_do_no_harm() -> None:
    assert len(parse(" sleep 1.5 ; draw_power_fixed 16, 1 ; ")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sleep 1;fly", "command 2, 'fly': unknown; expected one of sleep, "),
        ("Sleep 1", "command 1, 'Sleep': unknown"),
        ("sleep", r"command 1, 'sleep': expected 1 argument\(s\) \(seconds 0 to 86400\), got 0"),
        ("unplug 1", r"'unplug': expected 0 argument\(s\), got 1"),
        ("draw_power_regulated 16", r"expected 2 argument\(s\) \(current .* and phases 1 or 3\), got 1"),
        ("draw_power_regulated 16,2", "expected phases 1 or 3, got '2'"),
        ("sleep x", "expected seconds 0 to 86400, got 'x'"),
        ("sleep -1", "expected seconds"),
        ("sleep nan", "expected seconds"),
        ("pp -1", "expected ohm"),
        ("cp G", "expected state A, B, C, D, E, F, got 'G'"),
        ("estop yes", "expected 0 or 1, got 'yes'"),
        ("cable_ampacity 25", "expected ampacity 13, 20, 32 or 63 A, got '25'"),
        ("token 04A2B3C", "expected UID of 8, 14 or 20 hexadecimal digits or none, got '04A2B3C'"),
        ("token 04A2B3CG", "expected UID"),
        ("rail 3V3,3.3", "expected rail 12V, -12V, 5V, got '3V3'"),
        ("rail 12V", r"expected 2 argument\(s\) \(rail .* and voltage -20 to 20 V\), got 1"),
        ("plug_temperature 151", "expected temperature -50 to 150 C"),
        ("pp closed", "expected ohm 0 to 1e6 or open, got 'closed'"),
        ("wait_for_real_plugin", "no real plug on the simulator"),
        ("iso_start_v2g_session ac", "no ISO 15118"),
        ("iso_wait_slac_matched", "no ISO 15118"),
        ("", "no command"),
        ("sleep 1;;sleep 1", "command 2, '': unknown"),
    ],
)
def test_an_error_names_command_position_and_expectation(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        parse(text)


def test_a_list_with_an_error_is_rejected_whole(rig: Rig) -> None:
    with pytest.raises(ScriptError, match="nothing was executed"):
        rig.script.execute("iec_wait_pwr_ready;fly")
    rig.run(0.5)
    assert rig.letters() == ""
    assert not rig.script.running


# Running lists


def test_typical_list_plays_a_session_and_ends_unplugged(rig: Rig) -> None:
    rig.script.execute("sleep 1;iec_wait_pwr_ready;sleep 1;draw_power_regulated 16,3;sleep 3;unplug")
    rig.run(0.9)
    assert rig.letters() == ""
    rig.run(2.0)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(10.0)
    assert rig.letters() == "BCA"
    assert not rig.script.running
    times_s = [at_s for at_s, _ in rig.shown("cp")]
    assert times_s == pytest.approx([1.06, 3.96, 6.96], abs=0.03)


def test_end_of_a_list_unplugs_and_restores_the_ev_but_not_the_station(rig: Rig) -> None:
    rig.script.execute("iso_wait_pwm_is_running;diode_fail;cable_ampacity 13;over_current 5;estop 1;noise 50")
    rig.run(0.1)
    rig.board.pilot_out.set_duty(0.05)
    rig.run(0.1)
    assert rig.letters() == "BA"
    assert not rig.world.ev.diode_shorted
    assert rig.board.trips.emergency_stop()
    assert rig.lines.get("cp_noise_v") == 0.05
    rig.world.plug_in()
    rig.run(0.1)
    assert rig.lines.get("pp_ohm") == 220.0


def test_a_second_list_is_refused_while_one_runs(rig: Rig) -> None:
    rig.script.execute("sleep 10")
    with pytest.raises(ScriptError, match="a list is running"):
        rig.script.execute("sleep 1")
    assert rig.script.running


def test_modify_replaces_the_list_and_keeps_the_ev_as_it_is(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.2667)
    rig.script.execute("draw_power_regulated 16,3;sleep 1000")
    rig.run(1.0)
    rig.script.modify("sleep 1;pause;sleep 1")
    rig.run(0.9)
    assert rig.letters() == "BC"
    rig.run(5.0)
    assert rig.letters() == "BCBA"


def test_execute_starts_from_an_unplugged_ev(rig: Rig) -> None:
    rig.world.plug_in()
    rig.run(0.1)
    rig.script.execute("iec_wait_pwr_ready")
    rig.run(0.1)
    assert rig.letters() == "BAB"


def test_unplug_and_plug_in_again_shows_the_gap(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.2667)
    rig.script.execute("iec_wait_pwr_ready;unplug;iec_wait_pwr_ready;sleep 1")
    rig.run(0.5)
    assert rig.letters() == "BAB"


def test_disarmed_simulator_unplugs_and_takes_no_list(rig: Rig) -> None:
    rig.script.execute("iec_wait_pwr_ready")
    rig.run(0.1)
    rig.script.enable(False)
    rig.run(0.1)
    assert rig.letters() == "BA"
    with pytest.raises(ScriptError, match="disarmed"):
        rig.script.execute("sleep 1")
    with pytest.raises(ScriptError, match="disarmed"):
        rig.script.modify("sleep 1")
    rig.script.enable(True)
    rig.script.execute("sleep 1")
    assert rig.script.running


def test_plugin_stands_for_the_configured_list(rig: Rig) -> None:
    runner = ScriptRunner(rig.world, plugin="iec_wait_pwr_ready;sleep 1000")
    rig.script = runner
    runner.execute("plugin;estop 1")
    rig.run(1.0)
    assert rig.letters() == "B"
    assert not rig.board.trips.emergency_stop()


def test_a_plugin_list_within_itself_is_refused(rig: Rig) -> None:
    assert parse(DEFAULT_PLUGIN)
    with pytest.raises(ScriptError, match="never end"):
        ScriptRunner(rig.world, plugin="sleep 1;plugin")


# Every row


def test_sleep_waits(rig: Rig) -> None:
    assert shown_after(rig, "sleep 0.5;estop 1", "emergency_stop", 0.4) == 0.0
    rig.run(0.2)
    assert rig.lines.get("emergency_stop") == 1.0


@pytest.mark.parametrize(
    ("command", "duty", "passes"),
    [
        ("iec_wait_pwr_ready", 0.06, False),
        ("iec_wait_pwr_ready", 0.07, True),
        ("iec_wait_pwr_ready", 0.97, True),
        ("iec_wait_pwr_ready", 0.98, False),
        ("iso_wait_pwm_is_running", 0.03, False),
        ("iso_wait_pwm_is_running", 0.05, True),
        ("iso_wait_pwm_is_running", 1.0, False),
    ],
)
def test_waits_end_inside_their_duty_window(rig: Rig, command: str, duty: float, passes: bool) -> None:
    rig.board.pilot_out.set_duty(duty)
    assert shown_after(rig, f"{command};estop 1", "emergency_stop") == float(passes)
    assert rig.letters() == "B"


def test_a_wait_includes_the_plug_that_a_locked_socket_keeps_out(rig: Rig) -> None:
    rig.board.lock.drive(LockDrive.LOCK)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(0.5)
    assert shown_after(rig, "iec_wait_pwr_ready;estop 1", "emergency_stop") == 0.0


def test_draw_power_regulated_follows_the_duty(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.1)
    rig.board.contactor.drive(True)
    shown_after(rig, "draw_power_regulated 16,3", "duty", 3.0)
    assert rig.world.meter_values().current_a == pytest.approx((6.0, 6.0, 6.0))


def test_draw_power_fixed_does_not(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.1)
    rig.board.contactor.drive(True)
    shown_after(rig, "draw_power_fixed 16,1", "duty", 3.0)
    assert rig.world.meter_values().current_a == (16.0, 0.0, 0.0)


def test_over_current_draws_above_the_offer(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.1)
    rig.board.contactor.drive(True)
    shown_after(rig, "draw_power_regulated 16,3;over_current 4", "duty", 3.0)
    assert rig.world.meter_values().current_a == pytest.approx((10.0, 10.0, 10.0))


def test_pause_and_unplug(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.2667)
    shown_after(rig, "draw_power_regulated 16,3;sleep 1;pause;sleep 1;unplug", "duty", 4.0)
    assert rig.letters() == "BCBA"


@pytest.mark.parametrize(
    ("command", "line", "value"),
    [
        ("contactor_weld 1", "mirror", 1.0),
        ("lock_jam 1", "lock_locked", 0.0),
        ("mains 207.5", "mains_v", 207.5),
        ("temperature 71", "temperature_c", 71.0),
        ("plug_temperature 81", "plug_temperature_c", 81.0),
        ("plug_temperature 81", "temperature_c", 25.0),
        ("rail 12V,10.9", "plus_12_v", 10.9),
        ("rail -12V,-8", "minus_12_v", -8.0),
        ("rail 5V,4.4", "plus_5_v", 4.4),
        ("token 04a2b3c4", "token_digits_n", 8.0),
        ("token 04a2b3c4;token none", "token_digits_n", 0.0),
        ("stop_button 1", "stop_button", 1.0),
        ("stop_button 1;stop_button 0", "stop_button", 0.0),
        ("estop 1", "emergency_stop", 1.0),
        ("noise 25", "cp_noise_v", 0.025),
        ("cp A", "cp_pos_v", 12.0),
        ("cp B", "cp_pos_v", 8.98),
        ("cp C", "cp_pos_v", 6.0),
        ("cp D", "cp_pos_v", 2.93),
        ("cp E", "cp_neg_v", 0.0),
        ("cp F", "cp_pos_v", -12.0),
        ("error_e", "cp_pos_v", 0.0),
    ],
)
def test_a_row_shows_on_its_line(rig: Rig, command: str, line: str, value: float) -> None:
    assert shown_after(rig, command, line) == pytest.approx(value, abs=0.02)


@pytest.mark.parametrize(
    ("command", "ohm"),
    [("pp 470", 470.0), ("pp open", math.inf), ("cable_ampacity 13", 1500.0), ("cable_ampacity 63", 100.0)],
)
def test_rows_of_the_cable_show_on_the_proximity_line(rig: Rig, command: str, ohm: float) -> None:
    rig.board.pilot_out.set_duty(0.2667)
    assert shown_after(rig, f"iec_wait_pwr_ready;{command}", "pp_ohm") == ohm


def test_diode_fail_makes_the_low_level_follow_the_high_one(rig: Rig) -> None:
    rig.board.pilot_out.set_duty(0.2667)
    low_v = shown_after(rig, "iec_wait_pwr_ready;diode_fail", "cp_neg_v")
    assert low_v == -rig.lines.get("cp_pos_v")


def test_rcd_current_trips_while_charging(rig: Rig) -> None:
    rig.board.contactor.drive(True)
    rig.run(0.1)
    assert shown_after(rig, "rcd_current 5.1", "rcd_tripped") == 1.0


def test_a_stuck_rcd_trips_on_neither_current_nor_test(rig: Rig) -> None:
    rig.board.contactor.drive(True)
    rig.board.rcd_test.drive(True)
    assert shown_after(rig, "rcd_stuck 1;rcd_current 30", "rcd_tripped") == 0.0


def test_contactor_stuck_open_never_closes(rig: Rig) -> None:
    rig.board.contactor.drive(True)
    assert shown_after(rig, "contactor_stuck_open 1", "mirror") == 0.0


def test_meter_silent_silences_the_meter_and_back(rig: Rig) -> None:
    shown_after(rig, "meter_silent 1;sleep 1;meter_silent 0", "duty")
    assert rig.world.meter_silent
    rig.run(1.1)
    assert not rig.world.meter_silent


def test_set_soc_is_kept(rig: Rig) -> None:
    shown_after(rig, "set_soc 80", "duty")
    assert rig.world.ev.soc_percent == 80.0


def test_table_has_every_command_of_the_reference_once() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert set(names) == REFERENCE_COMMANDS
    assert [row.name for row in ROWS if row.kind is Kind.REFUSED] == ["wait_for_real_plugin"]
