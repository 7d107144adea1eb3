"""What the demonstration says of physical lines: from the simulated world's own trace."""

from typing import Any

import msgspec
import pytest

from evsed.demo.event_lines import TimedRow, TraceLines
from tests.hal.sim.rig import Rig


def words(row: TimedRow | None) -> str:
    assert row is not None
    return "".join(span.text for span in row.row[1:]).strip()


def told(rig: Rig) -> list[str]:
    """The rows of the trace that are about the residual current device."""
    lines = TraceLines()
    rows = [lines.row(msgspec.to_builtins(entry)) for entry in rig.trace]
    return [words(row) for row in rows if row is not None and "RCD" in words(row)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def self_test(rig: Rig) -> None:
    assert rig.board.rcd_test is not None
    rig.board.rcd_test.drive(True)
    rig.run(0.1)
    rig.board.rcd_test.drive(False)
    rig.run(0.1)


SELF_TEST = [
    "RCD self-test: test current on",
    "RCD self-test: it trips, as it must",
    "RCD self-test: test current off",
    "RCD self-test: it resets, passed",
]


def test_a_self_test_reads_as_one(rig: Rig) -> None:
    self_test(rig)
    assert told(rig) == SELF_TEST


def test_residual_current_reads_as_a_trip_also_after_a_self_test(rig: Rig) -> None:
    self_test(rig)
    rig.charge()
    rig.world.rcd.leak(30.0)
    rig.run(0.1)
    assert told(rig) == [*SELF_TEST, "RCD tripped"]


def test_a_device_that_does_not_trip_in_its_test_has_not_passed(rig: Rig) -> None:
    rig.world.rcd.stick(True)
    self_test(rig)
    rig.world.rcd.stick(False)
    rig.charge()
    rig.world.rcd.leak(30.0)
    rig.run(0.1)
    assert told(rig) == [SELF_TEST[0], SELF_TEST[2], "RCD tripped"]


@pytest.mark.parametrize("line", ["mirror", "", None])
def test_a_line_that_says_nothing_to_a_newcomer_is_left_out(line: Any) -> None:
    assert TraceLines().row({"t": 1.0, "line": line, "value": True}) is None
