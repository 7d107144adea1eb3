"""Composition of a real board: what is claimed first, what a failure leaves behind, and what it says."""

import errno
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hal.board_model import load_board_model
from hal.board_record import CP, with_calibration
from hal.boards.hardware import make_outputs_safe
from hal.boards.outputs import OUTPUTS
from hal.boards.peripherals import HardwarePeripherals
from hal.drivers.gpio_lines import Output, OutputLine
from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy
from hal.interfaces import Board
from hal.types import (
    BoardRecord,
    Calibration,
    CalibrationSource,
    Led,
    LockDrive,
    Missing,
    PilotCalibration,
)
from tests.hal.boards.board_bench import Copper
from tests.hal.drivers.i2c_bench import EepromChip

POWERED = ("contactor", "phase_switch", "shunt_trip", "rcd_test", "lock", "unlock", "heartbeat")
CM4, HAT = "cm4-carrier", "pi-hat-1p"
LINES_OF = {
    name: [
        line
        for table in (load_board_model(name).outputs, load_board_model(name).inputs)
        for line in table.__struct_fields__
        if getattr(table, line) is not None
    ]
    for name in (CM4, HAT)
}
EVERY_LINE = [(name, line) for name, lines in LINES_OF.items() for line in lines]


@pytest.fixture(params=(CM4, HAT))
def copper(request, tmp_path) -> Copper:
    return Copper(request.param, tmp_path)


@pytest.fixture
def cm4(tmp_path) -> Copper:
    return Copper(CM4, tmp_path)


def outputs(copper: Copper) -> list[str]:
    table = copper.model.outputs
    return [name for name in table.__struct_fields__ if getattr(table, name) is not None]


def everything_on(board: Board) -> None:
    board.contactor.drive(True)
    board.heartbeat.toggle()
    board.pilot_out.set_duty(0.5)
    board.pilot_out.set_connected(False)
    board.led.show(Led(red=True, green=True, blue=True), True)
    if board.lock:
        board.lock.drive(LockDrive.LOCK)
    for device in (board.phase_switch, board.shunt_trip, board.rcd_test):
        if device:
            device.drive(True)


def assert_safe_and_released(copper: Copper) -> None:
    for output in outputs(copper):
        assert not copper.active(output), output
        assert copper.released(output), output
    assert copper.kernel.open_n == 0


def test_every_output_starts_inactive_with_the_pilot_at_x1(copper: Copper) -> None:
    board = copper.open()
    assert [output for output in outputs(copper) if copper.ever_active(output)] == []
    assert copper.duty() == 1.0
    board.close()


def test_every_output_stops_where_it_started_with_the_pilot_at_f(copper: Copper) -> None:
    board = copper.open()
    everything_on(board)
    assert [output for output in outputs(copper) if not copper.active(output)] in (["unlock"], [])
    board.close()
    assert_safe_and_released(copper)
    assert copper.duty() == 0.0
    board.close()


def test_the_contactor_opens_before_everything_else_stops(copper: Copper) -> None:
    board = copper.open()
    everything_on(board)
    copper.kernel.changes.clear()
    board.close()
    assert copper.kernel.changes[0] == (copper.model.outputs.contactor.name, False)
    names = list(dict.fromkeys(name for name, _ in copper.kernel.changes))
    lines = copper.model.outputs
    order = [line.name for line in (lines.phase_switch, lines.heartbeat, lines.pilot_disconnect) if line]
    assert [name for name in names if name in order] == order


def test_a_pilot_of_5_percent_is_read_from_several_bursts_of_that_duty(copper: Copper) -> None:
    board = copper.open()
    board.pilot_out.set_duty(0.05)
    copper.clock.sleep(0.01)
    reading = [board.pilot_in.read() for _ in range(4)][-1]
    assert reading.high_v == pytest.approx(12.0, abs=0.3)
    assert reading.high_n >= 6
    board.close()


