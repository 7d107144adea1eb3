"""Messages to one chip on an I2C bus; the only door to smbus2.

Rule 1: opened at the first message, and again after the bus went away.
Rule 2: each driver has a handle of its own; the kernel serialises them.
"""

import errno
import os
from collections.abc import Callable
from typing import Protocol

from smbus2 import I2cFunc, SMBus, i2c_msg

from hal.drivers.failures import GONE, open_failure, went_away
from hal.errors import DeviceFailed, DeviceMissing, HalError

GROUP = "i2c"

_READ = 0x0001  # I2C_M_RD
_NACK = frozenset((errno.ENXIO, errno.EREMOTEIO))  # the kernel's two words for an address nobody acknowledged


class NotAcknowledged(DeviceMissing):
    """No chip at the address, or one that is busy inside."""


class I2cPort(Protocol):
    """What we use of smbus2.SMBus."""

    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None: ...

    def close(self) -> None: ...


def open_smbus(path: str) -> I2cPort:
    """Raises OSError."""
    port = SMBus()
    try:
        port.open(path)
    except OSError:
        port.close()  # it keeps the descriptor of a file that is no I2C bus
        raise
    return port if port.funcs & I2cFunc.I2C else SmbusOnly(port)


class SmbusOnly:
    """I2cPort of an adapter without free messages: enough for a chip with registers of one byte."""

    def __init__(self, port: SMBus) -> None:
        self._port = port

    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None:
        """A register and the reading of it, or a register and what goes into it."""
        first, *answers = i2c_msgs
        data = bytes(first)
        if len(answers) == 1 and len(data) == 1 and not first.flags & _READ:
            answer = answers[0]
            read = self._port.read_i2c_block_data(first.addr, data[0], answer.len)
            for n, byte in enumerate(read):
                answer.buf[n] = bytes((byte,))
        elif not answers and len(data) > 1 and not first.flags & _READ:
            self._port.write_i2c_block_data(first.addr, data[0], list(data[1:]))
        else:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def close(self) -> None:
        self._port.close()


class I2cChip:
    """One address on one bus. Every method raises HalError that names chip, address and bus."""

    def __init__(
        self, device: str, path: str, address: int, opener: Callable[[str], I2cPort] = open_smbus
    ) -> None:
        """device is the name of the chip in messages."""
        self._name = f"{device} at {address:#04x}"
        self._path = path
        self._address = address
        self._opener = opener
        self._port: I2cPort | None = None

    def __str__(self) -> str:
        return f"{self._name} on {self._path}"

    def write(self, data: bytes) -> None:
        self._transfer(i2c_msg.write(self._address, data))

    def read(self, count_n: int) -> bytes:
        answer = i2c_msg.read(self._address, count_n)
        self._transfer(answer)
        return bytes(answer)

    def write_read(self, data: bytes, count_n: int) -> bytes:
        """Write, then read after a repeated start: nobody else gets in between."""
        answer = i2c_msg.read(self._address, count_n)
        self._transfer(i2c_msg.write(self._address, data), answer)
        return bytes(answer)

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _transfer(self, *messages: i2c_msg) -> None:
        port = self._port or self._open()
        try:
            port.i2c_rdwr(*messages)
        except OSError as error:
            raise self._failed(error) from error

    def _open(self) -> I2cPort:
        try:
            self._port = self._opener(self._path)
        except OSError as error:
            raise open_failure(error, self._name, self._path, GROUP) from error
        return self._port

    def _failed(self, error: OSError) -> HalError:
        if error.errno in _NACK:
            return NotAcknowledged(f"{self} does not answer; check address, supply and wiring")
        if error.errno in GONE:
            self.close()
            return went_away(self._name, self._path)
        if error.errno == errno.EOPNOTSUPP:
            return DeviceFailed(f"{self}: the adapter speaks SMBus only; this chip needs plain I2C messages")
        return DeviceFailed(f"{self}: transfer failed: {error.strerror}; check SDA, SCL and their pull-ups")
