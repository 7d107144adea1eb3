import os
import struct
import subprocess
import sys
import tty

import pytest

from hal.drivers.meter_modbus import ModbusMeter
from hal.drivers.modbus_line import ModbusLine
from hal.drivers.serial_port import Rs485, why_not_open
from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from hal.meter_model import SerialDefaults, load_meter_model

NOBODY = 65534
HOLD = """
import sys, serial
port = serial.serial_for_url(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port():
    """A pty that nobody serves."""
    master, client_end = os.openpty()
    tty.setraw(client_end)
    yield os.ttyname(client_end)
    os.close(client_end)
    os.close(master)


def test_a_port_that_another_process_holds_is_busy_and_names_it(port):
    command = [sys.executable, "-c", HOLD, port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        line = ModbusLine(port, SerialDefaults())
        with pytest.raises(LineBusy, match=rf"line busy: {port} is in use by pid {other.pid} \(.*python"):
            line.read(1, 3, 0, 2)
        missing = ModbusMeter(load_meter_model("eastron_sdm630"), port).read()
        assert missing.reason.startswith(f"line busy: {port} is in use by pid {other.pid} ")
        other.stdin.close()
    line.close()


def test_a_port_without_permission_names_path_owner_and_group(port):
    os.chmod(port, 0o600)
    if os.geteuid() == 0:
        os.chown(port, 0, 0)
        os.seteuid(NOBODY)
    else:
        os.chmod(port, 0)
    try:
        trouble = why_not_open(port)
        missing = ModbusMeter(load_meter_model("eastron_sdm630"), port).read()
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    assert isinstance(trouble, DeviceFailed)
    assert str(trouble).startswith(f"port missing: no permission to read and write {port}; join the group ")
    assert missing.reason == str(trouble)
    if os.getuid() == 0:
        assert str(trouble).endswith("; join the group dialout (it is root:root 0600)")


def test_a_port_that_is_not_there_is_missing(tmp_path):
    trouble = why_not_open(str(tmp_path / "ttyUSB0"))
    assert isinstance(trouble, DeviceMissing)
    assert str(trouble).startswith(f"port missing: {tmp_path}/ttyUSB0 does not exist; ")


def test_a_file_is_no_port(tmp_path):
    (tmp_path / "file").touch()
    assert "is not a serial port" in str(why_not_open(str(tmp_path / "file")))


def test_a_directory_is_no_port(tmp_path):
    assert str(why_not_open(str(tmp_path))) == f"port missing: {tmp_path} cannot be opened: Is a directory"


@pytest.mark.parametrize(
    ("rs485", "flags", "before_ms", "after_ms"),
    [
        (Rs485(), 0b011, 0, 0),
        (Rs485(rts_on_send=False, rts_after_send=True), 0b101, 0, 0),
        (Rs485(delay_before_send_ms=1, delay_after_send_ms=2), 0b011, 1, 2),
    ],
)
def test_the_direction_is_told_to_the_kernel_as_its_header_lays_it_out(rs485, flags, before_ms, after_ms):
    assert rs485.packed() == struct.pack("=8I", flags, before_ms, after_ms, 0, 0, 0, 0, 0)


def test_a_port_whose_driver_cannot_turn_the_direction_is_refused_with_what_to_do(port):
    line = ModbusLine(port, SerialDefaults(), Rs485())
    with pytest.raises(DeviceFailed, match=r"TIOCSRS485\); use a PL011 port, or a transceiver"):
        line.read(1, 3, 0, 2)
    ModbusLine(port, SerialDefaults()).close()
