import itertools
import logging
import math
import os
import re
import threading
import time
import tty

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.drivers.meter_modbus import ModbusMeter
from hal.meter_model import load_meter_model
from hal.meter_numbers import encode
from hal.sim.modbus_server import PtyMeterServer, answer, register_image, with_crc
from hal.sim.pty_line import PtyLine
from hal.types import MeterReading, Missing
from tests.hal.meter_bench import FAST_BAUD, READING, served

SDM630 = load_meter_model("eastron_sdm630")
BAUD = 9600  # of the faults: on a line as slow as in the field
TIMEOUT_S = 0.08  # shorter than the product's, for the faults alone
IMAGE = register_image(SDM630, READING)

OTHER_MODEL = """
name = "integers, low word first"
function = 3
word_order = "little"
[bounds]
voltage_v = [0, 500]
power_w = [-10e3, 10e3]
energy_import_wh = [0, 1e12]
[points]
voltage_v = [{ address = 100, type = "u16", factor = 0.1 }]
power_w = { address = 103, type = "i32", factor = 0.01 }
energy_import_wh = { address = 300, type = "u64", factor = 10 }
"""


class World:
    """The registers and the faults of the meter, to be changed while it is served."""

    def __init__(self, reading=READING):
        self.registers = register_image(SDM630, reading)
        self.spoil = lambda reply: reply

    def show(self, **change):
        self.registers = register_image(SDM630, msgspec.structs.replace(READING, **change))

    def answer(self, frame):
        reply = answer(frame, 1, self.registers)
        return None if reply is None else self.spoil(reply)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "meter"


@pytest.fixture
def meter(path, world):
    """A meter whose clock counts the reads: 1, 2, 3 ..."""
    ticks = itertools.count(1)
    driver = ModbusMeter(SDM630, path, 1, BAUD, lambda: float(next(ticks)), answer_timeout_s=TIMEOUT_S)
    with served(PtyLine(path, world.answer, BAUD)):
        yield driver
        driver.close()


def at(reading, at_s):
    return msgspec.structs.replace(reading, at_s=at_s)


def test_the_numbers_read_are_those_the_meter_holds(meter):
    assert meter.read() == at(READING, 1.0)
    assert meter.read() == at(READING, 2.0)


def test_a_meter_of_another_model_is_read_by_its_file_alone(tmp_path, path):
    (tmp_path / "other.toml").write_text(OTHER_MODEL)
    model = load_meter_model(tmp_path / "other.toml")
    reading = MeterReading(at_s=1.0, energy_import_wh=12345678900.0, power_w=-1234.5, voltage_v=(230.5,))
    driver = ModbusMeter(model, path, 7, FAST_BAUD, lambda: 1.0)
    with served(PtyMeterServer(path, register_image(model, reading), 7, FAST_BAUD)):
        assert driver.read() == reading
        driver.close()


def test_the_model_file_gives_unit_and_baud_rate_unless_told_otherwise(path):
    driver = ModbusMeter(SDM630, path)
    with served(PtyMeterServer(path, IMAGE, 1, 9600)):
        assert isinstance(driver.read(), MeterReading)
        driver.close()


def test_a_meter_without_serial_number_is_read_and_asked_for_it_once(meter, world):
    asked = []

    def registers(function, address, count):
        asked.append(function)
        return register_image(SDM630, msgspec.structs.replace(READING, meter_id=""))(function, address, count)

    world.registers = registers
    assert meter.read().meter_id == ""
    assert meter.read().meter_id == ""
    assert asked.count(3) == 1


def test_a_meter_that_keeps_silent_about_its_serial_number_is_read_all_the_same(meter, world):
    world.spoil = lambda reply: None if reply[1] == 3 else reply
    assert meter.read() == at(msgspec.structs.replace(READING, meter_id=""), 1.0)
    assert meter.read() == at(msgspec.structs.replace(READING, meter_id=""), 2.0)


def test_a_silent_meter_is_missing_since_its_first_failure_and_comes_back(meter, world):
    world.spoil = lambda reply: None
    started_s = time.monotonic()
    first = meter.read()
    assert 2 * TIMEOUT_S <= time.monotonic() - started_s < 8
    assert first == Missing(first.reason, 1.0)
    assert first.reason.startswith("timeout: no answer from unit 1 on ")
    assert "registers 0x0000 to 0x0011" in first.reason
    assert meter.read() == Missing(first.reason, 1.0)
    world.spoil = lambda reply: reply
    assert meter.read() == at(READING, 3.0)
    world.spoil = lambda reply: None
    assert meter.read().since_s == 4.0


def test_a_wrong_unit_is_missing_as_silence(meter, path):
    driver = ModbusMeter(SDM630, path, 2, BAUD, lambda: 1.0, answer_timeout_s=TIMEOUT_S)
    assert driver.read().reason.startswith("timeout: no answer from unit 2")
    driver.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply[:-1] + bytes([reply[-1] ^ 1]),
        lambda reply: reply[: len(reply) // 2],
        lambda reply: b"\xff\x00\xaa" * 5,
        lambda reply: with_crc(b"\x02" + reply[1:-2]),
        lambda reply: with_crc(b"\x01\x04\x02\x00\x00"),
        lambda reply: with_crc(b"\x01\x03" + reply[2:-2]),
        lambda reply: with_crc(b"\x01\x63" + reply[2:-2]),
    ],
    ids=["crc", "half", "noise", "other unit", "too few", "other function", "unknown function"],
)
def test_garbage_is_missing_and_the_next_good_answer_counts(meter, world, spoil):
    world.spoil = spoil
    assert meter.read().reason.startswith("garbage: ")
    world.spoil = lambda reply: reply
    assert meter.read() == at(READING, 2.0)


