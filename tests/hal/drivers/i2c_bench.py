"""An I2C bus for tests, with chips that behave: it takes the very messages that go to the kernel."""

import errno
import os
from typing import Protocol

from smbus2 import i2c_msg

I2C_M_RD = 0x0001  # linux/i2c.h


class FakeClock:
    """Time passes by sleeping, and a little with each message."""

    def __init__(self) -> None:
        self.at_s = 100.0
        self.sleeps_s: list[float] = []

    def now_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.sleeps_s.append(seconds)
        self.at_s += seconds


class Nack(Exception):
    """The chip does not acknowledge."""


class Chip(Protocol):
    def write(self, data: bytes) -> None: ...

    def read(self, count_n: int) -> bytes: ...


class FakeBus:
    """Chips by address. Opened as smbus2.SMBus is: call it with a path."""

    def __init__(self, clock: FakeClock | None = None, **chips: Chip) -> None:
        self.chips = {int(name[1:], 16): chip for name, chip in chips.items()}
        self.clock = clock or FakeClock()
        self.bit_s = 1 / 100_000
        self.nack_errno = errno.EREMOTEIO
        self.error: int | None = None
        self.open_error: int | None = None
        self.opened: list[str] = []
        self.closed_n = 0

    def __call__(self, path: str) -> "FakeBus":
        if self.open_error is not None:
            raise OSError(self.open_error, os.strerror(self.open_error))
        self.opened.append(path)
        return self

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        for message in messages:
            self.clock.at_s += 9 * (1 + message.len) * self.bit_s
            try:
                self._one(message)
            except (Nack, KeyError):
                raise OSError(self.nack_errno, os.strerror(self.nack_errno)) from None

    def _one(self, message: i2c_msg) -> None:
        chip = self.chips[message.addr]
        if not message.flags & I2C_M_RD:
            return chip.write(bytes(message))
        answer = chip.read(message.len)
        assert len(answer) == message.len
        for at, byte in enumerate(answer):
            message.buf[at] = byte

    def close(self) -> None:
        self.closed_n += 1


class RegisterChip:
    """Registers of one to two bytes behind a pointer, as the LM75 family has them."""

    def __init__(self, registers: dict[int, bytes]) -> None:
        self.registers = dict(registers)
        self.pointer = 0

    def write(self, data: bytes) -> None:
        if data[0] not in self.registers:
            raise Nack
        self.pointer = data[0]
        if data[1:]:
            assert len(data) - 1 == len(self.registers[self.pointer])
            self.registers[self.pointer] = data[1:]

    def read(self, count_n: int) -> bytes:
        return (self.registers[self.pointer] * count_n)[:count_n]


class EepromChip:
    """24Cxx: a page write begins at the stop, goes round at the page's end, and is deaf while it lasts."""

    def __init__(
        self, clock: FakeClock, size_n: int, page_n: int, address_n: int, write_s: float = 0.005
    ) -> None:
        self.clock, self.page_n, self.address_n, self.write_s = clock, page_n, address_n, write_s
        self.cells = bytearray(b"\xff" * size_n)
        self.pointer = 0
        self.busy_until_s = 0.0
        self.write_protected = False
        self.pages_left = 10**6  # then the supply fails
        self.writes: list[tuple[int, int]] = []  # where and how many

    def _listen(self) -> None:
        if self.clock.now_s() < self.busy_until_s or self.pages_left < 0:
            raise Nack

    def write(self, data: bytes) -> None:
        self._listen()
        self.pointer = int.from_bytes(data[: self.address_n]) % len(self.cells)
        body = data[self.address_n :]
        if not body:
            return
        self.pages_left -= 1
        if self.pages_left < 0:
            raise Nack
        self.writes.append((self.pointer, len(body)))
        self.busy_until_s = self.clock.now_s() + self.write_s
        page = self.pointer - self.pointer % self.page_n
        for at, byte in enumerate(body):
            if not self.write_protected:
                self.cells[page + (self.pointer - page + at) % self.page_n] = byte

    def read(self, count_n: int) -> bytes:
        self._listen()
        answer = bytes(self.cells[(self.pointer + at) % len(self.cells)] for at in range(count_n))
        self.pointer = (self.pointer + count_n) % len(self.cells)
        return answer
