"""Board files: what is wired where, how they read, and what makes them wrong.

Rule 1: a new board is a new file in hal/boards (or /etc/evsed/boards), not code. Pure but for reading it.
Rule 2: a file that is wrong anywhere is refused whole: the error names file, key and what is wrong.
Rule 3: what an installation differs in stands in NAME.d/*.toml beside /etc/evsed/boards/NAME.toml.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hal.drivers.serial_port import Rs485
from hal.errors import HalError

SHIPPED_DIR = Path(__file__).with_name("boards")
LOCAL_DIR = Path("/etc/evsed/boards")

Channel = Annotated[int, msgspec.Meta(ge=0, le=7)]  # of the MCP3208
Ohm = Annotated[float, msgspec.Meta(gt=0)]
LineName = Annotated[str, msgspec.Meta(min_length=1)]
DevicePath = Annotated[str, msgspec.Meta(pattern="^/")]
Address = Annotated[int, msgspec.Meta(ge=0x08, le=0x77)]  # I2C, 7 bits without the reserved ones


class BoardFileError(HalError):
    """A board file cannot be used."""


class OutputData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An output by its line name; active_high: the high level does something, the low one is safe."""

    name: LineName
    active_high: bool = True


class InputData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An input by its line name; what "active" means for each stands in InputTable."""

    name: LineName
    active_high: bool = True
    pull: Literal["floating", "up", "down"] = "floating"
    debounce_s: Annotated[float, msgspec.Meta(ge=0.0, le=0.05)] = 0.0


class OutputTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Inactive is safe for every one of them."""

    contactor: OutputData
    heartbeat: OutputData
    pilot_disconnect: OutputData  # active: the generator is off the outlet
    led_red: OutputData
    led_green: OutputData
    led_blue: OutputData
    lock: OutputData | None = None
    unlock: OutputData | None = None
    phase_switch: OutputData | None = None  # active: three phases
    shunt_trip: OutputData | None = None
    rcd_test: OutputData | None = None


class InputTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mirror: InputData  # active: the power contacts are closed
    rcd_trip: InputData  # active: tripped
    emergency_stop: InputData  # active: pressed
    stop_button: InputData | None = None  # active: pressed
    lock_position: InputData | None = None  # active: the plug is locked


class PwmData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The controller by its name on its bus; inverted: a low pin makes +12 V."""

    device: LineName
    channel: Annotated[int, msgspec.Meta(ge=0)]
    inverted: bool = False


class DividerData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Series resistor to the ADC's node; from there to ground and, to measure below 0 V, to the reference."""

    series_ohm: Ohm
    pull_down_ohm: Ohm
    pull_up_ohm: Ohm = float("inf")


class VoltageData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """gain and offset_v: calibration of a board without EEPROM; true = gain * measured + offset_v."""

    channel: Channel
    divider: DividerData
    gain: Annotated[float, msgspec.Meta(ge=0.9, le=1.1)] = 1.0
    offset_v: Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)] = 0.0


class ProximityData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proximity contact, pulled up to the ADC's reference."""

    channel: Channel
    pull_up_ohm: Ohm


class RailsData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plus_12: VoltageData
    minus_12: VoltageData
    plus_5: VoltageData


class AdcData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MCP3208 and what its channels measure."""

    path: DevicePath
    reference_v: Annotated[float, msgspec.Meta(ge=2.5, le=5.5)]
    pilot: VoltageData
    speed_hz: Annotated[int, msgspec.Meta(ge=800_000, le=2_000_000)] = 1_000_000
    proximity: ProximityData | None = None
    rails: RailsData | None = None


class ThermometerData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["lm75", "tmp102"]
    location: Annotated[str, msgspec.Meta(min_length=1)]
    bus: DevicePath
    address: Address


class TokenReaderData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["pn532"]
    bus: DevicePath
    address: Address = 0x24


class EepromData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["24c02", "24c32", "24c64", "24c256"]
    bus: DevicePath
    address: Address


class MeterLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the meter is connected; what kind it is stands in evsed's configuration.

    rs485: only where neither the transceiver nor the device tree turns the direction.
    """

    port: DevicePath
    rs485: Rs485 | None = None


class BoardModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One board. Without lock, lock_position and adc.proximity its cable is tethered."""

    title: str
    outputs: OutputTable
    inputs: InputTable
    pwm: PwmData
    adc: AdcData
    thermometers: tuple[ThermometerData, ...] = ()
    token_reader: TokenReaderData | None = None
    eeprom: EepromData | None = None
    meter: MeterLine | None = None


def load_board_model(name: str, local_dir: Path = LOCAL_DIR) -> BoardModel:
    """The board of that name, or of that file if `name` is a path (has a "/" or ends in .toml)."""
    path = board_file(name, local_dir)
    data = _read(path)
    for drop_in in sorted(local_dir.glob(f"{path.stem}.d/*.toml")):
        data = _merged(data, _read(drop_in))
    try:
        model = msgspec.convert(data, BoardModel)
    except msgspec.ValidationError as error:
        raise BoardFileError(f"{path}: {error}") from error
    if problems := list(_problems(model)):
        raise BoardFileError(f"{path}: " + "; ".join(problems))
    return model


def board_file(name: str, local_dir: Path = LOCAL_DIR) -> Path:
    """One in /etc/evsed/boards goes before one that is shipped; the file need not exist."""
    path = Path(name)
    if path.name != name or path.suffix == ".toml":
        return path
    local = local_dir / f"{name}.toml"
    return local if local.exists() else SHIPPED_DIR / f"{name}.toml"


def signals_of(model: BoardModel) -> dict[str, str]:
    """What each line is wired for, as the key of the board file, by the line's name."""
    return {
        line.name: f"{table}.{key}"
        for table in ("outputs", "inputs")
        for key, line in msgspec.structs.asdict(getattr(model, table)).items()
        if line is not None
    }


def known_boards(local_dir: Path = LOCAL_DIR) -> list[str]:
    return sorted({path.stem for place in (SHIPPED_DIR, local_dir) for path in place.glob("*.toml")})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BoardFileError(f"{path}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise BoardFileError(f"{path}: {error}") from error


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """over wins key by key; anything but a table is replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        below = base.get(key)
        both_tables = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merged(below, value) if both_tables else value  # type: ignore[arg-type]
    return merged


def _problems(model: BoardModel) -> Iterator[str]:
    yield from _repeated("line", _line_names(model))
    yield from _repeated("ADC channel", _channels(model.adc))
    yield from _repeated("I2C address", _i2c_addresses(model))
    yield from _repeated("thermometers.location", (one.location for one in model.thermometers))
    yield from _problems_of_socket(model)
    if not model.outputs.contactor.active_high:
        yield "outputs.contactor.active_high: must be true; a line that nobody drives is low"


def _repeated(what: str, items: Iterable[object]) -> Iterator[str]:
    for item, count_n in Counter(items).items():
        if count_n > 1:
            yield f"{what} {item} is used {count_n} times; each belongs to one signal"


def _line_names(model: BoardModel) -> Iterator[str]:
    for table in (model.outputs, model.inputs):
        for line in msgspec.structs.astuple(table):
            if line is not None:
                yield line.name


def _channels(adc: AdcData) -> Iterator[int]:
    rails = msgspec.structs.astuple(adc.rails) if adc.rails else ()
    for data in (adc.pilot, adc.proximity, *rails):
        if data is not None:
            yield data.channel


def _i2c_addresses(model: BoardModel) -> Iterator[str]:
    for chip in (*model.thermometers, model.token_reader, model.eeprom):
        if chip is not None:
            yield f"{chip.address:#04x} on {chip.bus}"


def _problems_of_socket(model: BoardModel) -> Iterator[str]:
    """A socket has all of it, a tethered cable nothing."""
    parts = {
        "outputs.lock": model.outputs.lock,
        "outputs.unlock": model.outputs.unlock,
        "inputs.lock_position": model.inputs.lock_position,
        "adc.proximity": model.adc.proximity,
    }
    missing = [key for key, part in parts.items() if part is None]
    if missing and len(missing) < len(parts):
        there = ", ".join(key for key in parts if key not in missing)
        yield f"{', '.join(missing)}: missing for a socket; without a socket take {there} away, too"
