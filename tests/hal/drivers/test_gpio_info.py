"""The table of GPIO lines: of the whole chip, and without a claim."""

import dataclasses
import errno
from pathlib import Path

import gpiod
import pytest

from hal.board_model import load_board_model, signals_of
from hal.drivers.gpio_factory import LibgpiodFactory
from hal.drivers.gpio_info import read_lines
from hal.drivers.gpio_lines import Input, InputLine, Output, OutputLine
from hal.errors import DeviceFailed, DeviceMissing
from hal.types import LineInfo
from tests.hal.drivers.gpio_bench import Kernel, refusal

SIGNALS = {"COIL": "outputs.contactor", "MIRROR": "inputs.mirror"}
CHIPS = {"gpiochip0": ["NC", "COIL", "", "MIRROR"], "gpiochip1": ["EXPANDER"]}


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(CHIPS)


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    for chip in CHIPS:
        (tmp_path / chip).touch()
    return tmp_path


def test_every_line_of_the_board_s_chip_is_listed(kernel: Kernel, dev: Path) -> None:
    found = read_lines(SIGNALS, dev, kernel.open_chip)
    assert [(line.chip, line.offset, line.name, line.signal) for line in found] == [
        ("gpiochip0", 0, "NC", ""),
        ("gpiochip0", 1, "COIL", "outputs.contactor"),
        ("gpiochip0", 2, "", ""),
        ("gpiochip0", 3, "MIRROR", "inputs.mirror"),
    ]
    assert {line.active for line in found} == {None}
    assert kernel.open_n == 0


def test_of_a_machine_without_any_of_its_lines_all_are_listed(kernel: Kernel, dev: Path) -> None:
    found = read_lines({"EVSE_CONTACTOR": "outputs.contactor"}, dev, kernel.open_chip)
    assert [line.name for line in found] == ["NC", "COIL", "", "MIRROR", "EXPANDER"]


def test_lines_in_use_are_told_and_left_alone(kernel: Kernel, dev: Path) -> None:
    factory = LibgpiodFactory(dev, kernel.open_chip)
    coil, _mirror = Output(factory, OutputLine("COIL")), Input(factory, InputLine("MIRROR"))
    coil.drive(True)
    calls_n, history = kernel.calls_n, list(kernel.line("COIL").history)
    _, found, free, mirror = read_lines(SIGNALS, dev, kernel.open_chip)
    assert (found.direction, found.consumer) == ("output", "evsed")
    assert (mirror.direction, mirror.consumer) == ("input", "evsed")
    assert free == LineInfo("gpiochip0", 2, "", "input", "", "")
    assert (kernel.calls_n, kernel.line("COIL").history) == (calls_n, history)
    factory.close()


def test_no_chip_and_no_permission_say_what_to_do(kernel: Kernel, dev: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="no GPIO chip; is its driver loaded"):
        read_lines(SIGNALS, tmp_path / "none", kernel.open_chip)

    def only_the_first(path: str) -> object:
        if path.endswith("1"):
            raise refusal(errno.EACCES)
        return kernel.open_chip(path)

    with pytest.raises(DeviceFailed, match="gpiochip1; join the group gpio"):
        read_lines(SIGNALS, dev, only_the_first)
    assert kernel.open_n == 0


def test_every_line_of_a_board_file_is_known_by_its_key() -> None:
    signals = signals_of(load_board_model("pi-hat-1p"))
    assert "outputs.contactor" in signals.values()
    assert not {"outputs.lock", "outputs.phase_switch"} & set(signals.values())


def test_gpiod_has_what_is_asked_of_a_line() -> None:
    """The fake answers with the very names of the library."""
    names = {field.name for field in dataclasses.fields(gpiod.LineInfo)}
    assert {"offset", "name", "used", "consumer", "direction"} <= names
