"""Energy meter on Modbus RTU; the only door to pymodbus.

Rule 1: one owner thread (the gateway's); read() blocks for the time on the wire, or twice the time-out.
Rule 2: read() never raises for trouble on the line: Missing tells why, and since when nothing has come.
Rule 3: a number that cannot be true is no reading; energy that falls is refused once, then taken.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from hal.errors import DeviceFailed, DeviceMissing, HalError
from hal.meter_model import MeterModel, blocks_of, decode, reading_of, word_count
from hal.types import MeterReading, Missing

ANSWER_TIMEOUT_S = 0.4  # meters answer within 0.1 s; a silent one must not hold the gateway's bus for long
RETRIES = 1  # one disturbed frame is no outage
BITS_PER_CHAR = 11  # RTU: start, 8 data, parity or second stop, stop

READ_BY_FUNCTION = {
    3: ModbusSerialClient.read_holding_registers,
    4: ModbusSerialClient.read_input_registers,
}

EXCEPTION_NAMES = {  # Modbus application protocol 7
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway target does not answer",
}


class ModbusMeter:
    """hal.interfaces.Meter of any meter that has a model file. Opens the port at the first read.

    Missing.reason begins with: timeout, garbage, exception, implausible or port missing.
    """

    def __init__(
        self,
        model: MeterModel,
        port: str | Path,
        device_id: int | None = None,
        baudrate: int | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """device_id and baudrate None: as the meter leaves the factory."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs each failure; Missing tells it
        self._model = model
        self._blocks = blocks_of(model)
        self._port = str(port)
        self._device_id = device_id or model.serial.device_id
        self._now_s = now_s
        self._client = self._make_client(baudrate or model.serial.baudrate)
        self._heard_bytes = False
        self._meter_id: str | None = None
        self._energy_wh = -math.inf
        self._failed_since_s: float | None = None

    def read(self) -> MeterReading | Missing:
        try:
            reading = self._read()
        except HalError as error:
            if self._failed_since_s is None:
                self._failed_since_s = self._now_s()
            return Missing(str(error), self._failed_since_s)
        self._failed_since_s = None
        return reading

    def close(self) -> None:
        """Let go of the port; the next read opens it again and asks for the serial number anew."""
        self._client.close()  # type: ignore[no-untyped-call]
        self._meter_id = None

    def _read(self) -> MeterReading:
        words: dict[int, int] = {}
        for block in self._blocks:
            registers = self._registers(self._model.function, block.address, block.count)
            words.update(enumerate(registers, block.address))
        at_s = self._now_s()
        reading = reading_of(self._model, words, at_s, self._serial_number())
        self._refuse_fallen_energy(reading.energy_import_wh)
        return reading

    def _refuse_fallen_energy(self, energy_wh: float) -> None:
        """A counter falls by a reset, an exchange of the meter or a disturbed frame: never unnoticed."""
        before_wh, self._energy_wh = self._energy_wh, energy_wh
        if energy_wh < before_wh:
            raise DeviceFailed(f"implausible: energy_import_wh fell from {before_wh:.0f} to {energy_wh:.0f}")

    def _serial_number(self) -> str:
        """Asked for once per opening of the port; "" if the meter does not tell."""
        if self._meter_id is None:
            self._meter_id = self._ask_serial_number()
        return self._meter_id

    def _ask_serial_number(self) -> str:
        where = self._model.serial_number
        if where is None:
            return ""
        try:
            words = self._registers(where.function, where.address, word_count(where.type))
        except HalError:
            return ""
        return str(decode(words, where.type, self._model.word_order))

    def _registers(self, function: int, address: int, count: int) -> list[int]:
        """Raises DeviceMissing or DeviceFailed with the reason; no answer closes the port."""
        if not self._client.connect():
            raise DeviceMissing(f"port missing: {self._why_not_open()}")
        asked = f"function {function}, registers {address:#06x} to {address + count - 1:#06x}"
        self._heard_bytes = False
        try:
            response = READ_BY_FUNCTION[function](
                self._client, address, count=count, device_id=self._device_id
            )
        except ConnectionException as error:
            self.close()
            raise DeviceMissing(f"port missing: {self._port} went away during a read") from error
        except ModbusException as error:
            self.close()
            raise DeviceFailed(f"{self._why_no_answer()} ({asked})") from error
        return self._checked(response, function, count, asked)

    def _checked(self, response: ModbusPDU, function: int, count: int, asked: str) -> list[int]:
        if response.isError():
            code = response.exception_code
            raise DeviceFailed(f"exception {code}: {EXCEPTION_NAMES.get(code, 'unknown')} ({asked})")
        if response.function_code != function or len(response.registers) != count:
            raise DeviceFailed(f"garbage: the answer is to another question ({asked})")
        return list(response.registers)

    def _why_no_answer(self) -> str:
        unit = f"unit {self._device_id} on {self._port}"
        if self._heard_bytes:
            return f"garbage: no frame with a right CRC from {unit}; check baud rate, parity and wiring"
        return f"timeout: no answer from {unit}; check power, wiring, unit id and baud rate"

    def _why_not_open(self) -> str:
        if not os.path.exists(self._port):
            return f"{self._port} does not exist"
        if not os.access(self._port, os.R_OK | os.W_OK):
            return f"no permission to read and write {self._port} (group dialout?)"
        return f"{self._port} cannot be opened: not a serial port, or in use by another process"

    def _make_client(self, baudrate: int) -> ModbusSerialClient:
        longest = max(block.count for block in self._blocks)
        frames_s = (8 + 5 + 2 * longest) * BITS_PER_CHAR / baudrate  # request, and reply around its registers
        serial = self._model.serial
        return _SerialClient(
            self._port,
            baudrate=baudrate,
            bytesize=serial.bytesize,
            parity=serial.parity,
            stopbits=serial.stopbits,
            timeout=ANSWER_TIMEOUT_S + frames_s,
            retries=RETRIES,
            trace_packet=self._trace_packet,
        )

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:
        self._heard_bytes = self._heard_bytes or not sending
        return data


class _SerialClient(ModbusSerialClient):
    """pymodbus waits by the wall clock, whose steps would cut a read short or hang it; this does not."""

    def recv(self, size: int | None) -> bytes:
        """What is there, at the latest at the time-out; empty then."""
        if not self.socket:
            raise ConnectionException(f"{self.comm_params.host} is closed")
        try:
            first: bytes = self.socket.read(1)
            rest: bytes = self.socket.read(self.socket.in_waiting)
            return first + rest
        except OSError as error:
            self.close()  # type: ignore[no-untyped-call]
            raise ConnectionException(f"{self.comm_params.host}: {error}") from error
