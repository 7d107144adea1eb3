import errno
import itertools
import os
import subprocess
import sys

import pytest

from hal.drivers.i2c_bus import I2cChip, SmbusOnly, open_smbus
from hal.drivers.temperature_i2c import SENSOR_TYPES, I2cThermometer
from hal.errors import DeviceFailed, DeviceMissing
from hal.types import Missing, Temperature
from tests.hal.drivers.i2c_bench import FakeBus, RegisterChip

PATH = "/dev/i2c-1"
LM75_RESET = {0: b"\x19\x00", 1: b"\x00", 2: b"\x4b\x00", 3: b"\x50\x00"}
TMP102_RESET = {0: b"\x19\x00", 1: b"\x60\xa0", 2: b"\x4b\x00", 3: b"\x50\x00"}


class Bench:
    def __init__(self, name, registers):
        self.chip = RegisterChip(registers)
        self.bus = FakeBus(x48=self.chip)
        ticks = itertools.count(1)
        self.driver = I2cThermometer(
            I2cChip(name.upper(), PATH, 0x48, self.bus),
            SENSOR_TYPES[name],
            "evse",
            lambda: float(next(ticks)),
        )

    def shows(self, register):
        self.chip.registers[0] = bytes.fromhex(register)
        return self.driver.read()


@pytest.fixture
def lm75():
    return Bench("lm75", LM75_RESET)


@pytest.fixture
def tmp102():
    return Bench("tmp102", TMP102_RESET)


# The tables of both data sheets; LM75: the lower seven bits mean nothing.
@pytest.mark.parametrize(
    ("register", "temperature_c"),
    [
        ("7d00", 125.0),
        ("1900", 25.0),
        ("0080", 0.5),
        ("00ff", 0.5),
        ("0000", 0.0),
        ("ff80", -0.5),
        ("e700", -25.0),
    ],
)
def test_an_lm75_reads_half_degrees(lm75, register, temperature_c):
    assert lm75.shows(register) == Temperature("evse", temperature_c)


@pytest.mark.parametrize(
    ("register", "temperature_c"),
    [("7d00", 125.0), ("1900", 25.0), ("0040", 0.25), ("0010", 0.0625), ("ffc0", -0.25), ("d800", -40.0)],
)
def test_a_tmp102_reads_sixteenths(tmp102, register, temperature_c):
    assert tmp102.shows(register) == Temperature("evse", temperature_c)


def test_a_chip_that_was_shut_down_is_set_up_to_convert_continuously(lm75, tmp102):
    lm75.chip.registers[1] = b"\x01"
    tmp102.chip.registers[1] = b"\x61\xb0"
    lm75.driver.read()
    tmp102.driver.read()
    assert lm75.chip.registers[1] == b"\x00"
    assert tmp102.chip.registers[1] == b"\x60\xa0"


def test_the_set_up_is_written_once_and_again_after_an_outage(tmp102):
    tmp102.driver.read()
    tmp102.chip.registers[1] = b"\x61\xa0"
    tmp102.driver.read()
    assert tmp102.chip.registers[1] == b"\x61\xa0"
    tmp102.bus.error = errno.EIO
    tmp102.driver.read()
    tmp102.bus.error = None
    tmp102.driver.read()
    assert tmp102.chip.registers[1] == b"\x60\xa0"


def test_a_temperature_that_cannot_be_is_missing(tmp102):
    assert tmp102.shows("7ff0") == Missing(
        "TMP102 at 0x48 on /dev/i2c-1 reads 127.938 C, possible is -40 to 125", 1.0
    )


# fmt: off
BUS_TROUBLE = [
    (errno.EREMOTEIO, "LM75 at 0x48 on /dev/i2c-1 does not answer; check address, supply and wiring"),
    (errno.ENXIO,     "LM75 at 0x48 on /dev/i2c-1 does not answer; check address, supply and wiring"),
    (errno.ENODEV,    "LM75 at 0x48: /dev/i2c-1 went away during a transfer"),
    (errno.ETIMEDOUT, "LM75 at 0x48 on /dev/i2c-1: transfer failed: Connection timed out;"
                      " check SDA, SCL and their pull-ups"),
]
# fmt: on


