import pytest

from hal.drivers.modbus_line import ModbusLine, NoAnswer
from hal.errors import DeviceFailed
from hal.meter_model import SerialDefaults
from hal.sim.modbus_server import PtyMeterServer, with_crc
from hal.sim.pty_line import PtyLine
from tests.hal.meter_bench import FAST_BAUD, served


@pytest.fixture
def path(tmp_path):
    return tmp_path / "line"


def no_registers(function, address, count):
    return None


def test_a_write_that_is_refused_is_told_with_its_exception(path):
    line = ModbusLine(path, SerialDefaults(baudrate=FAST_BAUD))
    told = r"exception 1: illegal function \(function 6, register 0x1000\)"
    with served(PtyMeterServer(path, no_registers, 1, FAST_BAUD)):
        with pytest.raises(DeviceFailed, match=told):
            line.write_register(1, 0x1000, 5)
        line.close()


def test_a_long_write_goes_out_in_as_many_requests_as_it_needs(path):
    written = {}

    def write(address, words):
        written.update(enumerate(words, address))
        return len(words) <= 123

    line = ModbusLine(path, SerialDefaults(baudrate=FAST_BAUD))
    with served(PtyMeterServer(path, no_registers, 1, FAST_BAUD, write)):
        line.write_registers(1, 7100, range(300))
        line.write_register(1, 7056, 300)
        line.close()
    assert written == dict(enumerate(range(300), 7100)) | {7056: 300}


def test_a_command_is_sent_once_and_a_write_twice(path):
    frames = []
    line = ModbusLine(path, SerialDefaults(baudrate=FAST_BAUD), answer_timeout_s=0.05)
    with served(PtyLine(path, frames.append, FAST_BAUD)):
        for send in (line.command, line.write_register):
            with pytest.raises(NoAnswer, match="timeout: no answer from unit 1"):
                send(1, 7051, 0x4200)
        line.close()
    assert frames == [with_crc(bytes.fromhex("01061b8b4200"))] * 3
