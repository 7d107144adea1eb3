import msgspec
import pytest

from hal.drivers.meter_scan import addresses, duration_s, factory_lines, probe, scan
from hal.errors import DeviceMissing
from hal.meter_model import SerialDefaults, load_meter_model
from hal.sim.modbus_server import answer, register_image
from hal.sim.pty_line import PtyLine
from tests.hal.meter_bench import FAST_BAUD, READING, served

LINE = SerialDefaults(baudrate=FAST_BAUD)


def bus_of(units):
    """An answerer for several units on one line: device_id -> registers."""

    def reply(frame):
        registers = units.get(frame[0]) if frame else None
        return answer(frame, frame[0], registers) if registers else None

    return reply


def image(name):
    reading = msgspec.structs.replace(READING, voltage_v=(230.5, 229.0, 231.0))
    return register_image(load_meter_model(name), reading)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bus"


@pytest.mark.parametrize(
    "name", ["eastron_sdm630", "eastron_sdm120", "abb_b23", "abb_b24", "bauer_bsm_ws36a"]
)
def test_a_meter_that_identifies_itself_is_named_with_certainty(path, name):
    with served(PtyLine(path, bus_of({7: image(name)}), FAST_BAUD)):
        found = probe(path, 7, LINE)
    assert (found.models, found.certain, found.meter_id) == ((name,), True, READING.meter_id)


@pytest.mark.parametrize("name", ["gavazzi_em24", "gavazzi_em340", "schneider_iem3155", "janitza_b23"])
def test_a_meter_that_does_not_is_named_among_those_that_read_plausibly(path, name):
    with served(PtyLine(path, bus_of({1: image(name)}), FAST_BAUD)):
        found = probe(path, 1, LINE)
    assert name in found.models
    assert not found.certain


def test_a_scan_finds_everybody_in_the_order_asked(path):
    units = {5: image("eastron_sdm630"), 9: lambda function, address, count: None}
    with served(PtyLine(path, bus_of(units), FAST_BAUD)):
        found = list(scan(path, [LINE], range(4, 11)))
    assert [(one.device_id, one.models) for one in found] == [(5, ("eastron_sdm630",)), (9, ())]


def test_garbage_is_found_as_garbage(path):
    with served(PtyLine(path, lambda frame: b"\xff\x00\xaa", FAST_BAUD)):
        assert probe(path, 1, LINE).garbage


def test_a_scan_ends_at_its_time(path):
    asked = []
    with served(PtyLine(path, lambda frame: asked.append(frame[0]), FAST_BAUD)):
        assert list(scan(path, [LINE], range(1, 248), until_s=3.0, now_s=lambda: float(len(asked)))) == []
    assert asked == [1, 2, 3]


def test_a_scan_of_a_port_that_is_not_there_raises(path):
    with pytest.raises(DeviceMissing, match=f"port missing: {path} does not exist"):
        list(scan(path, [LINE], [1]))


def test_a_whole_scan_covers_every_address_and_factory_setting_and_is_bounded():
    lines, device_ids = factory_lines(), addresses()
    assert {(line.baudrate, line.parity) for line in lines} == {
        (2400, "N"), (9600, "N"), (19200, "E"), (115200, "N"),
    }  # fmt: skip
    assert sorted(device_ids) == list(range(1, 248))
    assert set(device_ids[:3]) == {1, 33, 42}
    assert duration_s(lines, device_ids) < 150