@pytest.mark.parametrize(("code", "reason"), BUS_TROUBLE)
def test_trouble_on_the_bus_is_missing_since_its_first_failure_and_then_over(lm75, code, reason):
    lm75.driver.read()
    lm75.bus.error = code
    assert lm75.driver.read() == Missing(reason, 1.0)
    assert lm75.driver.read() == Missing(reason, 1.0)
    lm75.bus.error = None
    assert lm75.shows("1e00") == Temperature("evse", 30.0)
    lm75.bus.error = code
    assert lm75.driver.read().since_s == 2.0


def test_an_address_without_a_chip_does_not_answer(lm75):
    absent = I2cThermometer(I2cChip("LM75", PATH, 0x49, lm75.bus), SENSOR_TYPES["lm75"], "plug", lambda: 0.0)
    assert absent.read().reason.startswith("LM75 at 0x49 on /dev/i2c-1 does not answer")


def test_a_bus_that_went_away_is_opened_again(lm75):
    lm75.driver.read()
    lm75.bus.error = errno.ENODEV
    lm75.driver.read()
    assert lm75.bus.closed_n == 1
    lm75.bus.error, lm75.bus.open_error = None, errno.ENOENT
    assert lm75.driver.read().reason == (
        "LM75 at 0x48: /dev/i2c-1 does not exist; enable its bus in the device tree"
    )
    lm75.bus.open_error = None
    assert isinstance(lm75.driver.read(), Temperature)
    assert lm75.bus.opened == [PATH, PATH]


def test_a_bus_that_we_may_not_use_is_told_with_the_group_to_join(lm75):
    lm75.bus.open_error = errno.EACCES
    assert lm75.driver.read().reason == (
        "LM75 at 0x48: no permission to read and write /dev/i2c-1; join the group i2c"
    )


def test_a_closed_thermometer_lets_go_of_the_bus_and_can_be_read_again(lm75):
    lm75.driver.read()
    lm75.driver.close()
    lm75.driver.close()
    assert lm75.bus.closed_n == 1
    assert isinstance(lm75.driver.read(), Temperature)


class StubBus:
    """An adapter as the kernel's i2c-stub: SMBus only, registers of one byte."""

    def __init__(self) -> None:
        self.registers = {0: 0x19}

    def read_i2c_block_data(self, address, register, count):
        return [self.registers[at] for at in range(register, register + count)]

    def write_i2c_block_data(self, address, register, data):
        self.registers.update(enumerate(data, register))

    def close(self):
        pass


def test_an_adapter_that_speaks_smbus_only_is_enough_for_one_byte_registers():
    chip = I2cChip("TMP102", "/dev/i2c-1", 0x48, lambda path: SmbusOnly(StubBus()))
    thermometer = I2cThermometer(chip, SENSOR_TYPES["tmp102"], "plug")
    assert thermometer.read() == Temperature("plug", 0x19 + 0x6 / 16)
    with pytest.raises(DeviceFailed, match="adapter speaks SMBus only; this chip needs plain I2C"):
        chip.write_read(b"\x00\x00", 4)


def test_the_real_smbus_tells_missing_files_and_files_of_another_kind_and_leaves_none_open(tmp_path):
    open_n = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(DeviceMissing, match="/dev/null is a file of another kind"):
            I2cChip("LM75", "/dev/null", 0x48).read(1)
    with pytest.raises(DeviceMissing, match="does not exist"):
        I2cChip("LM75", str(tmp_path / "i2c-9"), 0x48).read(1)
    assert len(os.listdir("/proc/self/fd")) == open_n
    with pytest.raises(OSError, match="No such file"):
        open_smbus(str(tmp_path / "i2c-9"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_a_file_of_somebody_else_is_no_permission_with_the_group_to_join(tmp_path):
    code = f"""
import os
from hal.drivers.i2c_bus import I2cChip
from hal.drivers.spi_burst import SpiDevice
from hal.errors import HalError
os.setuid(65534)
chip = I2cChip("LM75", "{tmp_path}/i2c-1", 0x48)
for use in (lambda: chip.read(1), lambda: SpiDevice("ADC", "{tmp_path}/spi", 1)):
    try:
        use()
    except HalError as error:
        print(type(error).__name__, error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("DeviceFailed LM75 at 0x48: no permission to read and write")
    assert lines[0].endswith("join the group i2c")
    assert lines[1].endswith("join the group spi")
