"""One meaning for each errno: every door to the kernel turns it into the same class with the same facts."""

import errno
import os
import re
from pathlib import Path

import pytest

from hal.drivers.failures import GONE, MEANINGS, failure, open_failure, went_away
from hal.drivers.gpio_factory import LibgpiodFactory
from hal.drivers.i2c_bus import I2cChip
from hal.drivers.serial_port import why_not_open
from hal.drivers.spi_burst import SpiDevice
from hal.errors import DeviceFailed, DeviceMissing, HalError


def refusing(code: int):
    def opener(path: str):
        raise OSError(code, os.strerror(code), path)

    return opener


def of_gpio(code: int, tmp_path: Path) -> tuple[HalError, str, str]:
    path = tmp_path / "gpiochip0"
    path.touch()
    with pytest.raises(HalError) as caught:
        LibgpiodFactory(tmp_path, refusing(code))
    return caught.value, str(path), "gpio"


def of_i2c(code: int, tmp_path: Path) -> tuple[HalError, str, str]:
    with pytest.raises(HalError) as caught:
        I2cChip("LM75", "/dev/i2c-1", 0x48, refusing(code)).read(1)
    return caught.value, "/dev/i2c-1", "i2c"


def of_spi(code: int, tmp_path: Path) -> tuple[HalError, str, str]:
    with pytest.raises(HalError) as caught:
        SpiDevice("MCP3208", "/dev/spidev0.0", 1_000_000, tmp_path / "bufsiz", refusing(code))
    return caught.value, "/dev/spidev0.0", "spi"


@pytest.mark.parametrize("door", [of_gpio, of_i2c, of_spi])
@pytest.mark.parametrize("code", MEANINGS, ids=errno.errorcode.get)
def test_every_door_says_the_same_of_an_errno(door, code: int, tmp_path: Path) -> None:
    error, path, group = door(code, tmp_path)
    kind, text = MEANINGS[code]
    assert type(error) is kind
    assert str(error).endswith(f": {text.format(path=path, group=group)}")


def test_a_device_that_vanished_is_missing_at_open_and_in_use() -> None:
    for code in GONE & set(MEANINGS):
        assert type(open_failure(OSError(code, ""), "PN532", "/dev/i2c-1", "i2c")) is DeviceMissing
    assert type(went_away("PN532", "/dev/i2c-1")) is DeviceMissing


def test_what_no_row_means_has_failed_in_the_kernels_words() -> None:
    error = failure(errno.EIO, "Input/output error", "pilot", "/sys/duty_cycle", "pwm")
    assert type(error) is DeviceFailed
    assert str(error) == "pilot: /sys/duty_cycle: Input/output error"


def test_a_serial_port_says_what_the_table_says(tmp_path: Path) -> None:
    error = why_not_open(str(tmp_path / "ttyUSB0"))
    kind, text = MEANINGS[errno.ENOENT]
    assert type(error) is kind
    assert str(error) == f"port missing: {text.format(path=tmp_path / 'ttyUSB0')}"


def test_no_driver_gives_a_class_to_an_errno_by_itself() -> None:
    drivers = Path(__file__).parents[3] / "hal" / "drivers"
    for path in drivers.glob("*.py"):
        rows = re.findall(r"errno\.E\w+:\s*\(?(?:Device\w+|LineBusy)", path.read_text())
        assert bool(rows) is (path.name == "failures.py"), path
