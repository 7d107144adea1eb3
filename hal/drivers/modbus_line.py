"""A Modbus RTU line as its master sees it; the only door to pymodbus.

Rule 1: one owner thread; a request blocks for its time on the wire, or each attempt for the time-out.
Rule 2: every failure is a HalError that begins with timeout, garbage, exception, port missing or line busy.
Rule 3: an unanswered request is sent again once; a command is not, for it may have been heard.
"""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from hal.drivers.serial_port import Rs485, set_rs485, why_not_open
from hal.errors import DeviceFailed, DeviceMissing, HalError
from hal.meter_model import SerialDefaults

ANSWER_TIMEOUT_S = 0.4  # meters answer within 0.1 s; a silent one must not hold the gateway's bus for long
RETRIES = 1  # one disturbed frame is no outage
BITS_PER_CHAR = 11  # RTU: start, 8 data, parity or second stop, stop
MAX_READ_N = 125  # registers a request, Modbus application protocol 6.3, 6.4
MAX_WRITE_N = 123  # and 6.12

READ_BY_FUNCTION = {
    3: ModbusSerialClient.read_holding_registers,
    4: ModbusSerialClient.read_input_registers,
}

EXCEPTION_NAMES = MappingProxyType(
    {  # Modbus application protocol 7
        1: "illegal function",
        2: "illegal data address",
        3: "illegal data value",
        4: "device failure",
        5: "acknowledge",
        6: "device busy",
        10: "gateway path unavailable",
        11: "gateway target does not answer",
    }
)


class NoAnswer(DeviceFailed):
    """Silence, or bytes that are no frame of the unit asked; heard tells which."""

    def __init__(self, text: str, heard: bool) -> None:
        super().__init__(text)
        self.heard = heard


class ModbusLine:
    """Opens the port at the first request and again after a failure."""

    def __init__(
        self,
        port: str | Path,
        serial: SerialDefaults,
        rs485: Rs485 | None = None,
        longest_n: int = MAX_READ_N,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        retries: int = RETRIES,
    ) -> None:
        """longest_n: registers of the longest request or reply, for the time-out."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs each failure; our errors tell it
        self._port, self._rs485, self._retries = str(port), rs485, retries
        self._parity = serial.parity
        frames_s = (8 + 5 + 2 * longest_n) * BITS_PER_CHAR / serial.baudrate  # request and reply around them
        self._client = _SerialClient(
            self._port,
            baudrate=serial.baudrate,
            bytesize=serial.bytesize,
            parity=serial.parity,
            stopbits=serial.stopbits,
            timeout=answer_timeout_s + frames_s,
            retries=0,
            trace_packet=self._trace_packet,
        )
        self._heard_bytes = False

    def close(self) -> None:
        """Let go of the port; the next request opens it again. Idempotent."""
        self._client.close()  # type: ignore[no-untyped-call]

    def read(self, device_id: int, function: int, address: int, count: int) -> list[int]:
        """The registers. Raises HalError; no answer closes the port."""
        asked = f"function {function}, registers {address:#06x} to {address + count - 1:#06x}"
        method = READ_BY_FUNCTION[function]
        response = self._ask_again(device_id, asked, method, address, count=count)
        if response.function_code != function or len(response.registers) != count:
            raise DeviceFailed(f"garbage: the answer is to another question ({asked})")
        return list(response.registers)

    def write_register(self, device_id: int, address: int, word: int) -> None:
        """One holding register (function 6). Raises HalError."""
        asked = f"function 6, register {address:#06x}"
        self._ask_again(device_id, asked, ModbusSerialClient.write_register, address, word)

    def command(self, device_id: int, address: int, word: int) -> None:
        """As write_register, but sent once. Raises HalError; after NoAnswer it may have been heard or not."""
        asked = f"function 6, register {address:#06x}"
        self._ask(device_id, asked, ModbusSerialClient.write_register, address, word)

    def write_registers(self, device_id: int, address: int, words: Sequence[int]) -> None:
        """Holding registers (function 16), in as many requests as they need. Raises HalError."""
        for start in range(0, len(words), MAX_WRITE_N):
            part = list(words[start : start + MAX_WRITE_N])
            first = address + start
            asked = f"function 16, registers {first:#06x} to {first + len(part) - 1:#06x}"
            self._ask_again(device_id, asked, ModbusSerialClient.write_registers, first, part)

    def _ask_again(
        self, device_id: int, asked: str, method: Callable[..., Any], *args: object, **more: object
    ) -> ModbusPDU:
        for _ in range(self._retries):
            with suppress(NoAnswer):
                return self._ask(device_id, asked, method, *args, **more)
        return self._ask(device_id, asked, method, *args, **more)

    def _ask(
        self, device_id: int, asked: str, method: Callable[..., Any], *args: object, **more: object
    ) -> ModbusPDU:
        self._open()
        self._heard_bytes = False
        try:
            response: ModbusPDU = method(self._client, *args, device_id=device_id, **more)
        except ConnectionException as error:
            self.close()
            raise DeviceMissing(f"port missing: {self._port} went away during a read") from error
        except ModbusException as error:
            self.close()
            raise NoAnswer(f"{self._why_no_answer(device_id)} ({asked})", self._heard_bytes) from error
        if response.isError():
            code = response.exception_code
            raise DeviceFailed(f"exception {code}: {EXCEPTION_NAMES.get(code, 'unknown')} ({asked})")
        return response

    def _open(self) -> None:
        if self._client.connected:
            return
        is_pty = os.path.realpath(self._port).startswith("/dev/pts/")  # it carries bytes, and refuses parity
        self._client.comm_params.parity = "N" if is_pty else self._parity
        if not self._client.connect():
            raise why_not_open(self._port)
        if self._rs485 is not None:
            self._set_direction(self._rs485)

    def _set_direction(self, rs485: Rs485) -> None:
        try:
            set_rs485(self._client.fileno(), self._port, rs485)
        except HalError:
            self.close()
            raise

    def _why_no_answer(self, device_id: int) -> str:
        unit = f"unit {device_id} on {self._port}"
        if self._heard_bytes:
            return f"garbage: no frame with a right CRC from {unit}; check baud rate, parity and wiring"
        return f"timeout: no answer from {unit}; check power, wiring, unit id and baud rate"

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:
        self._heard_bytes = self._heard_bytes or not sending
        return data


class _SerialClient(ModbusSerialClient):
    """pymodbus waits by the wall clock, whose steps would cut a read short or hang it; this does not."""

    def fileno(self) -> int:
        assert self.socket is not None
        return int(self.socket.fileno())

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
