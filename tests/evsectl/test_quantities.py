import argparse
from datetime import UTC, datetime

import pytest

from evsed.evsectl import quantities as q
from evsed.evsectl.protocol import LimitArgs


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        (q.DURATION, "90s", 90.0),
        (q.DURATION, "15m", 900.0),
        (q.DURATION, "15min", 900.0),
        (q.DURATION, "1h", 3600.0),
        (q.DURATION, "1.5h", 5400.0),
        (q.DURATION, "1h30m", 5400.0),
        (q.DURATION, "2D", 172800.0),
        (q.DELAY, "0s", 0.0),
        (q.DELAY, "1d", 86400.0),
        (q.ENERGY, "10kWh", 10000.0),
        (q.ENERGY, "500wh", 500.0),
    ],
)
def test_a_quantity_is_read_in_si(quantity, text, value):
    assert quantity.read(text) == value


@pytest.mark.parametrize(
    "text", ["", "10", "1", "-1h", "h", "1y", "1h 30m", "0s", "367d", "1e3s", "1h3", "nan", "٣h"]
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 90s, 15m or 1h30m, above 0"):
        q.DURATION.read(text)


def test_a_bound_is_named():
    with pytest.raises(argparse.ArgumentTypeError, match="at most 86400 in SI units, not '2d'"):
        q.DELAY.read("2d")


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("10A", LimitArgs(limit_a=10.0)),
        ("6.5a", LimitArgs(limit_a=6.5)),
        ("0A", LimitArgs(limit_a=0.0)),
        ("6900W", LimitArgs(power_w=6900.0)),
        ("6.9kW", LimitArgs(power_w=6900.0)),
    ],
)
def test_a_limit_is_a_current_or_a_power(text, args):
    assert q.limit_args(text) == args


@pytest.mark.parametrize("text", ["10", "10 A", "ten", "A", "10kA", "5A5A", "1kW1W"])
def test_what_is_no_limit_is_refused_with_examples(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"10A, a power such as 6900W or 6.9kW, or clear, not"
    ):
        q.limit_args(text)


@pytest.mark.parametrize("text", ["1001A", "1001kW"])
def test_a_limit_beyond_the_bounds_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="at most 1"):
        q.limit_args(text)


def test_a_date_with_a_zone_and_one_without():
    assert q.date_utc_s("2026-01-31T08:00Z") == datetime(2026, 1, 31, 8, tzinfo=UTC).timestamp()
    assert q.date_utc_s("2026-01-31T09:00+01:00") == q.date_utc_s("2026-01-31T08:00Z")
    assert q.date_utc_s("2026-01-31") == datetime(2026, 1, 31).timestamp()  # local time


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "1969-01-01", "0001-01-01"])
def test_what_is_no_date_is_refused_with_examples(text):
    with pytest.raises(argparse.ArgumentTypeError, match="2026-01-31T08:00Z"):
        q.date_utc_s(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "11", "٣", "1" * 5000])
def test_what_is_no_whole_number_in_its_bounds_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 10"):
        q.integer(0, 10)(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e7", "five"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        q.money(text)
