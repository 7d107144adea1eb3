"""One calibration counts at a time: the configuration's, or else the board's own."""

import pytest

from evsed.config.schema_hardware import BoardConfig
from evsed.control.pilot_calibration import in_force, told
from hal.types import Calibration, CalibrationSource, PilotCalibration

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


@pytest.mark.parametrize("measured_v", [-12.0, 0.0, 9.1])
def test_a_calibration_instead_of_another_is_as_if_it_were_alone(measured_v: float) -> None:
    wanted, own = Calibration(0.99, 0.3), EEPROM.calibration
    corrected_v = wanted.instead_of(own).apply(own.apply(measured_v))
    assert corrected_v == pytest.approx(wanted.apply(measured_v))
    assert own.instead_of(own) == Calibration()
