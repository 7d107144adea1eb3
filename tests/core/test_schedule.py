"""A schedule: which entry counts when, and what a frequency table says."""

import pytest

from evsed.core.commands import ScheduleEntry
from evsed.core.schedule import Schedule, power_at

TABLE = ((49.8, 0.0), (50.0, 7000.0), (50.2, 9000.0))
ENTRIES = (ScheduleEntry(20.0, 16.0), ScheduleEntry(10.0, 10.0, by="first"), ScheduleEntry(30.0))


@pytest.mark.parametrize(
    ("now_s", "limit_a", "next_s"),
    [(0.0, 10.0, 20.0), (19.9, 10.0, 20.0), (20.0, 16.0, 30.0), (30.0, None, None), (1e9, None, None)],
)
def test_the_first_entry_counts_at_once_and_the_last_without_end(
    now_s: float, limit_a: float | None, next_s: float | None
) -> None:
    row = Schedule("external", ENTRIES, None).row(now_s, None)
    assert (row.source, row.limit_a, row.ends_at_s) == ("external", limit_a, next_s)


@pytest.mark.parametrize(("now_s", "next_s"), [(0.0, 15.0), (25.0, 15.0), (35.0, 15.0)])
def test_a_schedule_that_lapses_ends_no_later(now_s: float, next_s: float) -> None:
    assert Schedule("external", ENTRIES, 15.0).next_change_s(now_s) == next_s


@pytest.mark.parametrize(
    ("frequency_hz", "power_w"),
    [
        (40.0, 0.0),
        (49.8, 0.0),
        (49.9, 3500.0),
        (50.0, 7000.0),
        (50.1, 8000.0),
        (50.2, 9000.0),
        (60.0, 9000.0),
    ],
)
def test_power_lies_on_straight_lines_between_the_points(frequency_hz: float, power_w: float) -> None:
    assert power_at(TABLE, frequency_hz) == pytest.approx(power_w)


def test_the_smaller_of_power_and_table_counts_and_without_a_frequency_the_power() -> None:
    schedule = Schedule("setpoint", (ScheduleEntry(0.0, power_w=5000.0, frequency_w=TABLE),), None)
    assert schedule.frequency_bound
    assert schedule.row(1.0, 49.9).power_w == pytest.approx(3500.0)
    assert schedule.row(1.0, 50.2).power_w == 5000.0
    assert schedule.row(1.0, None).power_w == 5000.0
