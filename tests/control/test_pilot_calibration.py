"""One calibration counts at a time: the configuration's, or else the board's own."""

import pytest

from evsed.config.schema_hardware import BoardConfig
from evsed.control.pilot_calibration import in_force, told
from hal.sim.board import SimBoard
from hal.sim.eeprom import sim_eeprom
from hal.sim.lines import Lines
from hal.sim.world import World
from hal.types import BoardRecord, Calibration, CalibrationSource, CpReading, PilotCalibration


class StillClock:
    def now_s(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """The world stands as it is."""


EEPROM = PilotCalibration(Calibration(1.02, -0.1), CalibrationSource.EEPROM)


def test_the_board_s_own_counts_without_one_of_the_configuration() -> None:
    assert in_force(BoardConfig(), EEPROM) is EEPROM
    assert in_force(BoardConfig(), PilotCalibration()).source is CalibrationSource.NONE
    assert told(EEPROM) == ""


def test_the_configuration_s_counts_alone_and_what_it_overrides_is_told() -> None:
    found = in_force(BoardConfig(cp_gain=0.99, cp_offset_v=0.3), EEPROM)
    assert found == PilotCalibration(Calibration(0.99, 0.3), CalibrationSource.CONFIGURATION, EEPROM)
    assert "override the calibration of the EEPROM; take them out to use it" in told(found)
    assert told(in_force(BoardConfig(cp_gain=0.99), PilotCalibration())) == ""
    assert in_force(BoardConfig(cp_offset_v=0.3), PilotCalibration()).overrides is None


@pytest.mark.parametrize("ideal_pilot", [True, False])
def test_what_is_given_to_the_pilot_counts_alone(ideal_pilot: bool) -> None:
    lines = Lines.in_memory()
    World(lines).advance(0.0)
    sim_eeprom(lambda: lines.eeprom).write(BoardRecord("", {"cp": EEPROM.calibration}))
    board = SimBoard(lines, StillClock(), ideal_pilot=ideal_pilot)
    found = in_force(BoardConfig(cp_gain=0.99, cp_offset_v=0.3), board.calibration)
    for calibration in (EEPROM.calibration, found.calibration):
        board.pilot_in.calibrate(calibration)
        reading = board.pilot_in.read()
        assert isinstance(reading, CpReading)
        assert reading.high_v == pytest.approx(calibration.apply(12.0), abs=0.02)
    assert found.overrides == board.calibration == EEPROM
