"""Temperature sensors of the LM75 family on I2C: the chips are rows of a table.

All hold the temperature in register 0: two's complement, left-aligned, degrees in the upper byte.
"""

import time
from collections.abc import Callable

import msgspec

from hal.drivers.failures import Outage
from hal.drivers.i2c_bus import I2cChip
from hal.errors import DeviceFailed, HalError
from hal.types import Missing, Temperature

_TEMPERATURE = b"\x00"
_REGISTER_BITS = 16
_DEGREE_BIT = 8


class SensorType(msgspec.Struct, frozen=True):
    """bits: width of the result; what lies below is undefined. setup: register 1, continuous conversion."""

    bits: int
    low_c: float
    high_c: float
    setup: bytes


# fmt: off
SENSOR_TYPES = {
    # name                   bits  low    high   configuration register and its value
    "lm75":       SensorType(9,   -55.0,  125.0, b"\x01\x00"),      # TI SNIS153, NXP LM75A (upper 9 bits)
    "tmp102":     SensorType(12,  -40.0,  125.0, b"\x01\x60\xa0"),  # TI SBOS397: 4 conversions a second
}
# fmt: on


class I2cThermometer:
    """hal.interfaces.Thermometer. After an outage the chip is set up anew: it may have lost its supply."""

    def __init__(
        self,
        chip: I2cChip,
        sensor: SensorType,
        location: str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chip = chip
        self._sensor = sensor
        self._location = location
        self._outage = Outage(now_s)
        self._set_up = False

    def read(self) -> Temperature | Missing:
        try:
            temperature_c = self._read_c()
        except HalError as error:
            self._set_up = False
            return self._outage.missing(error)
        self._outage.over()
        return Temperature(self._location, temperature_c)

    def close(self) -> None:
        self._chip.close()

    def _read_c(self) -> float:
        sensor = self._sensor
        if not self._set_up:
            self._chip.write(sensor.setup)
            self._set_up = True
        register = int.from_bytes(self._chip.write_read(_TEMPERATURE, 2), signed=True)
        temperature_c = (register >> _REGISTER_BITS - sensor.bits) / (1 << sensor.bits - _DEGREE_BIT)
        if not sensor.low_c <= temperature_c <= sensor.high_c:
            raise DeviceFailed(
                f"{self._chip} reads {temperature_c:g} C, possible is {sensor.low_c:g} to {sensor.high_c:g}"
            )
        return temperature_c
