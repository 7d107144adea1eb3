"""Meter model files: how they read, what makes them wrong, and how registers become a MeterReading and back.

Rule 1: a new meter is a new file in hal/meters, not code. Pure but for reading that file.
Rule 2: a file that is wrong anywhere is refused whole: the error names file, key and what is wrong.
Rule 3: addresses are PDU addresses (zero-based); registers are big-endian, word_order tells which is first.
"""

import math
import struct
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hal.errors import DeviceFailed, HalError
from hal.types import MeterReading

MODELS_DIR = Path(__file__).with_name("meters")

FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f"}

Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Positive = Annotated[int, msgspec.Meta(gt=0)]
RegisterType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32"]
IntegerType = Literal["u16", "i16", "u32", "i32", "u64", "i64"]
WordOrder = Literal["big", "little"]
ReadFunction = Literal[3, 4]  # read holding registers, read input registers
Bounds = tuple[float, float]
Points = Annotated[tuple["Point", ...], msgspec.Meta(max_length=3)]


class MeterModelError(HalError):
    """A meter model file cannot be used."""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number of the meter: the raw number times factor is the quantity in SI units."""

    address: Address
    type: RegisterType
    factor: float = 1.0


class PointTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where each quantity stands; the names are those of MeterReading. Tuples are L1, L2, L3."""

    energy_import_wh: Point
    energy_export_wh: Point | None = None
    power_w: Point | None = None
    power_phase_w: Points = ()
    voltage_v: Points = ()
    current_a: Points = ()
    frequency_hz: Point | None = None


class BoundsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lowest and highest plausible value of each quantity the meter has."""

    energy_import_wh: Bounds
    energy_export_wh: Bounds | None = None
    power_w: Bounds | None = None
    power_phase_w: Bounds | None = None
    voltage_v: Bounds | None = None
    current_a: Bounds | None = None
    frequency_hz: Bounds | None = None


class SerialNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the meter keeps its serial number, which may be under another function code."""

    function: ReadFunction
    address: Address
    type: IntegerType


class SerialDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line as the meter leaves the factory."""

    baudrate: Positive = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    device_id: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1


class MeterModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter model. max_gap and max_block count registers (see blocks_of)."""

    name: str
    function: ReadFunction
    word_order: WordOrder
    points: PointTable
    bounds: BoundsTable
    serial: SerialDefaults = SerialDefaults()
    serial_number: SerialNumber | None = None
    max_gap: Annotated[int, msgspec.Meta(ge=0)] = 8
    max_block: Annotated[int, msgspec.Meta(ge=4, le=125)] = 80  # 125: Modbus application protocol 6.3


class Block(msgspec.Struct, frozen=True):
    """Registers read by one request."""

    address: int
    count: int


class NamedPoint(msgspec.Struct, frozen=True):
    """A point with its place in the reading; phase 0 is the total."""

    quantity: str
    phase: int
    point: Point

    @property
    def end(self) -> int:
        return self.point.address + word_count(self.point.type)

    def __str__(self) -> str:
        return f"{self.quantity} L{self.phase}" if self.phase else self.quantity


def load_meter_model(name: str | Path) -> MeterModel:
    """The shipped model of that name, or the file if `name` is a path (has a "/" or ends in .toml)."""
    path = Path(name)
    if path.name == str(name) and path.suffix != ".toml":
        path = MODELS_DIR / f"{name}.toml"
    try:
        model = msgspec.convert(tomllib.loads(path.read_text("utf-8")), MeterModel)
    except (OSError, UnicodeDecodeError) as error:
        shipped = ", ".join(shipped_models())
        raise MeterModelError(
            f"{path}: cannot be read ({error}); the shipped models are {shipped}"
        ) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MeterModelError(f"{path}: {error}") from error
    if problems := list(_problems(model)):
        raise MeterModelError(f"{path}: " + "; ".join(problems))
    return model


def shipped_models() -> list[str]:
    return sorted(path.stem for path in MODELS_DIR.glob("*.toml"))


