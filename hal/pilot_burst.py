"""From a burst of control pilot samples to the two plateaus, without knowing the phase of the PWM.

Rule 1: edges are not averaged in: only clusters of at least three samples count.
Rule 2: a high plateau that the newest burst saw is never taken from older ones: reaction takes one burst.
Below 10 % duty, where one burst may see no more than edges, it takes two, and four when the level falls.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import chain

from hal.types import CpReading

CLUSTER_V = 0.7  # noise and settling of one plateau; the plateaus of neighbouring states are 3 V apart
CLUSTER_MIN_N = 3  # two samples may both sit on an edge
WINDOW_BURSTS = 4  # at 96 % duty 64 samples hold 1.7 low ones on average, four bursts 6.8
SPARSE_DUTY = 0.1  # a plateau shorter than a tenth of the period can be missed by a whole burst
SPARSE_HIGH_MIN_N = 6  # three periods have three rising and three falling edges, of one sample each
SPARSE_LOW_MIN_N = 8  # in four bursts settling edges gather near the plateau
SETTLED_LOW_V = -10.0  # with a shorted diode neither plateau nor edge goes as deep: a few samples prove it
SIGN_V = 2.0  # a lone cluster beyond this is one plateau of a running PWM, within it a shorted pilot


def evaluate(samples_v: Sequence[float]) -> CpReading:
    """Plateaus of one burst in V; a plateau with fewer than three samples is None, with its count.

    Clusters that overlap are one plateau: a static pilot, reported as high and low alike.
    """
    return _plateaus(sorted(samples_v))


def _plateaus(ordered: list[float]) -> CpReading:
    n = len(ordered)
    if n < CLUSTER_MIN_N:
        return CpReading(None, None, n, n)
    top_v, bottom_v = ordered[-2], ordered[1]  # second from the end: one outlier must not lead
    low_from = bisect_left(ordered, bottom_v - CLUSTER_V)
    low_to = bisect_right(ordered, bottom_v + CLUSTER_V)
    high_from = bisect_left(ordered, top_v - CLUSTER_V)
    high_to = bisect_right(ordered, top_v + CLUSTER_V)
    if high_from < low_to:
        low_n = high_n = high_to - low_from
        low_v = high_v = _plateau_v(ordered[low_from:high_to])
    else:
        low_n, high_n = low_to - low_from, high_to - high_from
        low_v, high_v = _plateau_v(ordered[low_from:low_to]), _plateau_v(ordered[high_from:high_to])
    return CpReading(high_v, low_v, high_n, low_n)


def _plateau_v(cluster_v: Sequence[float]) -> float | None:
    n = len(cluster_v)
    return sum(cluster_v) / n if n >= CLUSTER_MIN_N else None


class BurstWindow:
    """Takes a plateau that the newest burst saw too rarely from up to four bursts at the same duty."""

    def __init__(self) -> None:
        self._bursts: deque[list[float]] = deque(maxlen=WINDOW_BURSTS)
        self._duty = -1.0

    def push(self, samples_v: Sequence[float], duty: float) -> CpReading:
        """Reading of the newest burst, taken at this duty (fraction); older bursts only fill its gaps."""
        if duty != self._duty:
            self._bursts.clear()
            self._duty = duty
        ordered = sorted(samples_v)
        self._bursts.append(ordered)
        newest = _plateaus(ordered)
        high_unseen, low_unseen = _unseen(newest, duty)
        if not (high_unseen or low_unseen):
            return newest
        union = _plateaus(sorted(chain.from_iterable(self._bursts)))  # sorted runs merge fast
        if union.high_v == union.low_v:  # bursts of one plateau say nothing of the other
            union = CpReading(None, None, 0, 0)
        union = _without_edges(union, duty)
        high = union if high_unseen else newest
        low = union if low_unseen else newest
        return CpReading(high.high_v, low.low_v, high.high_n, low.low_n)


def _without_edges(union: CpReading, duty: float) -> CpReading:
    """A sparse plateau of so few samples that all may be edges is none; a deep low one cannot be."""
    high_v, low_v = union.high_v, union.low_v
    if duty < SPARSE_DUTY and union.high_n < SPARSE_HIGH_MIN_N:
        high_v = None
    elif duty > 1.0 - SPARSE_DUTY and union.low_n < SPARSE_LOW_MIN_N and low_v is not None:
        low_v = low_v if low_v <= SETTLED_LOW_V else None
    return CpReading(high_v, low_v, union.high_n, union.low_n)


def _unseen(reading: CpReading, duty: float) -> tuple[bool, bool]:
    """Whether the high and the low plateau were missed, or hidden behind a lone cluster of the other.

    A sparse low plateau is never believed from one burst: its few samples may all lie on the falling
    edge and look like a shorted diode. A sparse high one is if it has more samples than there are edges.
    """
    lone_v = reading.high_v if reading.high_v == reading.low_v else None
    high = reading.high_n < CLUSTER_MIN_N
    low = reading.low_n < CLUSTER_MIN_N
    if 0.0 < duty < SPARSE_DUTY:
        high = reading.high_n < SPARSE_HIGH_MIN_N or (lone_v is not None and lone_v < -SIGN_V)
    elif 1.0 - SPARSE_DUTY < duty < 1.0:
        low = low or lone_v is None or lone_v > SIGN_V
    return high, low