def test_a_board_has_the_devices_of_its_file_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "cm4").mkdir()
    board = Copper(CM4, tmp_path / "cm4").open()
    assert None not in (board.lock, board.proximity_in, board.phase_switch, board.shunt_trip, board.rails_in)
    board.close()
    (tmp_path / "hat").mkdir()
    board = Copper(HAT, tmp_path / "hat").open()
    assert (board.lock, board.proximity_in, board.phase_switch, board.shunt_trip) == (None,) * 4
    assert (board.rails_in, board.rcd_test is None) == (None, False)
    board.close()


def test_the_contactor_is_claimed_before_everything_else(copper: Copper) -> None:
    claims = copper.kernel.claims
    copper.open().close()
    names = copper.model
    assert claims[:2] == [names.outputs.contactor.name, names.inputs.mirror.name]
    last_output = max(claims.index(getattr(names.outputs, output).name) for output in outputs(copper))
    assert last_output < claims.index(names.inputs.rcd_trip.name)


@pytest.mark.parametrize(("name", "line"), EVERY_LINE)
def test_a_line_of_another_process_leaves_all_others_safe(name: str, line: str, tmp_path: Path) -> None:
    copper = Copper(name, tmp_path)
    table = copper.model.outputs if line in copper.model.outputs.__struct_fields__ else copper.model.inputs
    line_name = getattr(table, line).name
    other = copper.machine.open_pins()
    held = Output(other, OutputLine(line_name, active_high=getattr(table, line).active_high))
    with pytest.raises(LineBusy, match=f"{line_name} .*'evsed' drives it .*stop that process first"):
        copper.open()
    held.close()
    other.close()
    assert_safe_and_released(copper)
    assert not copper.ever_active("contactor")
    copper.open().close()  # nothing is left claimed


@pytest.mark.parametrize(("name", "line"), EVERY_LINE)
def test_a_line_that_is_not_there_is_named_with_what_to_do(name: str, line: str, tmp_path: Path) -> None:
    copper = Copper(name, tmp_path)
    table = copper.model.outputs if line in copper.model.outputs.__struct_fields__ else copper.model.inputs
    line_name = getattr(table, line).name
    copper.kernel.wires[line_name].name = "NC"
    with pytest.raises(DeviceMissing, match=f"line {line_name}: .*gpio-line-names"):
        copper.open()
    assert [entry.name for entry in copper.kernel.chips["gpiochip0"] if entry.request] == []
    assert copper.kernel.open_n == 0


def test_a_pilot_that_runs_falls_to_f_when_the_adc_is_missing(copper: Copper) -> None:
    copper.spi_error = errno.ENOENT
    with pytest.raises(DeviceMissing, match=r"MCP3208: /dev/spidev0\.0 does not exist; enable its bus"):
        copper.open()
    assert_safe_and_released(copper)
    assert copper.duty() == 0.0
    names = {getattr(copper.model.outputs, output).name for output in outputs(copper)}
    let_go = [name for name, what in copper.kernel.changes if name in names and what == "input"]
    assert let_go[0] == copper.model.outputs.contactor.name


def test_a_wrong_permission_names_device_path_and_group(copper: Copper) -> None:
    copper.spi_error = errno.EACCES
    with pytest.raises(DeviceFailed, match=r"MCP3208: no permission .*/dev/spidev0.0; join the group spi"):
        copper.open()
    assert_safe_and_released(copper)


def test_a_board_on_a_kernel_without_its_pwm_says_which(copper: Copper) -> None:
    copper.pwm.sysfs.rename(copper.pwm.sysfs.with_name("gone"))
    with pytest.raises(DeviceMissing, match=r"no PWM chip of device fe20c000\.pwm .*overlay"):
        copper.open()
    assert_safe_and_released(copper)


def test_the_same_board_twice_is_refused_and_the_first_goes_on(copper: Copper) -> None:
    board = copper.open()
    everything_on(board)
    with pytest.raises(LineBusy, match=copper.model.outputs.contactor.name):
        copper.open()
    assert copper.active("contactor")
    assert copper.duty() == 0.5
    board.close()


