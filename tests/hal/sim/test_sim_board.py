from statistics import fmean, pstdev

import pytest

from hal.errors import LineBusy
from hal.sim.adc import BURST_S, STEP_V, BurstSource
from hal.sim.board import IdealPilotIn, SimBoard
from hal.sim.lines import INDEX, Lines
from hal.types import CpReading, Led, LockDrive, Missing, RailsReading
from tests.hal.sim.rig import ManualClock, Rig

DUTY = 0.2667
LETTER_LEVELS_V = {"A": 12.0, "B": 8.98, "C": 6.0, "D": 2.93}


def test_board_is_born_safe_whatever_it_finds() -> None:
    lines = Lines.in_memory()
    safe = {"duty": 1, "contactor": 0, "lock_motor": 0, "cp_connected": 1, "phase_switch": 1, "rcd_test": 0}
    for name, level in safe.items():
        lines.cells[INDEX[name]] = 1.0 - level
    SimBoard(lines, ManualClock())
    assert {name: lines.get(name) for name in safe} == safe


def test_a_closed_board_leaves_three_phases_and_no_test_current(rig: Rig) -> None:
    rig.board.phase_switch.drive(False)
    rig.board.rcd_test.drive(True)
    rig.board.close()
    assert (rig.lines.get("phase_switch"), rig.lines.get("rcd_test")) == (1.0, 0.0)


def test_a_second_board_on_the_same_lines_is_busy() -> None:
    lines = Lines.in_memory()
    SimBoard(lines, ManualClock())
    with pytest.raises(LineBusy):
        SimBoard(lines, ManualClock())


def test_lines_are_free_again_after_close(rig: Rig) -> None:
    rig.board.close()
    SimBoard(rig.lines, rig.clock)


@pytest.mark.parametrize("letter", list(LETTER_LEVELS_V))
@pytest.mark.parametrize("duty", [0.1, DUTY, 0.85])
def test_burst_measures_the_level_of_every_letter(rig: Rig, letter: str, duty: float) -> None:
    rig.world.ev.force_cp(letter)
    rig.board.pilot_out.set_duty(duty)
    rig.run(0.02)
    reading = rig.board.pilot_in.read()
    assert reading.high_v == pytest.approx(LETTER_LEVELS_V[letter], abs=0.25)
    assert reading.low_v == pytest.approx(-12.0, abs=0.25)


@pytest.mark.parametrize(("letter", "level_v"), [("E", 0.0), ("F", -12.0)])
def test_burst_of_a_short_or_a_dead_pilot_is_static(rig: Rig, letter: str, level_v: float) -> None:
    rig.world.ev.force_cp(letter)
    rig.board.pilot_out.set_duty(DUTY)
    rig.run(0.02)
    reading = rig.board.pilot_in.read()
    assert reading.high_v == reading.low_v == pytest.approx(level_v, abs=0.05)


@pytest.mark.parametrize(("duty", "level_v"), [(1.0, 8.98), (0.0, -12.0)])
def test_burst_of_a_steady_generator_is_static(rig: Rig, duty: float, level_v: float) -> None:
    rig.world.plug_in()
    rig.board.pilot_out.set_duty(duty)
    rig.run(0.02)
    reading = rig.board.pilot_in.read()
    assert reading.high_v == reading.low_v == pytest.approx(level_v, abs=0.02)


def test_burst_takes_its_true_time(rig: Rig) -> None:
    before_s = rig.clock.now_s()
    rig.board.pilot_in.read()
    assert rig.clock.now_s() - before_s == pytest.approx(BURST_S)
    assert pytest.approx(0.0026) == BURST_S


def test_a_change_during_the_burst_is_seen_in_its_second_half(rig: Rig) -> None:
    rig.charge()
    assert rig.board.pilot_in.read().high_v == pytest.approx(6.0, abs=0.1)

    def pull() -> None:
        rig.world.unplug()
        rig.world.advance(rig.clock.now_s())

    rig.clock.during_sleep = pull
    reading = rig.board.pilot_in.read()
    assert reading.high_v == pytest.approx(12.0, abs=0.2)
    assert 3 <= reading.high_n <= 32


def test_noise_spreads_the_samples_and_the_mean_stays() -> None:
    source = BurstSource(seed=1)
    source.start()
    quiet = source.half(0, 9.0, -12.0, 1.0, 0.0)
    noisy = source.half(0, 9.0, -12.0, 1.0, 0.2)
    assert max(quiet) - min(quiet) == 0.0
    assert 0.3 < max(noisy) - min(noisy) < 1.5
    assert sum(noisy) / len(noisy) == pytest.approx(9.0, abs=0.15)


def test_a_static_pilot_is_read_anew_at_each_level_and_noise() -> None:
    source = BurstSource(seed=1)
    for level_v, noise_v in ((12.0, 0.02), (9.0, 0.02), (9.0, 0.2), (12.0, 0.02)):
        samples_v = [v for _ in range(500) for v in source.half(0, level_v, -12.0, 1.0, noise_v)]
        assert fmean(samples_v) == pytest.approx(level_v, abs=0.02)
        assert pstdev(samples_v) == pytest.approx(noise_v, rel=0.1)


