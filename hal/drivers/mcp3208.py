"""MCP3208, 12 bit ADC: control pilot, proximity and supply rails (data sheet DS21298, section 6.1).

Rule 1: what stands between a channel and the board is data: resistors, reference, calibration.
Rule 2: the null bit before each result must be low; where it is not, no chip drove the line.
Rule 3: a code at the end of the scale on every sample is a broken line, not a pilot.
"""

import math
import time
from collections.abc import Callable, Sequence

import msgspec

from hal.calibration import NONE
from hal.drivers.failures import Outage
from hal.drivers.spi_burst import SpiDevice
from hal.errors import DeviceFailed, HalError
from hal.pilot_burst import BurstWindow
from hal.types import Calibration, CpReading, Missing, PpReading, RailsReading

CODES_N = 4096
CHANNELS_N = 8
SPEED_HZ = 1_000_000  # what the chip takes at 2.7 V supply; it may go up to 2 MHz at 5 V only
PILOT_N = 64  # 2.6 ms: enough for one burst from 10 to 85 % duty
SLOW_N = 5  # of a filtered channel; odd, for the median

_NULL_BIT = CODES_N  # stands just above the result
_CODE_MASK = 2 * CODES_N - 1  # with the null bit; what comes before it is not driven


class Divider(msgspec.Struct, frozen=True):
    """Series resistor to the node that the ADC sees; the node is pulled up to the reference and to ground."""

    series_ohm: float
    pull_down_ohm: float
    pull_up_ohm: float = math.inf

    def input_v(self, node_v: float, reference_v: float) -> float:
        """Voltage before the series resistor that makes the node show node_v."""
        leaving_a = node_v / self.pull_down_ohm - (reference_v - node_v) / self.pull_up_ohm
        return node_v + self.series_ohm * leaving_a


class VoltageChannel(msgspec.Struct, frozen=True):
    channel: int
    divider: Divider
    calibration: Calibration = NONE

    def volts_by_code(self, reference_v: float) -> list[float]:
        """Calibrated volts at the input, by the ADC's code."""
        step_v = reference_v / CODES_N
        input_v, apply = self.divider.input_v, self.calibration.apply
        return [apply(input_v(code * step_v, reference_v)) for code in range(CODES_N)]


class ProximityChannel(msgspec.Struct, frozen=True):
    """The proximity contact pulled up to the reference: its ratio needs no calibration."""

    channel: int
    pull_up_ohm: float


class RailChannels(msgspec.Struct, frozen=True):
    plus_12: VoltageChannel
    minus_12: VoltageChannel
    plus_5: VoltageChannel


def frame_of(channel: int) -> bytes:
    """Start bit, single-ended, three bits of channel, then clocks for the answer."""
    if not 0 <= channel < CHANNELS_N:
        raise ValueError(f"channel {channel}: the MCP3208 has channels 0 to {CHANNELS_N - 1}")
    return bytes((0x06 | channel >> 2, (channel & 3) << 6, 0))


def codes_of(words: Sequence[int]) -> list[int]:
    """Received frames -> codes. Raises DeviceFailed."""
    codes = [word & _CODE_MASK for word in words]
    if max(codes) >= _NULL_BIT:
        raise DeviceFailed("MCP3208: no answer (the null bit is high); check supply, chip select and MISO")
    return codes


class Mcp3208PilotIn:
    """hal.interfaces.PilotIn. The volts are those at the outlet, before the divider."""

    def __init__(
        self,
        spi: SpiDevice,
        channel: VoltageChannel,
        reference_v: float,
        duty: Callable[[], float],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """duty tells what the generator is driven with: bursts of different duty are never mixed."""
        self._burst = spi.burst([frame_of(channel.channel)] * PILOT_N)
        self._channel = channel
        self._reference_v = reference_v
        self._duty = duty
        self._outage = Outage(now_s)
        self._window = BurstWindow()
        self._volts = channel.volts_by_code(reference_v)

    @property
    def calibration(self) -> Calibration:
        return self._channel.calibration

    def calibrate(self, calibration: Calibration) -> None:
        """From the next burst on; bursts taken before are forgotten."""
        self._channel = msgspec.structs.replace(self._channel, calibration=calibration)
        self._volts = self._channel.volts_by_code(self._reference_v)
        self._window = BurstWindow()

    def read(self) -> CpReading | Missing:
        try:
            codes = codes_of(self._burst.run())
            _refuse_stuck(codes)
        except HalError as error:
            self._window = BurstWindow()  # what was seen before an outage says nothing of now
            return self._outage.missing(error)
        self._outage.over()
        volts = self._volts
        return self._window.push([volts[code] for code in codes], self._duty())


def _refuse_stuck(codes: list[int]) -> None:
    if max(codes) == 0 or min(codes) == CODES_N - 1:
        raise DeviceFailed(
            f"MCP3208: control pilot reads {codes[0]} on every sample; check MISO, reference and divider"
        )


class Mcp3208ProximityIn:
    """hal.interfaces.ProximityIn."""

    def __init__(
        self, spi: SpiDevice, channel: ProximityChannel, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = spi.burst([frame_of(channel.channel)] * SLOW_N)
        self._pull_up_ohm = channel.pull_up_ohm
        self._outage = Outage(now_s)

    def read(self) -> PpReading | Missing:
        try:
            code = _median(codes_of(self._burst.run()))
        except HalError as error:
            return self._outage.missing(error)
        self._outage.over()
        return PpReading(self._pull_up_ohm * code / (CODES_N - code))


class Mcp3208RailsIn:
    """hal.interfaces.RailsIn."""

    def __init__(
        self,
        spi: SpiDevice,
        channels: RailChannels,
        reference_v: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        rails = (channels.plus_12, channels.minus_12, channels.plus_5)
        self._burst = spi.burst([frame_of(rail.channel) for rail in rails for _ in range(SLOW_N)])
        self._volts = tuple(rail.volts_by_code(reference_v) for rail in rails)
        self._outage = Outage(now_s)

    def read(self) -> RailsReading | Missing:
        try:
            codes = codes_of(self._burst.run())
        except HalError as error:
            return self._outage.missing(error)
        self._outage.over()
        parts = (codes[at : at + SLOW_N] for at in range(0, len(codes), SLOW_N))
        return RailsReading(*(volts[_median(part)] for volts, part in zip(self._volts, parts, strict=True)))


def _median(codes: list[int]) -> int:
    return sorted(codes)[len(codes) // 2]
