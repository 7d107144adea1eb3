"""The EEPROM of a real board, as its file says."""

from collections.abc import Callable

from hal.board_model import EepromData
from hal.board_record import BoardRecords, pilot_calibration
from hal.drivers.eeprom_i2c import EEPROM_TYPES, board_eeprom
from hal.drivers.i2c_bus import I2cChip, I2cPort, open_smbus
from hal.interfaces import Clock
from hal.types import PilotCalibration

Found = tuple[PilotCalibration | None, tuple[str, ...]]


def open_eeprom(
    data: EepromData, clock: Clock, open_i2c: Callable[[str], I2cPort] = open_smbus
) -> BoardRecords:
    """Raises nothing: the bus is opened at the first access."""
    chip = I2cChip(f"EEPROM {data.type}", data.bus, data.address, open_i2c)
    return board_eeprom(chip, EEPROM_TYPES[data.type], clock)


def calibration_of(data: EepromData | None, clock: Clock, open_i2c: Callable[[str], I2cPort]) -> Found:
    """The pilot's, and what is to be told."""
    if data is None:
        return None, ()
    eeprom = open_eeprom(data, clock, open_i2c)
    try:
        return pilot_calibration(eeprom)
    finally:
        eeprom.close()
