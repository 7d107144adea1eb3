"""What the board's EEPROM says of its calibration.

Rule: an EEPROM that fails keeps nobody from charging: parts within tolerance measure well enough for the
states of the pilot, which are 3 V apart. But it is told.
"""

from collections.abc import Callable, Mapping

from hal.board_model import EepromData
from hal.calibration import Calibration
from hal.drivers.eeprom_i2c import EEPROM_TYPES, BoardEeprom
from hal.drivers.i2c_bus import I2cChip, I2cPort, open_smbus
from hal.errors import HalError
from hal.interfaces import Clock

Found = tuple[Mapping[str, Calibration], tuple[str, ...]]


def open_eeprom(
    data: EepromData, clock: Clock, open_i2c: Callable[[str], I2cPort] = open_smbus
) -> BoardEeprom:
    """Raises nothing: the bus is opened at the first access."""
    chip = I2cChip(f"EEPROM {data.type}", data.bus, data.address, open_i2c)
    return BoardEeprom(chip, EEPROM_TYPES[data.type], clock)


def calibrations_of(data: EepromData | None, clock: Clock, open_i2c: Callable[[str], I2cPort]) -> Found:
    """By the name of the channel, and what is to be told."""
    if data is None:
        return {}, ()
    eeprom = open_eeprom(data, clock, open_i2c)
    try:
        record = eeprom.read()
    except HalError as error:
        return {}, (f"not calibrated: {error}",)
    finally:
        eeprom.close()
    if record is None:
        return {}, ("not calibrated: the EEPROM is empty; run evsectl calibrate cp",)
    return record.calibrations, ()