def test_an_adc_that_vanishes_makes_readings_missing_and_an_output_raises(cm4: Copper) -> None:
    board = cm4.open()
    cm4.adc.error = errno.ESHUTDOWN
    reading = board.pilot_in.read()
    assert isinstance(reading, Missing)
    assert reading.reason == "MCP3208: /dev/spidev0.0 went away during a transfer"
    cm4.kernel.refuses_with = errno.ENODEV
    with pytest.raises(HalError, match="EVSE_CONTACTOR"):
        board.contactor.drive(True)
    cm4.kernel.refuses_with = 0
    board.close()


# Phases beside a contactor that does not open.


def welded_on_three_phases(copper: Copper) -> None:
    """Left by a process that was killed, on a kernel that keeps the levels of its lines."""
    copper.kernel.keeps_outputs = True
    board = copper.open()
    board.phase_switch.drive(True)
    copper.world.contactor.weld(True)
    copper.clock.sleep(0.05)
    assert board.contactor.mirror_closed()
    copper.kernel.kill_owners()
    board.close()  # reaches no line any more; the PWM's files are let go
    assert copper.active("phase_switch")
    copper.kernel.changes.clear()


def phase_line(copper: Copper) -> list[object]:
    """What has become of it."""
    name = copper.model.outputs.phase_switch.name
    return [what for line, what in copper.kernel.changes if line == name]


def test_phases_stay_at_the_claim_beside_a_welded_contactor_and_at_the_end(cm4: Copper) -> None:
    welded_on_three_phases(cm4)
    board = cm4.open()
    assert cm4.active("phase_switch")
    assert not cm4.active("contactor")
    board.close()
    make_outputs_safe(cm4.model, cm4.clock, cm4.machine)
    assert phase_line(cm4) == []
    cm4.take_outputs(cm4.clock.now_s())
    cm4.clock.sleep(0.1)
    assert cm4.world.phases_switched_under_load_n == 0


def test_phases_that_were_left_as_they_are_move_again_once_the_contactor_has_opened(cm4: Copper) -> None:
    welded_on_three_phases(cm4)
    board = cm4.open()
    cm4.world.contactor.weld(False)
    cm4.clock.sleep(0.05)
    board.phase_switch.drive(True)
    board.phase_switch.drive(False)
    assert phase_line(cm4) == [True, False]
    board.close()
    assert not any(phase_line(cm4)[1:])
    assert_safe_and_released(cm4)


def test_a_contactor_that_welds_later_keeps_its_phases_at_the_end(cm4: Copper) -> None:
    cm4.kernel.keeps_outputs = True
    board = cm4.open()
    board.phase_switch.drive(True)
    cm4.world.contactor.weld(True)
    cm4.clock.sleep(0.05)
    cm4.kernel.changes.clear()
    board.close()
    assert phase_line(cm4) == []
    assert cm4.active("phase_switch")


def test_without_a_mirror_that_can_be_read_the_phases_stay(cm4: Copper) -> None:
    """evse-safe goes on without it."""
    welded_on_three_phases(cm4)
    cm4.wire(cm4.model.inputs.mirror).name = "NC"
    with pytest.raises(DeviceMissing, match="EVSE_MIRROR"):
        make_outputs_safe(cm4.model, cm4.clock, cm4.machine)
    assert phase_line(cm4) == []
    assert cm4.duty() == 0.0


# Calibration.


def eeprom_of(copper: Copper) -> EepromChip:
    chip = EepromChip(copper.clock, size_n=4096, page_n=32, address_n=2)
    copper.i2c.chips[copper.model.eeprom.address] = chip
    return chip


def write_calibration(copper: Copper, calibration: Calibration) -> None:
    from hal.boards.eeprom import open_eeprom

    eeprom = open_eeprom(copper.model.eeprom, copper.clock, copper.i2c)
    eeprom.write(BoardRecord("0001", {"cp": calibration}))


def test_the_pilot_is_read_with_the_calibration_of_the_eeprom(cm4: Copper) -> None:
    eeprom_of(cm4)
    board = cm4.open()
    assert board.notes == ("not calibrated: the EEPROM is empty; run evsectl calibrate cp",)
    plain_v = board.pilot_in.read().high_v
    board.close()
    write_calibration(cm4, Calibration(1.05, 0.1))
    board = cm4.open()
    assert board.notes == ()
    assert board.pilot_in.read().high_v == pytest.approx(1.05 * plain_v + 0.1, abs=0.05)
    board.close()


