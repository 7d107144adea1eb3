"""Meter model files: how they read, what makes them wrong, and how registers become a MeterReading and back.

Rule 1: a new meter is a new file in hal/meters, not code. Pure but for reading that file.
Rule 2: a file that is wrong anywhere is refused whole: the error names file, key and what is wrong.
Rule 3: addresses are PDU addresses (zero-based).
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hal.errors import DeviceFailed, HalError
from hal.meter_numbers import IntegerType, RegisterType, WordOrder, decode, decode_text, scaled, word_count
from hal.meter_signing import Address, Signing
from hal.types import MeterReading

MODELS_DIR = Path(__file__).with_name("meters")
MAX_EXPONENT = 10  # SunSpec information model specification, sunssf

Positive = Annotated[int, msgspec.Meta(gt=0)]
ReadFunction = Literal[3, 4]  # read holding registers, read input registers
Bounds = tuple[float, float]
Points = Annotated[tuple["Point", ...], msgspec.Meta(max_length=3)]


class MeterModelError(HalError):
    """A meter model file cannot be used."""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number of the meter: the raw number times factor is the quantity in SI units.

    scale is the register of a decimal exponent (i16) that the raw number is to be raised by besides.
    """

    address: Address
    type: RegisterType
    factor: float = 1.0
    scale: Address | None = None


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


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number or a text that tells meters apart; it may be under another function code.

    count is the number of registers of a text; a number's follows from its type.
    """

    function: ReadFunction
    address: Address
    type: IntegerType | Literal["text"]
    count: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1

    @property
    def words(self) -> int:
        return self.count if self.type == "text" else word_count(self.type)


class Identification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What this model, and no other, answers: one of these numbers, or a text that begins with one."""

    register: Identity
    is_one_of: Annotated[tuple[int | str, ...], msgspec.Meta(min_length=1)]


class SerialDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line as the meter leaves the factory."""

    baudrate: Positive = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    device_id: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1


class MeterModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter model. max_gap and max_block count registers (see blocks_of).

    not_available: by type, the raw number of what the meter cannot tell now; the reading is without it.
    """

    name: str
    function: ReadFunction
    word_order: WordOrder
    points: PointTable
    bounds: BoundsTable
    serial: SerialDefaults = SerialDefaults()
    serial_number: Identity | None = None
    identification: Identification | None = None
    not_available: dict[RegisterType, int] = {}
    signing: Signing | None = None
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


def named_points(model: MeterModel) -> list[NamedPoint]:
    """All points of the model, the phases of a quantity in their order."""
    found = []
    for quantity, entry in msgspec.structs.asdict(model.points).items():
        if isinstance(entry, Point):
            found.append(NamedPoint(quantity, 0, entry))
        elif entry is not None:
            found.extend(NamedPoint(quantity, phase, point) for phase, point in enumerate(entry, 1))
    return found


class _Span(msgspec.Struct, frozen=True):
    """Registers that belong together."""

    address: int
    end: int
    name: str


def _spans(model: MeterModel) -> list[_Span]:
    """Every register the reading needs, by address; a scale register that several points use stands once."""
    named = named_points(model)
    spans = [_Span(n.point.address, n.end, f"points.{n}") for n in named]
    scales = {n.point.scale: n for n in reversed(named) if n.point.scale is not None}
    spans += [_Span(scale, scale + 1, f"the scale of points.{n}") for scale, n in scales.items()]
    return sorted(spans, key=lambda span: span.address)


def blocks_of(model: MeterModel) -> list[Block]:
    """Few requests: points at most max_gap registers apart share one of at most max_block registers."""
    blocks: list[Block] = []
    for span in _spans(model):
        if blocks and span.address - (blocks[-1].address + blocks[-1].count) <= model.max_gap:
            merged = Block(blocks[-1].address, span.end - blocks[-1].address)
            if merged.count <= model.max_block:
                blocks[-1] = merged
                continue
        blocks.append(Block(span.address, span.end - span.address))
    return blocks


def reading_of(model: MeterModel, words: Mapping[int, int], at_s: float, meter_id: str) -> MeterReading:
    """The reading that words (by address) hold. Raises DeviceFailed naming the first implausible point."""
    values: dict[str, Any] = {}
    for named in named_points(model):
        value: Any = _plausible(model, named, words)
        if named.phase:
            phases = values.get(named.quantity, ())
            follows = value is not None and len(phases) == named.phase - 1  # a tuple has no holes
            value = (*phases, value) if follows else phases
        values[named.quantity] = value
    if values["energy_import_wh"] is None:
        raise DeviceFailed("implausible: energy_import_wh is not available")
    return MeterReading(at_s=at_s, meter_id=meter_id, **values)


def _plausible(model: MeterModel, named: NamedPoint, words: Mapping[int, int]) -> float | None:
    point = named.point
    raw = decode([words[at] for at in range(point.address, named.end)], point.type, model.word_order)
    if raw == model.not_available.get(point.type):
        return None
    value = scaled(raw, point.factor, _exponent(named, words))
    low, high = getattr(model.bounds, named.quantity)
    if not low <= value <= high:  # NaN, the "not available" of float meters, is outside everything
        raise DeviceFailed(f"implausible: {named} reads {value:g}, possible is {low:g} to {high:g}")
    return value


def _exponent(named: NamedPoint, words: Mapping[int, int]) -> int:
    if named.point.scale is None:
        return 0
    exponent = int(decode([words[named.point.scale]], "i16", "big"))
    if abs(exponent) > MAX_EXPONENT:
        raise DeviceFailed(f"implausible: the scale of {named} is 10 to the {exponent}")
    return exponent


def identity_of(where: Identity, words: list[int], word_order: WordOrder) -> int | str:
    """The number or text; raises ValueError if a text is none."""
    return decode_text(words) if where.type == "text" else int(decode(words, where.type, word_order))


def _problems(model: MeterModel) -> Iterator[str]:
    for named in named_points(model):
        if not (math.isfinite(named.point.factor) and named.point.factor):
            yield f"points.{named}: factor {named.point.factor} must be a number other than 0"
        if named.end > 0x10000:
            yield f"points.{named}: {named.point.type} at {named.point.address:#06x} ends after 0xffff"
    for first, second in pairwise(_spans(model)):
        if second.address < first.end:
            yield f"{second.name}: shares register {second.address:#06x} with {first.name}"
    yield from _problems_of_bounds(model)


def _problems_of_bounds(model: MeterModel) -> Iterator[str]:
    for quantity in {named.quantity: None for named in named_points(model)}:
        bounds = getattr(model.bounds, quantity)
        if bounds is None:
            yield f"bounds.{quantity}: missing; give [lowest, highest]"
        elif not bounds[0] < bounds[1]:
            yield f"bounds.{quantity}: the lowest value {bounds[0]} must be below the highest {bounds[1]}"
