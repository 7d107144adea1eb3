"""Two-point calibration of a measuring channel, as data. Pure.

Rule: a calibration corrects tolerances of parts; what would need more than that is a broken board.
"""

from math import isfinite

import msgspec

from hal.errors import DeviceFailed
from hal.types import Calibration, CpReading, Missing

SPAN_MIN_V = 6.0  # closer points would make their own error a gain error
GAIN_ERROR_MAX = 0.1  # resistors of 1 % and a reference of 1 % make 5 % at most
OFFSET_MAX_V = 1.0


NONE = Calibration()


def corrected(reading: CpReading | Missing, calibration: Calibration) -> CpReading | Missing:
    if calibration == NONE or isinstance(reading, Missing):
        return reading
    high_v, low_v = (None if v is None else calibration.apply(v) for v in (reading.high_v, reading.low_v))
    return CpReading(high_v, low_v, reading.high_n, reading.low_n)


class Point(msgspec.Struct, frozen=True):
    """What the uncalibrated channel measured while a reference instrument showed the truth."""

    measured_v: float
    true_v: float


def from_points(low: Point, high: Point) -> Calibration:
    """Calibration through both points. Raises DeviceFailed where no tolerance explains what was measured."""
    numbers = (low.measured_v, low.true_v, high.measured_v, high.true_v)
    if not all(map(isfinite, numbers)):
        raise DeviceFailed("calibration: a point is not a number; measure again")
    span_v = high.true_v - low.true_v
    if span_v < SPAN_MIN_V or high.measured_v <= low.measured_v:
        raise DeviceFailed(
            f"calibration: the points {low.measured_v:.2f} V and {high.measured_v:.2f} V (true: "
            f"{low.true_v:.2f} V and {high.true_v:.2f} V) must rise and be {SPAN_MIN_V:g} V apart"
        )
    gain = span_v / (high.measured_v - low.measured_v)
    return checked(Calibration(gain, low.true_v - gain * low.measured_v))


def checked(calibration: Calibration) -> Calibration:
    """The calibration itself; DeviceFailed if it is beyond the tolerances of any good board."""
    gain, offset_v = calibration.gain, calibration.offset_v
    if not (abs(gain - 1.0) <= GAIN_ERROR_MAX and abs(offset_v) <= OFFSET_MAX_V):
        raise DeviceFailed(
            f"calibration: gain {gain:.4f} or offset {offset_v:+.3f} V is beyond 1 +-{GAIN_ERROR_MAX:g} and "
            f"+-{OFFSET_MAX_V:g} V; check divider, reference and the points before calibrating"
        )
    return calibration
