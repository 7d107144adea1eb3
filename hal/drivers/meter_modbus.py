"""Energy meter on Modbus RTU, of any model that has a file in hal/meters.

Rule 1: one owner thread (the gateway's); read() blocks for the time on the wire, or twice the time-out.
Rule 2: read() never raises for trouble on the line: Missing tells why, and since when nothing has come.
Rule 3: a number that cannot be true is no reading; energy that falls is refused once, then taken.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from hal.drivers.modbus_line import ANSWER_TIMEOUT_S, ModbusLine
from hal.drivers.serial_port import Rs485
from hal.errors import DeviceFailed, HalError
from hal.meter_model import Identity, MeterModel, blocks_of, identity_of, reading_of
from hal.types import MeterReading, Missing


class ModbusMeter:
    """hal.interfaces.Meter. Opens the port at the first read.

    Missing.reason begins with: timeout, garbage, exception, implausible, port missing or line busy.
    """

    def __init__(
        self,
        model: MeterModel,
        port: str | Path,
        device_id: int | None = None,
        baudrate: int | None = None,
        now_s: Callable[[], float] = time.monotonic,
        rs485: Rs485 | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """device_id and baudrate None: as the meter leaves the factory."""
        self._model = model
        self._blocks = blocks_of(model)
        self._device_id = device_id or model.serial.device_id
        self._now_s = now_s
        serial = msgspec.structs.replace(model.serial, baudrate=baudrate or model.serial.baudrate)
        self._line = ModbusLine(port, serial, rs485, self._longest_n(), answer_timeout_s)
        self._meter_id: str | None = None
        self._energy_wh = -math.inf
        self._failed_since_s: float | None = None

    def read(self) -> MeterReading | Missing:
        at_s = self._now_s()
        try:
            reading = self._read(at_s)
        except HalError as error:
            return self._missing(error, at_s)
        self._failed_since_s = None
        return reading

    def close(self) -> None:
        """Let go of the port; the next read opens it again and asks for the serial number anew."""
        self._line.close()
        self._meter_id = None

    def _longest_n(self) -> int:
        """Registers of the longest request that this meter is sent."""
        return max(block.count for block in self._blocks)

    def _missing(self, error: HalError, at_s: float) -> Missing:
        self._meter_id = None  # who answers next may be another
        if self._failed_since_s is None:
            self._failed_since_s = at_s
        return Missing(str(error), self._failed_since_s)

    def _read(self, at_s: float) -> MeterReading:
        words: dict[int, int] = {}
        for block in self._blocks:
            registers = self._registers(self._model.function, block.address, block.count)
            words.update(enumerate(registers, block.address))
        reading = reading_of(self._model, words, at_s, self._serial_number())
        self._refuse_fallen_energy(reading.energy_import_wh)
        return reading

    def _refuse_fallen_energy(self, energy_wh: float) -> None:
        """A counter falls by a reset, an exchange of the meter or a disturbed frame: never unnoticed."""
        before_wh, self._energy_wh = self._energy_wh, energy_wh
        if energy_wh < before_wh:
            raise DeviceFailed(f"implausible: energy_import_wh fell from {before_wh:.0f} to {energy_wh:.0f}")

    def _serial_number(self) -> str:
        """Asked for once after each failure; "" if the meter does not tell."""
        if self._meter_id is None:
            where = self._model.serial_number
            self._meter_id = "" if where is None else self._ask_serial_number(where)
        return self._meter_id

    def _ask_serial_number(self, where: Identity) -> str:
        try:
            words = self._registers(where.function, where.address, where.words)
            return str(identity_of(where, words, self._model.word_order))
        except (HalError, ValueError):
            return ""

    def _registers(self, function: int, address: int, count: int) -> list[int]:
        return self._line.read(self._device_id, function, address, count)
