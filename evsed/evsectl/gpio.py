"""`evsectl gpio`: every line of the board's chips, what it is wired for, and whether that is active.

Rule: nothing is claimed; what cannot be read without a claim is told by control, which has it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from evsed.evsectl.exits import Exit, Failure
from hal.errors import HalError
from hal.types import LineInfo

# What control calls the signals of a board file.
TOLD_AS = {
    "outputs.contactor": "contactor",
    "outputs.phase_switch": "three_phases",
    "outputs.pilot_disconnect": "cp_disconnected",
    "outputs.lock": "lock",
    "outputs.unlock": "unlock",
    "outputs.shunt_trip": "shunt_trip",
    "outputs.rcd_test": "rcd_test",
    "inputs.mirror": "mirror",
    "inputs.lock_position": "locked",
    "inputs.rcd_trip": "rcd_tripped",
    "inputs.emergency_stop": "emergency_stop",
    "inputs.stop_button": "stop_button",
}
VALUES = {True: "on", False: "off", None: "-"}
HEADING = ("chip", "line", "name", "direction", "value", "consumer", "signal")


def lines_of(board: str, run_dir: Path, told: Mapping[str, bool]) -> tuple[LineInfo, ...]:
    """told: what control drives and reads, empty while it is away. Raises Failure."""
    from hal.boards import read_lines  # the drivers are only for who asks for them

    try:
        found = read_lines(board, run_dir)
    except HalError as error:
        raise Failure(Exit.REFUSED, str(error)) from error
    return with_values(found, told)


def with_values(lines: Iterable[LineInfo], told: Mapping[str, bool]) -> tuple[LineInfo, ...]:
    return tuple(_with_value(line, told) for line in lines)


def _with_value(line: LineInfo, told: Mapping[str, bool]) -> LineInfo:
    if line.active is not None:
        return line
    return msgspec.structs.replace(line, active=told.get(TOLD_AS.get(line.signal, "")))


def table(lines: Iterable[LineInfo]) -> Iterator[str]:
    rows = [HEADING, *map(_row, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(line: LineInfo) -> tuple[str, ...]:
    name, consumer, signal = line.name or "-", line.consumer or "-", line.signal or "-"
    return line.chip, str(line.offset), name, line.direction, VALUES[line.active], consumer, signal
