"""Every shipped model file, read by the driver from pymodbus's own server over a line with byte timing."""

import math
import time
from contextlib import closing

import msgspec
import pytest

from hal.drivers.meter_modbus import ModbusMeter
from hal.errors import DeviceFailed
from hal.meter_model import blocks_of, load_meter_model, named_points, reading_of, shipped_models
from hal.meter_numbers import encode
from hal.sim.modbus_server import PtyMeterServer, register_image
from hal.sim.pty_line import PtyLine
from hal.types import MeterReading
from tests.hal.meter_bench import FAST_BAUD, served
from tests.hal.meter_bench import READING as FINE
from tests.hal.pymodbus_slave import PymodbusSlave

# As coarse as the coarsest meter shows it: 0.1 V, 0.01 A, 100 Wh.
READING = msgspec.structs.replace(FINE, voltage_v=(230.5, 229.0, 231.0), current_a=(15.0, 15.5, 14.5))

DESIGN = {  # what DESIGN.md wants supported
    "abb_b23",
    "abb_b24",
    "bauer_bsm_ws36a",
    "eastron_sdm120",
    "eastron_sdm630",
    "eastron_sdm72d_m",
    "eastron_sdm72d_m_v2",
    "gavazzi_em24",
    "gavazzi_em340",
    "iskra_wm3m4c",
    "janitza_b23",
    "klefr_692x",
    "klefr_693x",
    "schneider_iem3155",
}

# One register of each model as its source has it (PDU address, words, what it then reads), written down once
# more, by hand, so that a slip in a model file does not agree with itself.
GOLDEN = {
    "abb_b23": (0x5000, [0, 0, 0x0001, 0xE240], "energy_import_wh", 1234560.0),
    "abb_b24": (0x5B14, [0xFFFF, 0xFF9C], "power_w", -1.0),
    "bauer_bsm_ws36a": (40108, [0xFFF6, 0, 0, 0, 0xFFFF], "power_w", -1.0),
    "eastron_sdm120": (0x000C, [0x447A, 0x0000], "power_w", 1000.0),
    "eastron_sdm630": (0x0048, [0x3F80, 0x0000], "energy_import_wh", 1000.0),
    "eastron_sdm72d_m": (0x0034, [0x447A, 0x0000], "power_w", 1000.0),
    "eastron_sdm72d_m_v2": (0x0046, [0x4248, 0x0000], "frequency_hz", 50.0),
    "gavazzi_em24": (0x0042, [0xE240, 0x0001], "energy_import_wh", 12345600.0),
    "gavazzi_em340": (0x0034, [0xE240, 0x0001], "energy_import_wh", 12345600.0),
    "iskra_wm3m4c": (140, [0xFFFF, 0xFFF6], "power_w", -1.0),
    "janitza_b23": (0x4A7C, [0x447A, 0x0000], "energy_import_wh", 1000.0),
    "klefr_692x": (0x5012, [0x3F80, 0x0000], "power_w", 1000.0),
    "klefr_693x": (0x5012, [0x3F80, 0x0000], "power_w", 1000.0),
    "schneider_iem3155": (0x0BF3, [0x3F80, 0x0000], "power_w", 1000.0),
}


def told_by(model, reading=READING):
    """The reading as far as the model has its quantities."""
    has = {named.quantity: max(named.phase, 1) for named in named_points(model)}
    values = {name: value for name, value in msgspec.structs.asdict(reading).items() if name in has}
    short = {n: v[: has[n]] if isinstance(v, tuple) else v for n, v in values.items()}
    return MeterReading(at_s=1.0, meter_id=reading.meter_id if model.serial_number else "", **short)


def agrees(reading, expected):
    """As float32 shows kilowatts: to seven digits."""
    told, wanted = msgspec.structs.asdict(reading), msgspec.structs.asdict(expected)
    exact = {name for name, value in wanted.items() if value is None or name == "meter_id"}
    return told == {n: v if n in exact else pytest.approx(v, rel=1e-7) for n, v in wanted.items()}


def words_of(model, reading=READING):
    image = register_image(model, reading)
    return {
        at: word
        for block in blocks_of(model)
        for at, word in enumerate(image(model.function, block.address, block.count), block.address)
    }


def test_every_meter_of_the_design_has_its_file_and_every_file_a_golden_register():
    assert set(shipped_models()) == DESIGN == set(GOLDEN)


