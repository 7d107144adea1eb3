"""The slow devices of every real board: what hangs on I2C, as its board file says.

Rule: nothing is opened before the first read: a chip that fails makes its readings Missing, no more.
"""

import time
from collections.abc import Callable

from hal.board_model import BoardModel, ThermometerData, TokenReaderData
from hal.boards.eeprom import open_eeprom
from hal.drivers.i2c_bus import I2cChip, I2cPort, open_smbus
from hal.drivers.pn532 import Pn532
from hal.drivers.temperature_i2c import SENSOR_TYPES, I2cThermometer
from hal.interfaces import BoardEeprom, Clock, Thermometer, TokenReader


class MonotonicClock:
    """hal.interfaces.Clock on the machine's own."""

    now_s = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class HardwarePeripherals:
    """hal.interfaces.Peripherals."""

    def __init__(
        self,
        model: BoardModel,
        clock: Clock | None = None,
        open_i2c: Callable[[str], I2cPort] = open_smbus,
    ) -> None:
        clock = clock or MonotonicClock()
        self.thermometers: tuple[Thermometer, ...] = tuple(
            _thermometer(data, clock, open_i2c) for data in model.thermometers
        )
        self.token_reader: TokenReader | None = (
            _token_reader(model.token_reader, clock, open_i2c) if model.token_reader else None
        )
        self.eeprom: BoardEeprom | None = open_eeprom(model.eeprom, clock, open_i2c) if model.eeprom else None

    def close(self) -> None:
        """Idempotent."""
        for thermometer in self.thermometers:
            thermometer.close()
        if self.token_reader is not None:
            self.token_reader.close()
        if self.eeprom is not None:
            self.eeprom.close()


def _thermometer(data: ThermometerData, clock: Clock, open_i2c: Callable[[str], I2cPort]) -> I2cThermometer:
    chip = I2cChip(f"thermometer {data.location} ({data.type})", data.bus, data.address, open_i2c)
    return I2cThermometer(chip, SENSOR_TYPES[data.type], data.location, clock.now_s)


def _token_reader(data: TokenReaderData, clock: Clock, open_i2c: Callable[[str], I2cPort]) -> Pn532:
    return Pn532(I2cChip(f"token reader {data.type}", data.bus, data.address, open_i2c), clock)
