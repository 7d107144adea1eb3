"""The limit table beyond plain amperes: watts, phases, schedules, frequency, and what is its own."""

import math

import pytest

from evsed.core import limits as source
from evsed.core.commands import LimitKind, ScheduleEntry, SetLimit, SetSchedule
from evsed.core.limits import NO_LIMIT_A, Limits

FALLBACK_A, VOLTAGE_V = 6.0, 230.0
TABLE = ((49.0, 2300.0), (51.0, 4600.0))


@pytest.fixture
def table() -> Limits:
    """Of one phase, with 32 A of the installation."""
    made = Limits(FALLBACK_A, VOLTAGE_V, 1)
    made.put(source.INSTALLATION, 32.0)
    return made


def schedule(*entries: ScheduleEntry, keepalive_s: float = 0.0) -> SetSchedule:
    return SetSchedule("ems", entries, keepalive_s)


def test_watts_are_amperes_of_the_phases_that_there_are(table: Limits) -> None:
    table.set(SetLimit("ems", power_w=6900.0), 0.0)
    assert (table.limit_a, table.source, table.power_w) == (30.0, "ems", 6900.0)
    table.set_phases(3)
    assert (table.limit_a, table.source) == (10.0, "ems")


def test_of_amperes_and_watts_of_a_row_the_smaller_counts(table: Limits) -> None:
    for limit_a, power_w, binding_a in ((10.0, 4600.0, 10.0), (25.0, 4600.0, 20.0), (None, -5.0, 0.0)):
        table.set(SetLimit("ems", limit_a, power_w=power_w), 0.0)
        assert table.limit_a == binding_a


def test_a_row_of_phases_alone_limits_no_current(table: Limits) -> None:
    table.set(SetLimit("ems", phases=1), 0.0)
    assert (table.limit_a, table.source, table.phases) == (32.0, source.INSTALLATION, 1)
    table.clear("ems")
    assert table.phases is None


def test_the_smallest_of_phases_and_watts_counts_whoever_binds(table: Limits) -> None:
    table.set(SetLimit("a", phases=3, power_w=5000.0), 0.0)
    table.set(SetLimit("b", phases=1, power_w=6000.0), 0.0)
    assert (table.phases, table.power_w) == (1, 5000.0)


def test_what_is_asked_is_not_what_the_charger_limits_itself(table: Limits) -> None:
    assert (table.own_a, table.own_source, table.asked_a) == (32.0, source.INSTALLATION, NO_LIMIT_A)
    table.set(SetLimit("ems", 10.0), 0.0)
    assert (table.own_a, table.own_source, table.asked_a) == (32.0, source.INSTALLATION, 10.0)
    assert NO_LIMIT_A > 80.0  # more than any pilot can say


def test_entries_follow_each_other_at_their_times(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0), ScheduleEntry(20.0, 16.0)), 0.0)
    for now_s, limit_a in ((0.0, 10.0), (19.9, 10.0), (20.0, 16.0), (1e9, 16.0)):
        table.update(now_s)
        assert table.limit_a == limit_a


def test_an_empty_schedule_limits_nothing_any_more(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0)), 0.0)
    table.set_schedule(schedule(), 1.0)
    assert (table.limit_a, len(table.rows())) == (32.0, 1)


@pytest.mark.parametrize("asked_a", [16.0, 3.0])
def test_a_schedule_that_is_not_renewed_lapses_to_the_fallback_but_raises_nothing(
    table: Limits, asked_a: float
) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, asked_a), keepalive_s=15.0), 0.0)
    table.update(14.9)
    assert table.limit_a == asked_a
    table.update(15.0)
    lapsed_a = min(asked_a, FALLBACK_A)
    assert (table.limit_a, table.source, table.own_a) == (lapsed_a, "ems", lapsed_a)
    assert table.asked_a == NO_LIMIT_A  # nobody asks any more
    assert table.rows()[-1].text == "fell silent"


def test_a_schedule_without_keepalive_never_lapses(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0), keepalive_s=0.0), 5.0)
    table.update(1e9)
    assert (table.limit_a, table.rows()[-1].ends_at_s) == (10.0, None)


def test_the_next_entry_of_a_schedule_with_keepalive_is_no_lapse(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0), ScheduleEntry(5.0, 12.0), keepalive_s=15.0), 0.0)
    table.update(5.0)
    assert (table.limit_a, table.rows()[-1].text) == (12.0, "")


def test_who_speaks_again_after_a_lapse_asks_again(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0), keepalive_s=15.0), 0.0)
    table.update(15.0)
    table.set(SetLimit("ems", 20.0), 16.0)
    assert (table.limit_a, table.own_a, table.asked_a) == (20.0, 32.0, 20.0)
    table.update(1e9)
    assert table.limit_a == 20.0


def test_a_frequency_table_follows_the_mains_and_keeps_the_last_it_knew(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, frequency_w=TABLE)), 0.0)
    assert table.limit_a == 32.0
    for frequency_hz, limit_a in ((50.0, 15.0), (51.0, 20.0), (None, 20.0)):
        table.set_frequency(frequency_hz, 1.0)
        assert table.limit_a == limit_a


def test_a_schedule_that_comes_later_knows_the_frequency(table: Limits) -> None:
    table.set_frequency(49.0, 0.0)
    table.set_schedule(schedule(ScheduleEntry(0.0, frequency_w=TABLE)), 1.0)
    assert table.limit_a == 10.0


def test_the_frequency_touches_no_other_schedule(table: Limits) -> None:
    table.set_schedule(schedule(ScheduleEntry(0.0, 10.0), ScheduleEntry(5.0, 12.0)), 0.0)
    before = table.rows()
    table.set_frequency(50.0, 7.0)
    assert table.rows() == before


def test_a_timeboxed_row_ends_by_itself_at_its_time(table: Limits) -> None:
    table.set(SetLimit("ems", 10.0, LimitKind.TIMEBOXED, 10.0), 100.0)
    table.update(109.9)
    assert table.limit_a == 10.0
    table.update(110.0)
    assert (table.limit_a, len(table.rows())) == (32.0, 1)


def test_a_ceiling_that_is_no_number_gives_nothing() -> None:
    made = Limits(FALLBACK_A, VOLTAGE_V, 1)
    made.put(source.INSTALLATION, math.inf)
    assert made.limit_a == 0.0
