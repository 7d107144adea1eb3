import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.calibration import NONE, Point, checked, from_points
from hal.errors import DeviceFailed
from hal.types import Calibration


def test_no_calibration_changes_nothing():
    assert NONE.apply(-7.25) == -7.25


@given(st.floats(0.95, 1.05), st.floats(-0.3, 0.3), st.floats(-15.0, 15.0))
def test_two_points_undo_the_errors_of_a_channel(channel_gain, channel_offset_v, true_v):
    def measured(volts):
        return channel_gain * volts + channel_offset_v

    calibration = from_points(Point(measured(-12.0), -12.0), Point(measured(12.0), 12.0))
    assert calibration.apply(measured(true_v)) == pytest.approx(true_v, abs=1e-9)
    assert calibration.undo(true_v) == pytest.approx(measured(true_v), abs=1e-9)


def test_the_points_themselves_come_out_exactly():
    calibration = from_points(Point(-11.8, -11.93), Point(12.15, 12.02))
    assert calibration.apply(-11.8) == pytest.approx(-11.93)
    assert calibration.apply(12.15) == pytest.approx(12.02)


# fmt: off
IMPOSSIBLE_POINTS = [
    (Point(11.0, 11.0),      Point(12.0, 12.0),   "must rise and be 6 V apart"),
    (Point(12.0, 12.0),      Point(-12.0, -12.0), "must rise"),
    (Point(12.0, -12.0),     Point(-12.0, 12.0),  "must rise"),
    (Point(12.0, -12.0),     Point(12.0, 12.0),   "must rise"),
    (Point(-12.0, math.nan), Point(12.0, 12.0),   "not a number"),
    (Point(-math.inf, -12.), Point(12.0, 12.0),   "not a number"),
    (Point(-12.0, -12.0),    Point(9.0, 12.0),    r"gain 1\.1429 or offset \+1\.714 V is beyond"),
    (Point(-10.5, -12.0),    Point(13.5, 12.0),   r"gain 1\.0000 or offset -1\.500 V is beyond"),
]
# fmt: on


@pytest.mark.parametrize(("low", "high", "text"), IMPOSSIBLE_POINTS)
def test_points_that_no_tolerance_explains_are_refused(low, high, text):
    with pytest.raises(DeviceFailed, match=text):
        from_points(low, high)


@pytest.mark.parametrize("gain", [0.85, 1.15, math.nan])
def test_a_calibration_beyond_tolerance_is_refused(gain):
    with pytest.raises(DeviceFailed, match="check divider"):
        checked(Calibration(gain, 0.0))
    assert checked(Calibration(0.95, -0.9)) == Calibration(0.95, -0.9)
