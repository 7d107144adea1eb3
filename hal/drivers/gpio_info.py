"""What the kernel tells of GPIO lines to everybody: name, direction and consumer, of the whole chip.

Rule: nothing is requested here, so that no line is disturbed; the price is that no level can be read.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import gpiod
from gpiod.line import Direction

from hal.drivers.gpio_factory import REFUSALS, hal_error, open_chips
from hal.types import LineInfo


def read_lines(
    signals: Mapping[str, str],
    dev: Path = Path("/dev"),
    open_chip: Callable[[str], gpiod.Chip] = gpiod.Chip,
) -> tuple[LineInfo, ...]:
    """Every line of the chips that have a line of the board; of all chips if none has.

    signals: what a line of this name is wired for. Raises HalError.
    """
    chips = open_chips(dev, open_chip)
    try:
        found = {path: tuple(_lines(path, chip, signals)) for path, chip in chips.items()}
    finally:
        for chip in chips.values():
            chip.close()
    ours = [lines for lines in found.values() if any(line.signal for line in lines)]
    return tuple(line for lines in ours or found.values() for line in lines)


def _lines(path: str, chip: gpiod.Chip, signals: Mapping[str, str]) -> Iterator[LineInfo]:
    try:
        for offset in range(chip.get_info().num_lines):
            yield _line(os.path.basename(path), chip.get_line_info(offset), signals)
    except REFUSALS as error:
        raise hal_error("GPIO chip", path, error) from error


def _line(chip: str, info: gpiod.LineInfo, signals: Mapping[str, str]) -> LineInfo:
    return LineInfo(
        chip,
        info.offset,
        info.name or "",
        "output" if info.direction is Direction.OUTPUT else "input",
        info.consumer or ("in use" if info.used else ""),
        signals.get(info.name, ""),
    )
