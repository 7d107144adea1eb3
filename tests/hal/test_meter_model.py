import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.errors import DeviceFailed
from hal.meter_model import (
    MODELS_DIR,
    Block,
    MeterModelError,
    blocks_of,
    load_meter_model,
    reading_of,
    shipped_models,
)
from hal.meter_numbers import decode, decode_text, encode, encode_text, scaled, word_count
from hal.sim.modbus_server import register_image
from hal.types import MeterReading
from tests.hal.meter_bench import READING

SMALL = """
name = "small"
function = 4
word_order = "big"
max_gap = 2
max_block = 8
[bounds]
voltage_v = [0, 500]
energy_import_wh = [0, 1e9]
[points]
voltage_v = [{ address = 0, type = "u16", factor = 0.1 }]
energy_import_wh = { address = 4, type = "u32" }
"""

RANGES = {
    "u16": (0, 2**16 - 1),
    "i16": (-(2**15), 2**15 - 1),
    "u32": (0, 2**32 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "u64": (0, 2**64 - 1),
    "i64": (-(2**63), 2**63 - 1),
}
TYPED_NUMBERS = st.one_of(
    *(st.tuples(st.just(name), st.integers(low, high)) for name, (low, high) in RANGES.items()),
    st.tuples(st.just("f32"), st.floats(width=32, allow_nan=False)),
)


def model_of(tmp_path: Path, text: str):
    path = tmp_path / "meter.toml"
    path.write_text(text)
    return load_meter_model(path)


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_loads(name):
    assert load_meter_model(name).name


def test_the_sdm630_is_read_with_three_requests():
    blocks = blocks_of(load_meter_model("eastron_sdm630"))
    assert blocks == [Block(0x0000, 18), Block(0x0034, 2), Block(0x0046, 6)]


def test_the_sdm630_leaves_the_factory_with_9600_8n1_unit_1():
    serial = load_meter_model("eastron_sdm630").serial
    assert (serial.baudrate, serial.bytesize, serial.parity, serial.stopbits, serial.device_id) == (
        9600,
        8,
        "N",
        1,
        1,
    )


@pytest.mark.parametrize(
    ("max_gap", "max_block", "expected"),
    [
        (3, 8, [Block(0, 6)]),
        (2, 8, [Block(0, 1), Block(4, 2)]),
        (3, 5, [Block(0, 1), Block(4, 2)]),
        (3, 6, [Block(0, 6)]),
    ],
)
def test_points_share_a_request_up_to_max_gap_and_max_block(tmp_path, max_gap, max_block, expected):
    text = SMALL.replace("max_gap = 2", f"max_gap = {max_gap}")
    text = text.replace("max_block = 8", f"max_block = {max_block}")
    assert blocks_of(model_of(tmp_path, text)) == expected


@given(TYPED_NUMBERS, st.sampled_from(["big", "little"]))
def test_every_type_and_word_order_decodes_to_what_was_encoded(typed_number, word_order):
    register_type, number = typed_number
    words = encode(number, register_type, word_order)
    assert len(words) == word_count(register_type)
    assert decode(words, register_type, word_order) == number


@pytest.mark.parametrize(
    ("words", "register_type", "word_order", "number"),
    [
        ([0x4366, 0x0000], "f32", "big", 230.0),
        ([0x0000, 0x4366], "f32", "little", 230.0),
        ([0x0001, 0x2345], "u32", "big", 0x12345),
        ([0x2345, 0x0001], "u32", "little", 0x12345),
        ([0xFFFE], "i16", "big", -2),
        ([0xFFFE, 0xFFFF], "i32", "little", -2),
        ([0, 0, 1, 0], "u64", "big", 65536),
        ([0, 1, 0, 0], "i64", "little", 65536),
        ([0xFF00, 2305], "t5", "big", 230.5),
        ([0x00FF, 0xFFFF], "t5", "big", 16777215),
        ([0x00FF, 0xFFFF], "t6", "big", -1),
        ([0x0302, 0x0000], "t6", "big", 131072000),
    ],
)
def test_words_mean_what_the_standard_says(words, register_type, word_order, number):
    assert decode(words, register_type, word_order) == number


@pytest.mark.parametrize(
    ("number", "register_type"),
    [(65536, "u16"), (-1, "u32"), (1e39, "f32"), (math.nan, "i16"), (1e400, "i64"), (-1, "t5"), (1e12, "t6")],
)
def test_a_number_that_does_not_fit_is_refused(number, register_type):
    with pytest.raises(ValueError, match=f"does not fit into {register_type}"):
        encode(number, register_type, "big")


@pytest.mark.parametrize(
    ("raw", "factor", "exponent", "number"),
    [
        (2305, 0.1, 0, 230.5),
        (15125, 1.0, -3, 15.125),
        (10350, 0.001, 0, 10.35),
        (3, 1000, 1, 30000),
        (7, 0.3, 0, 2.1),
    ],
)
def test_decimals_are_as_exact_as_they_can_be(raw, factor, exponent, number):
    assert scaled(raw, factor, exponent) == number


@pytest.mark.parametrize("text", ["", "A", "BSM-WS36A"])
def test_a_text_reads_as_it_was_written(text):
    assert decode_text(encode_text(text.encode(), 5)) == text


def test_a_text_that_is_none_or_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="ascii"):
        decode_text([0xC3A4])
    with pytest.raises(ValueError, match="not printable"):
        decode_text([0x4107, 0x4142])
    with pytest.raises(ValueError, match="11 bytes do not fit into 5 registers"):
        encode_text(b"x" * 11, 5)