def test_silence_after_garbage_is_told_as_silence(meter, world):
    world.spoil = lambda reply: reply[:-1]
    assert meter.read().reason.startswith("garbage: ")
    world.spoil = lambda reply: None
    assert meter.read().reason.startswith("timeout: ")


def test_one_disturbed_frame_is_no_outage(meter, world):
    replies = itertools.count()
    world.spoil = lambda reply: reply if next(replies) else reply[:-1]
    assert meter.read() == at(READING, 1.0)


def test_an_exception_of_the_meter_is_missing_with_its_name(meter, world):
    world.registers = lambda function, address, count: None if address == 0x0034 else [0] * count
    told = "exception 2: illegal data address (function 4, registers 0x0034 to 0x0035)"
    assert meter.read() == Missing(told, 1.0)


@pytest.mark.parametrize("number", [math.nan, math.inf, 600.0])
def test_a_value_that_cannot_be_true_is_missing_naming_the_point(meter, world, number):
    def registers(function, address, count):
        words = IMAGE(function, address, count)
        return [*words[:2], *encode(number, "f32", "big"), *words[4:]] if address == 0 else words

    world.registers = registers
    assert meter.read() == Missing(f"implausible: voltage_v L2 reads {number:g}, possible is 0 to 500", 1.0)


def test_energy_that_falls_is_missing_once_and_then_taken(meter, world):
    meter.read()
    world.show(energy_import_wh=5000.0)
    assert meter.read() == Missing("implausible: energy_import_wh fell from 1234500 to 5000", 2.0)
    assert meter.read().energy_import_wh == 5000.0
    world.show(energy_import_wh=4000.0)
    assert isinstance(meter.read(), Missing)


def test_a_port_that_is_not_there_yet_is_missing_until_it_is(path):
    times = iter([10.0, 11.0, 12.0])
    driver = ModbusMeter(SDM630, path, 1, FAST_BAUD, lambda: next(times))
    reason = f"port missing: {path} does not exist; enable its bus in the device tree"
    assert driver.read() == Missing(reason, 10.0)
    assert driver.read() == Missing(reason, 10.0)
    with served(PtyMeterServer(path, IMAGE, 1, FAST_BAUD)):
        assert driver.read() == at(READING, 12.0)
        driver.close()


def test_a_port_that_vanished_and_returned_is_opened_again_and_the_meter_asked_who_it_is(path):
    driver = ModbusMeter(SDM630, path, 1, FAST_BAUD, lambda: 1.0)
    with served(PtyMeterServer(path, IMAGE, 1, FAST_BAUD)):
        assert driver.read() == at(READING, 1.0)
    assert driver.read().reason == f"port missing: {path} went away during a read"
    assert driver.read().reason.startswith(f"port missing: {path} does not exist")
    other = msgspec.structs.replace(READING, at_s=1.0, meter_id="777")
    with served(PtyMeterServer(path, register_image(SDM630, other), 1, FAST_BAUD)):
        assert driver.read() == other
        driver.close()


def test_a_port_taken_away_between_question_and_answer_is_missing():
    master, client_end = os.openpty()
    tty.setraw(client_end)
    port = os.ttyname(client_end)

    def vanish():
        os.read(master, 8)
        os.close(client_end)
        os.close(master)

    thread = threading.Thread(target=vanish)
    thread.start()
    driver = ModbusMeter(SDM630, port, 1, FAST_BAUD, lambda: 1.0)
    assert driver.read().reason == f"port missing: {port} went away during a read"
    thread.join()


def test_a_port_in_use_or_that_is_no_port_is_told_as_such(tmp_path, path, meter):
    meter.read()
    second = ModbusMeter(SDM630, path, 1, FAST_BAUD, lambda: 1.0)
    holder = rf"pid {os.getpid()} \(.*\)"
    told = rf"line busy: {path} is in use by {holder}; only one process may drive it"
    assert re.fullmatch(told, second.read().reason)
    (tmp_path / "file").write_text("")
    third = ModbusMeter(SDM630, tmp_path / "file", 1, FAST_BAUD, lambda: 1.0)
    assert "not a serial port" in third.read().reason


def test_a_closed_meter_lets_go_of_the_port_and_can_be_read_again(meter, path):
    meter.read()
    meter.close()
    meter.close()
    second = ModbusMeter(SDM630, path, 1, FAST_BAUD, lambda: 1.0)
    assert isinstance(second.read(), MeterReading)
    second.close()
    assert isinstance(meter.read(), MeterReading)


def test_failures_stay_out_of_the_log(path, meter, world, caplog):
    world.spoil = lambda reply: None
    with caplog.at_level(logging.INFO):
        meter.read()
        ModbusMeter(SDM630, path.with_name("nowhere"), 1, FAST_BAUD, lambda: 1.0).read()
    assert caplog.records == []


def test_at_9600_baud_a_read_takes_the_time_of_the_wire_and_not_ten_times_that(path):
    driver = ModbusMeter(SDM630, path, 1)
    with served(PtyMeterServer(path, IMAGE, 1, 9600)):
        driver.read()
        started_s = time.monotonic()
        assert isinstance(driver.read(), MeterReading)
        taken_s = time.monotonic() - started_s
        driver.close()
    requests, replies = 3 * 8, 3 * 5 + 2 * (18 + 2 + 6)
    wire_s = (requests + replies) * 11 / 9600 + 3 * 0.005
    assert wire_s <= taken_s < 10 * wire_s


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=40), st.booleans())
def test_no_answer_whatever_makes_read_raise(meter, world, body, sealed):
    world.spoil = lambda reply: with_crc(b"\x01" + body) if sealed else body
    assert isinstance(meter.read(), Missing)
