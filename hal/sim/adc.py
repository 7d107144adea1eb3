"""A burst of the pilot's ADC as the carrier board takes it: asynchronous to the PWM, edges included.

Rule 1: the levels are taken from the lines when each half of the burst is due, not once.
Rule 2: noise, dither and phase come from a seeded generator; Gaussian numbers from a table, for speed.
Rule 3: a pilot that stands still, as it does for days, costs next to nothing: its samples are kept.
"""

import random
from collections.abc import Iterable
from math import exp

BURST_N = 64
HALF_N = BURST_N // 2
SPACING_MS = 0.040  # 24 us of a 1 MHz clock, 10 us of chip select gap, overhead
DITHER_MS = 0.003  # at exactly 40 us the phase would repeat every period
BURST_S = BURST_N * SPACING_MS / 1000.0 + 0.00004  # 2.6 ms with the ioctl around it
STEP_V = 0.00807  # of the pilot per LSB, after the divider
ZERO_CODE = 2048.5  # rounds to the nearest code for the whole range
PER_TAU = 2.197  # an exponential edge passes from 10 to 90 % in ln 9 time constants
RISE_PER_MS = PER_TAU / 0.010  # 10 us
FALL_PER_MS = PER_TAU / 0.013  # 13 us
SETTLED_MS = 0.060  # after this an edge is below one LSB
NOISE_TABLE_N = 4096
DITHER_TABLE_N = 32


class BurstSource:
    """Samples of consecutive bursts: start(), then half(0, ...) and half(1, ...)."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._noise = [self._rng.gauss(0.0, 1.0) for _ in range(NOISE_TABLE_N + HALF_N)]
        self._offsets_ms = [self._dithered_ms() for _ in range(DITHER_TABLE_N)]
        self._times_ms = self._offsets_ms[0]
        self._phase_ms = 0.0
        self._static = (0.0, 0.0)  # level and noise of the samples in _kept
        self._kept: dict[int, tuple[float, ...]] = {}

    def _dithered_ms(self) -> list[float]:
        return [k * SPACING_MS + self._rng.uniform(-DITHER_MS, DITHER_MS) for k in range(BURST_N)]

    def start(self) -> None:
        """A new burst, at a random phase of the PWM."""
        self._phase_ms = self._rng.random() + DITHER_MS
        self._times_ms = self._offsets_ms[int(self._rng.random() * DITHER_TABLE_N)]

    def half(self, which: int, pos_v: float, neg_v: float, duty: float, noise_v: float) -> tuple[float, ...]:
        """The 32 samples of one half in V, quantised, with these levels at the outlet."""
        first = int(self._rng.random() * NOISE_TABLE_N)
        if duty >= 1.0 or duty <= 0.0 or pos_v == neg_v:
            return self._half_of_static(first // HALF_N, pos_v if duty >= 1.0 else neg_v, noise_v)
        return self._sampled(first, self._running_v(which, pos_v, neg_v, duty), noise_v)

    def _half_of_static(self, block: int, level_v: float, noise_v: float) -> tuple[float, ...]:
        if self._static != (level_v, noise_v):
            self._static = (level_v, noise_v)
            self._kept.clear()
        samples_v = self._kept.get(block)
        if samples_v is None:
            samples_v = self._kept[block] = self._sampled(block * HALF_N, [level_v] * HALF_N, noise_v)
        return samples_v

    def _sampled(self, first: int, clean_v: Iterable[float], noise_v: float) -> tuple[float, ...]:
        steps, noise = 1.0 / STEP_V, noise_v / STEP_V
        return tuple(
            [
                (int(level_v * steps + noise * gauss + ZERO_CODE) - 2048) * STEP_V
                for level_v, gauss in zip(clean_v, self._noise[first : first + HALF_N], strict=True)
            ]
        )

    def _running_v(self, which: int, pos_v: float, neg_v: float, duty: float) -> list[float]:
        swing_v, phase_ms = pos_v - neg_v, self._phase_ms
        levels_v = []
        for time_ms in self._times_ms[which * HALF_N : (which + 1) * HALF_N]:
            since_ms = (time_ms + phase_ms) % 1.0
            if since_ms < duty:
                edge_v = swing_v * exp(-since_ms * RISE_PER_MS) if since_ms < SETTLED_MS else 0.0
                levels_v.append(pos_v - edge_v)
            else:
                since_ms -= duty
                edge_v = swing_v * exp(-since_ms * FALL_PER_MS) if since_ms < SETTLED_MS else 0.0
                levels_v.append(neg_v + edge_v)
        return levels_v
