"""A Modbus RTU slave for the simulated world: a meter of any model, served on a pty with true byte timing.

Sans-IO core: answer() turns one request frame into its reply. It shares nothing with pymodbus but the
standard, so that the driver is tested against something that is not itself.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from hal.meter_model import MeterModel, blocks_of, encode, named_points
from hal.sim.pty_line import PtyLine
from hal.types import MeterReading

READ_FUNCTIONS = (3, 4)  # holding registers, input registers
MAX_COUNT = 125  # registers per request, Modbus application protocol 6.3 and 6.4

ILLEGAL_FUNCTION = 1
ILLEGAL_DATA_ADDRESS = 2
ILLEGAL_DATA_VALUE = 3

Registers = Callable[[int, int, int], list[int] | None]
"""(function, address, count) -> the words, or None: no such registers."""


class PtyMeterServer(PtyLine):
    """The meter at a stable path. Set `silent` to pull its plug."""

    def __init__(self, path: Path, registers: Registers, device_id: int, baudrate: int) -> None:
        super().__init__(path, self._reply, baudrate)
        self.silent = False
        self._registers = registers
        self._device_id = device_id

    def _reply(self, frame: bytes) -> bytes | None:
        return None if self.silent else answer(frame, self._device_id, self._registers)


def answer(frame: bytes, device_id: int, registers: Registers) -> bytes | None:
    """The reply to one RTU frame; None for noise and for frames to other units."""
    if len(frame) < 4 or frame != with_crc(frame[:-2]) or frame[0] != device_id:
        return None
    function = frame[1]
    if function not in READ_FUNCTIONS:
        return _exception(device_id, function, ILLEGAL_FUNCTION)
    if len(frame) != 8:
        return _exception(device_id, function, ILLEGAL_DATA_VALUE)
    address, count = struct.unpack(">HH", frame[2:6])
    if not 1 <= count <= MAX_COUNT:
        return _exception(device_id, function, ILLEGAL_DATA_VALUE)
    words = registers(function, address, count)
    if words is None:
        return _exception(device_id, function, ILLEGAL_DATA_ADDRESS)
    return with_crc(struct.pack(f">BBB{count}H", device_id, function, 2 * count, *words))


def _exception(device_id: int, function: int, code: int) -> bytes:
    return with_crc(bytes((device_id, function | 0x80, code)))


def with_crc(body: bytes) -> bytes:
    """The frame with its CRC, low byte first."""
    return body + crc16(body).to_bytes(2, "little")


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS (polynomial 0x8005 reflected, start 0xFFFF)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def register_image(model: MeterModel, reading: MeterReading) -> Registers:
    """The registers of a meter of this model that shows this reading; the inverse of the driver.

    Registers between two points of a block read 0, all others do not exist. Raises ValueError if the reading
    lacks a quantity the model has, does not fit its type, or has a meter_id that is not a number.
    """
    words = _measured(model, reading)
    identity = _identity(model, reading.meter_id)

    def registers(function: int, address: int, count: int) -> list[int] | None:
        image = {**(words if function == model.function else {}), **identity.get(function, {})}
        wanted = range(address, address + count)
        return [image[at] for at in wanted] if all(at in image for at in wanted) else None

    return registers


def _measured(model: MeterModel, reading: MeterReading) -> dict[int, int]:
    words = {at: 0 for block in blocks_of(model) for at in range(block.address, block.address + block.count)}
    values = msgspec.structs.asdict(reading)
    for named in named_points(model):
        value = values[named.quantity]
        if named.phase:
            value = value[named.phase - 1] if named.phase <= len(value) else None
        if value is None:
            raise ValueError(f"{model.name} shows {named}, but the reading has none")
        raw = encode(value / named.point.factor, named.point.type, model.word_order)
        words.update(enumerate(raw, named.point.address))
    return words


def _identity(model: MeterModel, meter_id: str) -> dict[int, dict[int, int]]:
    """Function -> registers of the serial number; empty if the meter has none to tell."""
    where = model.serial_number
    if where is None or not meter_id:
        return {}
    if not meter_id.isdecimal():
        raise ValueError(f"{model.name} keeps its serial number as {where.type}, not as text: {meter_id!r}")
    return {
        where.function: dict(enumerate(encode(int(meter_id), where.type, model.word_order), where.address))
    }