@pytest.mark.parametrize("name", shipped_models())
def test_at_9600_baud_the_driver_reads_what_pymodbus_serves_in_the_time_of_the_wire(name, tmp_path):
    model = load_meter_model(name)
    driver = ModbusMeter(model, tmp_path / "meter", baudrate=9600, now_s=lambda: 1.0)
    with (
        closing(PymodbusSlave(model, READING, model.serial.device_id)) as slave,
        served(PtyLine(tmp_path / "meter", slave.answer, 9600)),
    ):
        assert agrees(driver.read(), told_by(model))
        started_s = time.monotonic()
        assert agrees(driver.read(), told_by(model))
        taken_s = time.monotonic() - started_s
        driver.close()
    blocks = blocks_of(model)
    assert sum(13 + 2 * block.count for block in blocks) * 11 / 9600 <= taken_s


@pytest.mark.parametrize("name", shipped_models())
def test_registers_mean_what_the_source_says(name):
    model = load_meter_model(name)
    address, raw, quantity, value = GOLDEN[name]
    words = words_of(model) | dict(enumerate(raw, address))
    assert getattr(reading_of(model, words, 0.0, ""), quantity) == value


@pytest.mark.parametrize("name", shipped_models())
def test_export_reads_apart_from_import_and_the_phases_apart_from_each_other(name):
    model = load_meter_model(name)
    reading = reading_of(model, words_of(model), 1.0, told_by(model).meter_id)
    assert agrees(reading, told_by(model))


@pytest.mark.parametrize("name", shipped_models())
def test_no_request_is_longer_than_a_frame_may_be(name):
    assert all(block.count <= 125 for block in blocks_of(load_meter_model(name)))


@pytest.mark.parametrize("name", shipped_models())
def test_every_quantity_is_refused_beyond_what_can_be_true(name):
    model = load_meter_model(name)
    for named in named_points(model):
        if named.point.type in ("f32", "i32"):
            high = getattr(model.bounds, named.quantity)[1] / named.point.factor
            far = 2 * high if named.point.type == "f32" else min(2**31 - 2, 2 * high)
            words = dict(enumerate(encode(far, named.point.type, model.word_order), named.point.address))
            if named.point.scale is not None:
                words[named.point.scale] = 10
            elif far <= high:
                continue  # the register cannot hold what is not believed
            with pytest.raises(DeviceFailed, match=f"implausible: {named} reads"):
                reading_of(model, words_of(model) | words, 0.0, "")


@pytest.mark.parametrize("name", ["abb_b23", "bauer_bsm_ws36a"])
def test_phases_that_are_not_available_are_left_out(name):
    model = load_meter_model(name)
    single = msgspec.structs.replace(
        READING,
        voltage_v=(230.5,),
        current_a=(15.0,),
        power_phase_w=(),
        frequency_hz=None,
        energy_export_wh=None,
    )
    reading = reading_of(model, words_of(model, single), 0.0, READING.meter_id)
    assert reading == msgspec.structs.replace(single, at_s=0.0)


def test_an_energy_that_is_not_available_is_no_reading():
    model = load_meter_model("abb_b23")
    words = words_of(model) | dict.fromkeys(range(0x5000, 0x5004), 0xFFFF)
    with pytest.raises(DeviceFailed, match="implausible: energy_import_wh is not available"):
        reading_of(model, words, 0.0, "")


def test_a_scale_that_cannot_be_is_refused():
    model = load_meter_model("bauer_bsm_ws36a")
    with pytest.raises(DeviceFailed, match="implausible: the scale of energy_import_wh is 10 to the -32768"):
        reading_of(model, words_of(model) | {40144: 0x8000}, 0.0, "")


def test_a_serial_number_in_letters_is_told(tmp_path):
    model = load_meter_model("iskra_wm3m4c")
    reading = msgspec.structs.replace(READING, meter_id="ISK12345")
    server = PtyMeterServer(tmp_path / "meter", register_image(model, reading), 33, FAST_BAUD)
    driver = ModbusMeter(model, tmp_path / "meter")
    with served(server):
        assert driver.read().meter_id == "ISK12345"
        driver.close()


@pytest.mark.parametrize("name", ["schneider_iem3155", "klefr_692x"])
def test_a_float_meter_that_has_no_value_is_refused(name):
    model = load_meter_model(name)
    at = model.points.power_w.address
    words = words_of(model) | dict(enumerate(encode(math.nan, "f32", "big"), at))
    with pytest.raises(DeviceFailed, match="implausible: power_w reads nan"):
        reading_of(model, words, 0.0, "")