def test_samples_are_whole_steps_of_the_adc_nearest_to_the_level() -> None:
    source = BurstSource(seed=1)
    for level_v in (8.98, -11.99, 0.003, -0.005):
        sample_v = source.half(0, level_v, -12.0, 1.0, 0.0)[0]
        assert sample_v / STEP_V == pytest.approx(round(sample_v / STEP_V))
        assert abs(sample_v - level_v) <= STEP_V / 2 + 1e-9


def test_both_edges_leave_their_samples_in_the_burst() -> None:
    source = BurstSource(seed=1)
    samples_v = []
    for _ in range(300):
        source.start()
        samples_v += source.half(0, 9.0, -12.0, 0.5, 0.0)
    edges_v = [sample_v for sample_v in samples_v if -11.9 < sample_v < 8.9]
    assert len(edges_v) / len(samples_v) == pytest.approx(0.056, abs=0.01)  # 24 us rise, 32 us fall


def test_ideal_pilot_reads_exact_plateaus_in_no_time(rig: Rig) -> None:
    pilot = IdealPilotIn(rig.lines)
    before_s = rig.clock.now_s()
    rig.world.plug_in()
    rig.run(0.01)
    assert pilot.read() == CpReading(rig.lines.get("cp_pos_v"), rig.lines.get("cp_pos_v"), 64, 64)
    rig.board.pilot_out.set_duty(DUTY)
    assert pilot.read() == CpReading(rig.lines.get("cp_pos_v"), -12.0, 32, 32)
    rig.board.pilot_out.set_duty(0.0)
    assert pilot.read() == CpReading(-12.0, -12.0, 64, 64)
    assert rig.clock.now_s() == before_s + 0.01


def test_ideal_pilot_is_chosen_at_construction() -> None:
    board = SimBoard(Lines.in_memory(), ManualClock(), ideal_pilot=True)
    assert isinstance(board.pilot_in, IdealPilotIn)


@pytest.mark.parametrize("duty", [-0.1, 1.1, float("nan")])
def test_impossible_duty_is_refused(rig: Rig, duty: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        rig.board.pilot_out.set_duty(duty)


@pytest.mark.parametrize(
    ("direction", "motor"), [(LockDrive.LOCK, 1.0), (LockDrive.UNLOCK, -1.0), (LockDrive.OFF, 0.0)]
)
def test_lock_drive_sets_the_motor(rig: Rig, direction: LockDrive, motor: float) -> None:
    rig.board.lock.drive(direction)
    assert rig.lines.get("lock_motor") == motor


def test_led_shows_its_colours_when_lit(rig: Rig) -> None:
    rig.board.led.show(Led(red=True, blue=True), lit=True)
    assert rig.lines.get("led_rgb") == 0b101
    rig.board.led.show(Led(red=True, blue=True), lit=False)
    assert rig.lines.get("led_rgb") == 0


def test_heartbeat_counts_and_stamps_its_edges(rig: Rig) -> None:
    before = rig.lines.get("heartbeat")
    rig.clock.sleep(0.5)
    rig.board.heartbeat.toggle()
    assert rig.lines.get("heartbeat") == before + 1
    assert rig.lines.get("heartbeat_at_s") == rig.clock.now_s()


def test_trips_follow_their_lines_and_wake_nobody(rig: Rig) -> None:
    assert (rig.board.trips.rcd_tripped(), rig.board.trips.emergency_stop()) == (False, False)
    rig.world.press_emergency_stop(True)
    rig.run(0.01)
    assert rig.board.trips.emergency_stop()
    assert rig.board.trips.wake_fd() is None


def test_the_stop_button_is_no_emergency_stop(rig: Rig) -> None:
    assert not rig.board.trips.stop_pressed()
    rig.world.press_stop_button(True)
    rig.run(0.01)
    assert (rig.board.trips.stop_pressed(), rig.board.trips.emergency_stop()) == (True, False)
    rig.world.press_stop_button(False)
    rig.run(0.01)
    assert not rig.board.trips.stop_pressed()


def test_rails_are_read_as_the_world_has_them(rig: Rig) -> None:
    assert rig.board.rails_in.read() == RailsReading(12.0, -12.0, 5.0)
    for rail, voltage_v in (("12V", 10.5), ("-12V", -9.5), ("5V", 4.25)):
        rig.world.set_rail(rail, voltage_v)
    rig.run(0.01)
    assert rig.board.rails_in.read() == RailsReading(10.5, -9.5, 4.25)


def test_a_world_that_stands_still_has_neither_pilot_nor_rails(rig: Rig) -> None:
    stood_s = rig.clock.now_s()
    rig.clock.move_to(stood_s + 1.9)
    assert isinstance(rig.board.rails_in.read(), RailsReading)
    rig.clock.move_to(stood_s + 2.1)
    missing = Missing("the simulated world stands still", pytest.approx(stood_s))
    assert rig.board.rails_in.read() == missing
    assert rig.board.pilot_in.read() == missing
