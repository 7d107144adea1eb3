"""docs/board.md, the board file and the device tree say the same of each signal."""

import re
from pathlib import Path

import msgspec
import pytest

from hal.board_model import InputData, OutputData, load_board_model

ROOT = Path(__file__).parents[3]
MODEL = load_board_model("cm4-carrier")
TABLES = (*msgspec.structs.astuple(MODEL.outputs), *msgspec.structs.astuple(MODEL.inputs))
LINES = {line.name: line for line in TABLES if line is not None}


def documented() -> dict[str, tuple[int, str, str]]:
    """GPIO, direction and active level by line name, from the table of signals."""
    found = {}
    for row in re.findall(
        r"^\| ([\d, -]+) \| (`EVSE_.*)$", (ROOT / "docs/board.md").read_text(), re.MULTILINE
    ):
        names, direction, active, _ = (cell.strip() for cell in row[1].strip(" |").split(" | "))
        prefix = "EVSE_LED" if "LED" in names else ""
        full = [name if name.startswith("EVSE_") else prefix + name for name in re.findall(r"`(\w+)`", names)]
        first = int(re.match(r"\d+", row[0]).group())
        found |= {name: (first + at, direction, active) for at, name in enumerate(full)}
    return found


def tree_names() -> list[str]:
    text = (ROOT / "image/dt/evse-cm4.dtsi").read_text()
    return re.findall(r'"(\w+)"', text.partition("gpio-line-names =")[2].partition(";\n")[0])


def test_the_document_has_every_line_at_the_gpio_of_the_device_tree() -> None:
    names = tree_names()
    assert set(documented()) == {*LINES, "EVSE_CP_PWM"}
    assert {name: names.index(name) for name in documented()} == {
        n: at for n, (at, *_) in documented().items()
    }


@pytest.mark.parametrize("name", LINES)
def test_the_document_tells_the_polarity_of_the_board_file(name: str) -> None:
    line = LINES[name]
    _, direction, active = documented()[name]
    if isinstance(line, OutputData):
        assert (direction, line.active_high) == ("out", True)
    if isinstance(line, InputData):
        assert (direction, active.partition(":")[0]) == (
            f"in, pull-{line.pull}",
            "high" if line.active_high else "low",
        )


def test_the_document_tells_the_divider_of_the_pilot() -> None:
    text = (ROOT / "docs/board.md").read_text()
    divider = MODEL.adc.pilot.divider
    told = [float(ohm) * 1e3 for ohm in re.findall(r"\| ([\d.]+) kOhm, 1 % \|", text)]
    assert told == [divider.series_ohm, divider.pull_up_ohm, divider.pull_down_ohm]
