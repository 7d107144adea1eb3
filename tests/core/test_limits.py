"""The limit table: which row binds, and how rows end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.core.commands import LimitKind, SetLimit
from evsed.core.inputs import LimitRow
from evsed.core.limits import Limits

FALLBACK_A = 6.0


def limits(**rows_a: float) -> Limits:
    table = Limits(FALLBACK_A, 230.0, 3)
    for source, limit_a in rows_a.items():
        table.put(source, limit_a)
    return table


def timed(limit_a: float, kind: LimitKind, for_s: float = 10.0, source: str = "ems") -> SetLimit:
    return SetLimit(source, limit_a, kind, for_s)


def test_without_a_row_there_is_nothing_to_be_had() -> None:
    assert (limits().limit_a, limits().source) == (0.0, "none")


def test_the_smallest_row_binds_and_is_named() -> None:
    table = limits(installation=32.0, cable=20.0, ems=25.0)
    assert (table.limit_a, table.source) == (20.0, "cable")
    assert table.rows() == (LimitRow("installation", 32.0), LimitRow("cable", 20.0), LimitRow("ems", 25.0))


def test_of_two_equal_rows_the_older_is_named() -> None:
    table = limits(installation=16.0, cable=16.0)
    assert table.source == "installation"
    table.clear("installation")
    table.put("installation", 16.0)
    assert table.source == "cable"


def test_a_row_replaces_the_row_of_its_source() -> None:
    table = limits(installation=32.0, ems=10.0)
    table.put("ems", 20.0)
    assert table.limit_a == 20.0
    table.set(SetLimit("ems", 8.0), 0.0)
    assert table.limit_a == 8.0
    assert len(table.rows()) == 2


def test_a_cleared_row_binds_no_more() -> None:
    table = limits(installation=32.0, ems=10.0)
    table.clear("ems")
    assert (table.limit_a, table.source) == (32.0, "installation")
    table.clear("ems")
    assert (table.limit_a, table.source) == (32.0, "installation")
    table.clear("installation")
    assert (table.limit_a, table.source) == (0.0, "none")


def test_less_than_nothing_is_nothing() -> None:
    assert limits(installation=32.0, ems=-5.0).limit_a == 0.0


def test_a_standing_row_never_ends() -> None:
    table = limits(installation=32.0)
    table.set(SetLimit("ems", 10.0), 0.0)
    table.update(1e9)
    assert table.limit_a == 10.0


@pytest.mark.parametrize(
    ("kind", "limit_a", "after_a"),
    [
        (LimitKind.TIMEBOXED, 10.0, 32.0),
        (LimitKind.KEEPALIVE, 10.0, FALLBACK_A),
        (LimitKind.KEEPALIVE, 3.0, 3.0),
        (LimitKind.KEEPALIVE, 0.0, 0.0),
    ],
)
def test_a_row_ends_at_its_time_and_not_before(kind: LimitKind, limit_a: float, after_a: float) -> None:
    table = limits(installation=32.0)
    table.set(timed(limit_a, kind), now_s=100.0)
    table.update(109.999)
    assert table.limit_a == limit_a
    table.update(110.0)
    assert table.limit_a == after_a
    table.update(1e9)
    assert table.limit_a == after_a


def test_a_fallback_is_still_named_after_its_source() -> None:
    table = limits(installation=32.0)
    table.set(timed(16.0, LimitKind.KEEPALIVE), 0.0)
    table.update(10.0)
    assert (table.limit_a, table.source) == (FALLBACK_A, "ems")
    table.set(timed(16.0, LimitKind.KEEPALIVE), 11.0)
    assert table.limit_a == 16.0


def test_a_keepalive_that_is_repeated_goes_on() -> None:
    table = limits(installation=32.0)
    for now_s in range(0, 100, 5):
        table.set(timed(16.0, LimitKind.KEEPALIVE), float(now_s))
        table.update(now_s + 4.9)
        assert table.limit_a == 16.0


def test_each_row_has_its_own_time() -> None:
    table = limits(installation=32.0)
    table.set(timed(10.0, LimitKind.TIMEBOXED, 10.0, "a"), 0.0)
    table.set(timed(8.0, LimitKind.TIMEBOXED, 5.0, "b"), 0.0)
    table.set(timed(12.0, LimitKind.KEEPALIVE, 20.0, "c"), 0.0)
    bound = []
    for now_s in (0.0, 5.0, 10.0, 20.0):
        table.update(now_s)
        bound.append((table.source, table.limit_a))
    assert bound == [("b", 8.0), ("a", 10.0), ("c", 12.0), ("c", 6.0)]


def test_a_cleared_row_takes_its_time_with_it() -> None:
    table = limits(installation=32.0)
    table.set(timed(10.0, LimitKind.KEEPALIVE), 0.0)
    table.clear("ems")
    table.update(10.0)
    assert table.rows() == (LimitRow("installation", 32.0),)


KINDS = st.sampled_from([LimitKind.TIMEBOXED, LimitKind.KEEPALIVE])
COMMANDS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 80.0), KINDS, st.floats(0.1, 50.0)))


@given(COMMANDS, st.floats(0.0, 100.0))
def test_the_binding_row_is_the_smallest_whatever_happened(
    commands: list[tuple[str, float, LimitKind, float]], at_s: float
) -> None:
    table = limits(installation=32.0)
    for now_s, (source, limit_a, kind, for_s) in enumerate(commands):
        table.set(timed(limit_a, kind, for_s, source), float(now_s))
        table.update(now_s + 0.5)
    table.update(at_s + len(commands))
    smallest = min(table.rows(), key=lambda row: row.limit_a)
    assert (table.limit_a, table.source) == (smallest.limit_a, smallest.source)


@given(st.floats(0.0, 80.0), st.floats(0.0, 32.0))
def test_silence_never_raises_a_limit(limit_a: float, fallback_a: float) -> None:
    table = Limits(fallback_a, 230.0, 3)
    table.put("installation", 80.0)
    table.set(timed(limit_a, LimitKind.KEEPALIVE), 0.0)
    table.update(10.0)
    assert table.limit_a == min(limit_a, fallback_a)