def word_count(register_type: str) -> int:
    return struct.calcsize(FORMATS[register_type]) // 2


def decode(words: Sequence[int], register_type: str, word_order: WordOrder) -> float:
    """The raw number that the words hold; integer types give an int."""
    ordered = words if word_order == "big" else words[::-1]
    (number,) = struct.unpack(FORMATS[register_type], struct.pack(f">{len(words)}H", *ordered))
    return float(number) if register_type == "f32" else int(number)


def encode(number: float, register_type: str, word_order: WordOrder) -> tuple[int, ...]:
    """The inverse of decode; integer types round. Raises ValueError if the number does not fit."""
    try:
        raw = struct.pack(FORMATS[register_type], number if register_type == "f32" else round(number))
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueError(f"{number} does not fit into {register_type}: {error}") from error
    words: tuple[int, ...] = struct.unpack(f">{len(raw) // 2}H", raw)
    return words if word_order == "big" else words[::-1]


def named_points(model: MeterModel) -> list[NamedPoint]:
    """All points of the model, the phases of a quantity in their order."""
    found = []
    for quantity, entry in msgspec.structs.asdict(model.points).items():
        if isinstance(entry, Point):
            found.append(NamedPoint(quantity, 0, entry))
        elif entry is not None:
            found.extend(NamedPoint(quantity, phase, point) for phase, point in enumerate(entry, 1))
    return found


def _by_address(model: MeterModel) -> list[NamedPoint]:
    return sorted(named_points(model), key=lambda named: named.point.address)


def blocks_of(model: MeterModel) -> list[Block]:
    """Few requests: points at most max_gap registers apart share one of at most max_block registers."""
    blocks: list[Block] = []
    for named in _by_address(model):
        address = named.point.address
        if blocks and address - (blocks[-1].address + blocks[-1].count) <= model.max_gap:
            merged = Block(blocks[-1].address, named.end - blocks[-1].address)
            if merged.count <= model.max_block:
                blocks[-1] = merged
                continue
        blocks.append(Block(address, named.end - address))
    return blocks


def reading_of(model: MeterModel, words: Mapping[int, int], at_s: float, meter_id: str) -> MeterReading:
    """The reading that words (by address) hold. Raises DeviceFailed naming the first implausible point."""
    values: dict[str, Any] = {}
    for named in named_points(model):
        value = _plausible(model, named, words)
        values[named.quantity] = (*values.get(named.quantity, ()), value) if named.phase else value
    return MeterReading(at_s=at_s, meter_id=meter_id, **values)


def _plausible(model: MeterModel, named: NamedPoint, words: Mapping[int, int]) -> float:
    point = named.point
    raw = decode([words[at] for at in range(point.address, named.end)], point.type, model.word_order)
    value = raw * point.factor
    low, high = getattr(model.bounds, named.quantity)
    if not low <= value <= high:  # NaN, the "not available" of float meters, is outside everything
        raise DeviceFailed(f"implausible: {named} reads {value:g}, possible is {low:g} to {high:g}")
    return value


def _problems(model: MeterModel) -> Iterator[str]:
    points = _by_address(model)
    for named in points:
        if not (math.isfinite(named.point.factor) and named.point.factor):
            yield f"points.{named}: factor {named.point.factor} must be a number other than 0"
        if named.end > 0x10000:
            yield f"points.{named}: {named.point.type} at {named.point.address:#06x} ends after 0xffff"
    for first, second in pairwise(points):
        if second.point.address < first.end:
            yield f"points.{second}: shares register {second.point.address:#06x} with points.{first}"
    for quantity in {named.quantity: None for named in points}:
        bounds = getattr(model.bounds, quantity)
        if bounds is None:
            yield f"bounds.{quantity}: missing; give [lowest, highest]"
        elif not bounds[0] < bounds[1]:
            yield f"bounds.{quantity}: the lowest value {bounds[0]} must be below the highest {bounds[1]}"
