"""An MCP3208 behind a spidev file for tests: it reads the ioctl's memory as the kernel and the chip do."""

import ctypes
import os
import random
import struct
from collections.abc import Callable
from math import exp

from hal.drivers.mcp3208 import Divider, VoltageChannel

REFERENCE_V = 3.3
CLOCK_S = 24 / 1_000_000
CS_GAP_S = 10e-6  # spi core, for cs_change without a delay of its own
TRANSFER = struct.Struct("<QQIIHBBBBBB")  # spi_ioc_transfer of linux/spi/spidev.h, by hand

PILOT = VoltageChannel(0, Divider(series_ohm=100e3, pull_down_ohm=24.9e3, pull_up_ohm=20e3))


SLOW_EDGES_S = (10e-6, 13e-6)  # IEC 61851-1 Annex A: the slowest rise and fall, from 10 to 90 %
FAST_EDGES_S = (2e-6, 2e-6)  # a generator with hardly a cable


class Pilot:
    """Control pilot over time; edges_s: how long it rises and falls."""

    def __init__(
        self,
        high_v: float,
        low_v: float,
        duty: float,
        phase_s: float = 0.0,
        edges_s: tuple[float, float] = SLOW_EDGES_S,
    ) -> None:
        self.high_v, self.low_v, self.duty, self.phase_s = high_v, low_v, duty, phase_s
        self.rise_s, self.fall_s = (edge_s / 2.197 for edge_s in edges_s)  # time constants

    def __call__(self, at_s: float) -> float:
        if self.duty in (0.0, 1.0):
            return self.high_v if self.duty else self.low_v
        since_s = (at_s + self.phase_s) % 1e-3
        swing_v = self.high_v - self.low_v
        if since_s < self.duty * 1e-3:
            return self.high_v - swing_v * exp(-since_s / self.rise_s)
        return self.low_v + swing_v * exp(-(since_s - self.duty * 1e-3) / self.fall_s)


def pilot_node_v(pilot_v: float) -> float:
    """The conditioning of the carrier board, by superposition and not by the driver's formula."""
    conductance = 1 / 100e3 + 1 / 20e3 + 1 / 24.9e3
    return (pilot_v / 100e3 + REFERENCE_V / 20e3) / conductance


class FakeAdc:
    """node_v: the voltage at each channel's pin as a function of time; noise_v: at the pins, sigma."""

    def __init__(self, **node_v: Callable[[float], float]) -> None:
        self.node_v = {int(name[2:]): source for name, source in node_v.items()}
        self.noise_v = 0.0
        self.overhead_s = 4e-6
        self.at_s = 0.0
        self.asked: list[list[int]] = []  # channels by message
        self.rng = random.Random(5)
        self.selected = False
        self.null_bit = 0
        self.error: int | None = None
        self.swallow_n = 0

    def ioctl(self, fd: int, request: int, address: int) -> int:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        assert request & 0xC000FFFF == 0x40006B00
        n, rest = divmod(request >> 16 & 0x3FFF, TRANSFER.size)
        assert rest == 0
        self.asked.append([])
        array = ctypes.string_at(address, n * TRANSFER.size)
        moved_n = sum(self._transfer(k, n, *TRANSFER.unpack_from(array, k * 32)) for k in range(n))
        return moved_n - self.swallow_n

    def _transfer(
        self, k, n, tx, rx, length, speed_hz, delay_us, bits, cs_change, tx_nbits, rx_nbits, word_us, pad
    ):
        assert (speed_hz, bits, tx_nbits, rx_nbits, word_us, pad) == (0, 0, 0, 0, 0, 0)
        sent = int.from_bytes(ctypes.string_at(tx, length))
        answer = 0 if self.selected else self._convert(sent, 8 * length)
        ctypes.memmove(rx, answer.to_bytes(length), length)
        last = k == n - 1
        self.selected = bool(cs_change) if last else not cs_change
        self.at_s += CLOCK_S + self.overhead_s + delay_us * 1e-6 + (CS_GAP_S if cs_change else 0.0)
        return length

    def _convert(self, sent: int, bits_n: int) -> int:
        """What it clocks out while this comes in: start, SGL/DIFF, D2..D0, sample, null bit, B11..B0."""
        start = sent.bit_length() - 1
        assert sent >> start - 1 & 1, "differential inputs are not wired"
        channel = sent >> start - 4 & 7
        self.asked[-1].append(channel)
        code = self._code(channel)
        floating = self.rng.getrandbits(bits_n) >> start - 5 << start - 5
        return floating | self.null_bit << start - 6 | code << start - 18

    def _code(self, channel: int) -> int:
        node_v = self.node_v[channel](self.at_s)
        if self.noise_v:
            node_v += self.rng.gauss(0.0, self.noise_v)
        return min(4095, max(0, int(node_v / REFERENCE_V * 4096)))


class FakePort:
    """spidev.SpiDev as far as set-up goes; attributes may be refused."""

    def __init__(self, refuse: int | None = None) -> None:
        self.refuse = refuse
        self.mode = 3
        self.closed_n = 0

    def __setattr__(self, name: str, value: object) -> None:
        if name == "max_speed_hz" and self.refuse:
            raise OSError(self.refuse, os.strerror(self.refuse))
        super().__setattr__(name, value)

    def fileno(self) -> int:
        return 77

    def close(self) -> None:
        self.closed_n += 1
