"""Board files: what is read, and what a wrong one is refused with."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from hal.board_model import (
    SHIPPED_DIR,
    BoardFileError,
    EepromData,
    ThermometerData,
    known_boards,
    load_board_model,
)
from hal.boards import make_safe, meter_line, open_board
from hal.boards.peripherals import HardwarePeripherals, MonotonicClock
from hal.drivers.eeprom_i2c import EEPROM_TYPES
from hal.drivers.temperature_i2c import SENSOR_TYPES
from hal.errors import DeviceMissing, HalError
from hal.types import Missing, Temperature
from tests.hal.drivers.i2c_bench import FakeBus, FakeClock, RegisterChip

CM4 = (SHIPPED_DIR / "cm4-carrier.toml").read_text()

WRONG = [  # what of the file is replaced, by what, and what is told
    ("active_high = false", "active_hihg = false", "unknown field `active_hihg`"),
    ('contactor = { name = "EVSE_CONTACTOR" }', "", "missing required field `contactor` - at `$.outputs`"),
    ('"EVSE_LOCK" }', '"EVSE_UNLOCK" }', "line EVSE_UNLOCK is used 2 times"),
    (
        '"EVSE_CONTACTOR" }',
        '"EVSE_CONTACTOR", active_high = false }',
        "outputs.contactor.active_high: must be true",
    ),
    ("plus_5 = { channel = 4", "plus_5 = { channel = 3", "ADC channel 3 is used 2 times"),
    ("plus_5 = { channel = 4", "plus_5 = { channel = 8", "<= 7 - at `$.adc.rails.plus_5.channel`"),
    ("address = 0x49", "address = 0x48", "I2C address 0x48 on /dev/i2c-1 is used 2 times"),
    ("address = 0x49", "address = 0x92", "<= 119 - at `$.thermometers[1].address`"),
    ('location = "plug"', 'location = "evse"', "thermometers.location evse is used 2 times"),
    ('type = "tmp102"', 'type = "tmp103"', "Invalid enum value 'tmp103'"),
    (
        'unlock = { name = "EVSE_UNLOCK" }',
        "",
        "outputs.unlock: missing for a socket; without a socket take outputs.lock, inputs.lock_position, ",
    ),
    ("reference_v = 3.3", "reference_v = 33", "<= 5.5 - at `$.adc.reference_v`"),
    (
        "series_ohm = 100e3, pull_up_ohm = 20e3",
        "series_ohm = 0, pull_up_ohm = 20e3",
        "at `$.adc.pilot.divider.series_ohm`",
    ),
    ('"/dev/evse-meter"', '"evse-meter"', "at `$.meter.port`"),
    ("[meter]", "[meter", "Expected ']'"),
]


@pytest.mark.parametrize(("found", "by", "told"), WRONG)
def test_a_wrong_file_is_refused_with_file_key_and_reason(
    found: str, by: str, told: str, tmp_path: Path
) -> None:
    assert found in CM4
    path = tmp_path / "mine.toml"
    path.write_text(CM4.replace(found, by, 1))
    with pytest.raises(BoardFileError) as caught:
        load_board_model(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


def test_the_shipped_boards_read_and_differ_where_a_board_may() -> None:
    assert known_boards(Path("/nonexistent")) == ["cm4-carrier", "pi-hat-1p"]
    cm4, hat = map(load_board_model, known_boards())
    assert (cm4.outputs.lock is None, hat.outputs.lock is None) == (False, True)
    assert (cm4.adc.pilot.channel, hat.adc.pilot.channel) == (0, 7)
    assert (cm4.pwm.inverted, hat.pwm.inverted) == (False, True)


def test_the_kinds_of_chips_are_those_of_the_drivers() -> None:
    kinds = [set(get_args(get_type_hints(data)["type"])) for data in (ThermometerData, EepromData)]
    assert kinds == [SENSOR_TYPES.keys(), EEPROM_TYPES.keys()]


def test_a_local_board_goes_before_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "cm4-carrier.toml").write_text(CM4.replace("CM4 carrier", "Ours", 1))
    (tmp_path / "other.toml").write_text(CM4)
    assert load_board_model("cm4-carrier", tmp_path).title == "Ours: socket, three phases"
    assert "other" in known_boards(tmp_path)


def test_drop_ins_change_single_keys_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "cm4-carrier.d"
    folder.mkdir()
    (folder / "10-cp.toml").write_text("[adc.pilot]\ngain = 1.02\noffset_v = -0.05\n")
    (folder / "20-cp.toml").write_text("[adc.pilot]\ngain = 1.03\n")
    pilot = load_board_model("cm4-carrier", tmp_path).adc.pilot
    assert (pilot.gain, pilot.offset_v) == (1.03, -0.05)
    assert pilot.divider.series_ohm == 100e3
    (folder / "30-cp.toml").write_text("[adc.pilot]\ngain = 2.0\n")
    with pytest.raises(BoardFileError, match=r"<= 1.1 - at `\$.adc.pilot.gain`"):
        load_board_model("cm4-carrier", tmp_path)


def test_a_drop_in_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "cm4-carrier.d").mkdir()
    (tmp_path / "cm4-carrier.d" / "10.toml").write_text("gain")
    with pytest.raises(BoardFileError, match=r"10\.toml: Expected '='"):
        load_board_model("cm4-carrier", tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoardFileError, match="cannot be read"):
        load_board_model(str(tmp_path / "none.toml"))


# By name.


@pytest.mark.parametrize("use", [open_board, make_safe])
def test_an_unknown_board_is_refused_with_the_known_ones(use, tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="'cm5': unknown; known boards: sim, cm4-carrier, pi-hat-1p"):
        use("cm5", tmp_path, MonotonicClock())


@pytest.mark.parametrize("use", [open_board, make_safe])
def test_a_real_board_on_a_machine_without_its_lines_is_no_traceback(use, tmp_path: Path) -> None:
    with pytest.raises(HalError, match=r"/dev/gpiochip|line EVSE_CONTACTOR"):
        use("cm4-carrier", tmp_path, MonotonicClock())


def test_the_meters_line_is_the_boards_own(tmp_path: Path) -> None:
    assert meter_line("sim", tmp_path).port == str(tmp_path / "meter")
    assert meter_line("cm4-carrier", tmp_path).port == "/dev/evse-meter"
    path = tmp_path / "mine.toml"
    path.write_text(CM4.partition("[meter]")[0])
    with pytest.raises(DeviceMissing, match=r"no line for a meter; set meter\.port"):
        meter_line(str(path), tmp_path)


# The slow devices.


def test_the_thermometers_of_the_file_are_read_and_an_absent_reader_is_missing() -> None:
    clock = FakeClock()
    cold, hot = (RegisterChip({0: bytes((degrees, 0)), 1: b"\x00\x00"}) for degrees in (25, 70))
    bus = FakeBus(clock, a48=cold, a49=hot)
    peripherals = HardwarePeripherals(load_board_model("cm4-carrier"), clock, bus)
    assert [thermometer.read() for thermometer in peripherals.thermometers] == [
        Temperature("evse", 25.0),
        Temperature("plug", 70.0),
    ]
    reading = peripherals.token_reader.read()
    assert isinstance(reading, Missing)
    assert reading.reason.startswith("token reader pn532 at 0x24 on /dev/i2c-1 does not answer")
    peripherals.close()
    peripherals.close()


def test_a_board_without_a_reader_has_none() -> None:
    peripherals = HardwarePeripherals(load_board_model("pi-hat-1p"), FakeClock(), FakeBus())
    assert (len(peripherals.thermometers), peripherals.token_reader) == (1, None)