def test_a_scale_register_is_read_with_its_points_and_shares_none(tmp_path):
    text = SMALL.replace('"u32" }', '"u32", scale = 7 }')
    assert blocks_of(model_of(tmp_path, text))[-1] == Block(4, 4)
    with pytest.raises(MeterModelError, match=r"scale of points.energy_import_wh: shares register 0x0005"):
        model_of(tmp_path, SMALL.replace('"u32" }', '"u32", scale = 5 }'))


def test_phases_keep_their_order_whatever_their_addresses(tmp_path):
    text = SMALL.replace(
        '[{ address = 0, type = "u16", factor = 0.1 }]',
        '[{ address = 2, type = "u16" }, { address = 0, type = "u16" }, { address = 1, type = "u16" }]',
    )
    words = {0: 222, 1: 223, 2: 221, 4: 0, 5: 7}
    reading = reading_of(model_of(tmp_path, text), words, 5.0, "id")
    assert reading == MeterReading(
        at_s=5.0, energy_import_wh=7.0, voltage_v=(221.0, 222.0, 223.0), meter_id="id"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({0: 5001}, "implausible: voltage_v L1 reads 500.1, possible is 0 to 500"),
        ({4: 0xFFFF, 5: 0xFFFF}, r"implausible: energy_import_wh reads 4.29497e\+09"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(tmp_path, words, told):
    image = {0: 2300, 4: 0, 5: 0} | words
    with pytest.raises(DeviceFailed, match=told):
        reading_of(model_of(tmp_path, SMALL), image, 0.0, "")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -1.0])
def test_float_meters_that_have_no_value_are_refused_by_name(number):
    model = load_meter_model("eastron_sdm630")
    image = register_image(model, READING)
    words = {at: word for block in blocks_of(model) for at, word in _read(image, block)}
    words.update(enumerate(encode(number, "f32", "big"), 0x0048))
    with pytest.raises(DeviceFailed, match="implausible: energy_import_wh reads"):
        reading_of(model, words, 0.0, "")


def _read(image, block):
    return enumerate(image(4, block.address, block.count), block.address)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "small"', "name = ", "Invalid value"),
        ('name = "small"\n', "", "missing required field `name`"),
        ("function = 4", "function = 5", "Invalid enum value 5 - at `$.function`"),
        ('word_order = "big"', 'word_order = "middle"', "Invalid enum value 'middle' - at `$.word_order`"),
        ("max_gap = 2", "max_gab = 2", "unknown field `max_gab`"),
        ("max_block = 8", "max_block = 126", "`int` <= 125 - at `$.max_block`"),
        ('"u32"', '"u24"', "Invalid enum value 'u24' - at `$.points.energy_import_wh.type`"),
        ("address = 4", "address = 65536", "`int` <= 65535 - at `$.points.energy_import_wh.address`"),
        ("address = 4", "address = 65535", "points.energy_import_wh: u32 at 0xffff ends after 0xffff"),
        ("address = 4", "address = 0", "shares register 0x0000 with points."),
        ("factor = 0.1", "factor = 0", "points.voltage_v L1: factor 0.0 must be a number other than 0"),
        ("factor = 0.1", "factor = nan", "points.voltage_v L1: factor nan must be a number"),
        ("factor = 0.1", "step = 2", "unknown field `step` - at `$.points.voltage_v[0]`"),
        ("energy_import_wh = {", "power_w = {", "missing required field `energy_import_wh` - at `$.points`"),
        ("voltage_v = [0, 500]\n", "", "bounds.voltage_v: missing; give [lowest, highest]"),
        ("[0, 500]", "[500, 0]", "bounds.voltage_v: the lowest value 500.0 must be below the highest 0.0"),
        ("[0, 500]", "[0]", "length 2"),
    ],
)
def test_a_wrong_file_is_refused_naming_file_key_and_fault(tmp_path, old, new, told):
    assert old in SMALL
    with pytest.raises(MeterModelError) as refusal:
        model_of(tmp_path, SMALL.replace(old, new))
    assert str(refusal.value).startswith(str(tmp_path / "meter.toml"))
    assert told in str(refusal.value)


def test_all_problems_of_a_file_are_told_at_once(tmp_path):
    text = SMALL.replace("factor = 0.1", "factor = 0").replace("[0, 500]", "[500, 0]")
    with pytest.raises(MeterModelError, match=r"factor 0\.0 .*; bounds\.voltage_v"):
        model_of(tmp_path, text)


@pytest.mark.parametrize("name", ["eastron_sdm63", "no/such.toml"])
def test_a_file_that_is_not_there_is_told_with_the_shipped_models(name):
    with pytest.raises(MeterModelError, match=r"cannot be read .*shipped models are .*eastron_sdm630"):
        load_meter_model(name)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "meter.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MeterModelError, match="cannot be read"):
        load_meter_model(path)


def test_a_path_loads_the_same_model_as_its_name():
    assert load_meter_model(MODELS_DIR / "eastron_sdm630.toml") == load_meter_model("eastron_sdm630")
