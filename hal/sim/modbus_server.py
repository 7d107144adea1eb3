"""A Modbus RTU slave for the simulated world: a meter of any model, served on a pty with true byte timing.

Sans-IO core: answer() turns one request frame into its reply. It shares nothing with pymodbus but the
standard, so that the driver is tested against something that is not itself.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from hal.meter_model import Identity, MeterModel, NamedPoint, blocks_of, named_points
from hal.meter_numbers import encode, encode_text, scaled
from hal.sim.pty_line import PtyLine
from hal.types import MeterReading

SCALES = range(-3, 4)  # exponents that a simulated meter may show, finest first
READ_FUNCTIONS = (3, 4)  # holding registers, input registers
WRITE_REGISTER, WRITE_REGISTERS = 6, 16
MAX_COUNT = 125  # registers per request, Modbus application protocol 6.3 and 6.4

ILLEGAL_FUNCTION = 1
ILLEGAL_DATA_ADDRESS = 2
ILLEGAL_DATA_VALUE = 3

Registers = Callable[[int, int, int], list[int] | None]
"""(function, address, count) -> the words, or None: no such registers."""
Write = Callable[[int, list[int]], bool]
"""(address, words) -> whether such holding registers can be written."""


class PtyMeterServer(PtyLine):
    """The meter at a stable path. Set `silent` to pull its plug."""

    def __init__(
        self, path: Path, registers: Registers, device_id: int, baudrate: int, write: Write | None = None
    ) -> None:
        super().__init__(path, self._reply, baudrate)
        self.silent = False
        self._registers, self._write = registers, write
        self._device_id = device_id

    def _reply(self, frame: bytes) -> bytes | None:
        return None if self.silent else answer(frame, self._device_id, self._registers, self._write)


def answer(frame: bytes, device_id: int, registers: Registers, write: Write | None = None) -> bytes | None:
    """The reply to one RTU frame; None for noise and for frames to other units."""
    if len(frame) < 4 or frame != with_crc(frame[:-2]) or frame[0] != device_id:
        return None
    function = frame[1]
    if write is not None and function in (WRITE_REGISTER, WRITE_REGISTERS):
        return _written(frame, write)
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


def _written(frame: bytes, write: Write) -> bytes:
    device_id, function = frame[0], frame[1]
    data = frame[4:-2] if function == WRITE_REGISTER else frame[7:-2]
    count = 1 if function == WRITE_REGISTER else int.from_bytes(frame[4:6], "big")
    if not data or len(data) != 2 * count:
        return _exception(device_id, function, ILLEGAL_DATA_VALUE)
    words = list(struct.unpack(f">{count}H", data))
    if not write(int.from_bytes(frame[2:4], "big"), words):
        return _exception(device_id, function, ILLEGAL_DATA_ADDRESS)
    return with_crc(frame[:6])


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
    lacks a quantity the model cannot leave out, does not fit its type, or has a meter_id of another kind.
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
    shown = [(named, _shown(model, named, reading)) for named in named_points(model)]
    scales = {scale: _scale(model, scale, shown) for scale in {n.point.scale for n, _ in shown} - {None}}
    for named, value in shown:
        point = named.point
        if value is None:
            raw = encode(model.not_available[point.type], point.type, model.word_order)
        else:
            raw = encode(_raw(named, value, scales.get(point.scale, 0)), point.type, model.word_order)
        words.update(enumerate(raw, point.address))
    for scale, exponent in scales.items():
        words.update(enumerate(encode(exponent, "i16", "big"), scale or 0))
    return words


def _shown(model: MeterModel, named: NamedPoint, reading: MeterReading) -> float | None:
    value: float | tuple[float, ...] | None = getattr(reading, named.quantity)
    if isinstance(value, tuple):
        value = value[named.phase - 1] if named.phase <= len(value) else None
    if value is None and named.point.type not in model.not_available:
        raise ValueError(f"{model.name} shows {named}, but the reading has none")
    return value


def _raw(named: NamedPoint, value: float, exponent: int) -> float:
    return scaled(value / named.point.factor, 1.0, -exponent)


def _scale(model: MeterModel, scale: int | None, shown: list[tuple[NamedPoint, float | None]]) -> int:
    """The finest exponent with which everything on this scale register fits."""
    on_it = [(n, value) for n, value in shown if n.point.scale == scale and value is not None]
    for exponent in SCALES:
        try:
            for named, value in on_it:
                encode(_raw(named, value, exponent), named.point.type, model.word_order)
            return exponent
        except ValueError:
            continue
    raise ValueError(f"{model.name} cannot show {on_it[0][0]} {on_it[0][1]}: too large for its registers")


def _identity(model: MeterModel, meter_id: str) -> dict[int, dict[int, int]]:
    """Function -> registers of the serial number and of the identification, as far as there are any."""
    found: dict[int, dict[int, int]] = {}
    if model.identification is not None:
        what = model.identification
        _put(found, what.register, what.is_one_of[0], model)
    where = model.serial_number
    if where is not None and meter_id:
        if where.type != "text" and not meter_id.isdecimal():
            raise ValueError(
                f"{model.name} keeps its serial number as {where.type}, not as text: {meter_id!r}"
            )
        _put(found, where, meter_id if where.type == "text" else int(meter_id), model)
    return found


def _put(found: dict[int, dict[int, int]], where: Identity, value: int | str, model: MeterModel) -> None:
    if where.type == "text":
        words = encode_text(str(value).encode("ascii"), where.count)
    else:
        words = encode(int(value), where.type, model.word_order)
    found.setdefault(where.function, {}).update(enumerate(words, where.address))