def test_an_eeprom_that_is_silent_is_told_and_keeps_nobody_from_charging(cm4: Copper) -> None:
    board = cm4.open()
    assert board.notes == (
        "not calibrated: EEPROM 24c32 at 0x50 on /dev/i2c-1 does not answer;"
        " check address, supply and wiring",
    )
    assert board.pilot_in.read().high_v == pytest.approx(12.0, abs=0.1)
    board.close()


def test_what_the_gateway_keeps_in_the_eeprom_counts_at_the_next_start(cm4: Copper) -> None:
    eeprom_of(cm4)
    eeprom = HardwarePeripherals(cm4.model, cm4.clock, cm4.i2c).eeprom
    eeprom.write(BoardRecord("EV-0007"))
    with_calibration(eeprom, CP, Calibration(1.02, -0.1))
    board = cm4.open()
    assert board.calibration == PilotCalibration(Calibration(1.02, -0.1), CalibrationSource.EEPROM)
    board.close()
    assert eeprom.read().serial_number == "EV-0007"


def test_a_board_file_s_calibration_counts_without_one_in_the_eeprom(cm4: Copper) -> None:
    pilot = msgspec.structs.replace(cm4.model.adc.pilot, gain=1.01)
    cm4.model = msgspec.structs.replace(cm4.model, adc=msgspec.structs.replace(cm4.model.adc, pilot=pilot))
    for source in (CalibrationSource.BOARD_FILE, CalibrationSource.EEPROM):
        board = cm4.open()
        assert board.calibration.source is source
        board.close()
        eeprom_of(cm4)
        write_calibration(cm4, Calibration(1.05, 0.1))


# evse-safe.


def left_running(copper: Copper) -> None:
    """As a killed process leaves it: the kernel has its lines, the PWM runs on."""
    copper.open().close()
    (copper.pwm.channel / "duty_cycle").write_text("500000\n")


def test_outputs_are_made_safe_without_any_sensor(copper: Copper) -> None:
    left_running(copper)
    copper.spi_error = errno.ENOENT
    make_outputs_safe(copper.model, copper.clock, copper.machine)
    assert_safe_and_released(copper)
    assert copper.duty() == 0.0


@pytest.mark.parametrize("output", ["heartbeat", "led_red"])
def test_an_output_that_fails_keeps_no_other_from_its_safe_level(copper: Copper, output: str) -> None:
    left_running(copper)
    copper.wire(getattr(copper.model.outputs, output)).name = "NC"
    with pytest.raises(DeviceMissing, match="has this name"):
        make_outputs_safe(copper.model, copper.clock, copper.machine)
    assert copper.duty() == 0.0
    assert copper.kernel.open_n == 0


def test_everything_that_a_board_drives_is_made_safe(copper: Copper) -> None:
    """A new output must have its row."""
    claims = copper.kernel.claims
    make_outputs_safe(copper.model, copper.clock, copper.machine)
    assert {getattr(copper.model.outputs, output).name for output in outputs(copper)} <= set(claims)
    assert len(OUTPUTS) == 8


# What is imported when.


def loaded(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return {module.split(".")[0] for module in run.stdout.split()}


FOREIGN = {"gpiozero", "gpiod", "spidev", "smbus2", "pymodbus"}


def test_the_libraries_of_a_real_board_come_only_with_one() -> None:
    assert loaded("import hal.boards") & FOREIGN == set()
    assert loaded("import hal.boards.hardware") & FOREIGN == FOREIGN - {"pymodbus"}


def test_the_gateway_gets_the_slow_devices_without_pins() -> None:
    code = "from hal.boards import open_peripherals; from pathlib import Path; "
    code += "open_peripherals('cm4-carrier', Path('.')).close()"
    assert loaded(code) & FOREIGN == {"smbus2"}
