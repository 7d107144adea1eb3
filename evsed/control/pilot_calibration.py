"""Which calibration of the control pilot counts.

Rule: one of the configuration counts alone; it overrides that of the board, and that is told.
"""

from evsed.config.schema_hardware import BoardConfig
from hal.calibration import NONE
from hal.types import Calibration, CalibrationSource, PilotCalibration


def in_force(config: BoardConfig, board: PilotCalibration) -> PilotCalibration:
    configured = Calibration(config.cp_gain, config.cp_offset_v)
    if configured == NONE:
        return board
    overridden = None if board.source is CalibrationSource.NONE else board
    return PilotCalibration(configured, CalibrationSource.CONFIGURATION, overridden)


def told(found: PilotCalibration) -> str:
    """For the journal; empty if there is nothing to tell."""
    if found.overrides is None:
        return ""
    return (
        f"control pilot: board.cp_gain and board.cp_offset_v of the configuration override the calibration"
        f" of the {found.overrides.source.value}; take them out to use it (evsectl cp shows both)"
    )
