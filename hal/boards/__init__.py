"""The boards that evsed knows, by name: the simulated one, and every board file (see hal/board_model.py).

Rule: what a real board needs (gpiozero, gpiod, spidev, smbus2) is imported only with a real board.
"""

from collections.abc import Callable
from pathlib import Path

from hal.board_model import MeterLine, board_file, known_boards, load_board_model, signals_of
from hal.boards.sim import open_sim, open_sim_peripherals
from hal.errors import DeviceMissing
from hal.interfaces import Board, Clock, Peripherals
from hal.sim import line_table as sim_lines
from hal.types import LineInfo

BOARDS: dict[str, Callable[[Path, Clock], Board]] = {
    "sim": open_sim,
}
PERIPHERALS: dict[str, Callable[[Path], Peripherals]] = {
    "sim": open_sim_peripherals,
}


def open_board(name: str, run_dir: Path, clock: Clock) -> Board:
    """The board of this name, claimed and safe; run_dir is where the simulated one finds its world."""
    _check(name)
    if name in BOARDS:
        return BOARDS[name](run_dir, clock)
    from hal.boards.hardware import HardwareBoard

    return HardwareBoard(load_board_model(name), clock)


def make_safe(name: str, run_dir: Path, clock: Clock) -> None:
    """Contactor open, pilot at F, everything else inactive; needs no sensor. Raises HalError at the end."""
    _check(name)
    if name in BOARDS:
        return BOARDS[name](run_dir, clock).close()
    from hal.boards.hardware import make_outputs_safe

    make_outputs_safe(load_board_model(name), clock)


def open_peripherals(name: str, run_dir: Path) -> Peripherals:
    """The slow devices of the board of this name, for the process that does not have the board itself."""
    _check(name)
    if name in PERIPHERALS:
        return PERIPHERALS[name](run_dir)
    from hal.boards.peripherals import HardwarePeripherals

    return HardwarePeripherals(load_board_model(name))


def read_lines(name: str, run_dir: Path) -> tuple[LineInfo, ...]:
    """Every digital line of the chips of this board; nothing is claimed. Raises HalError."""
    _check(name)
    if name in BOARDS:
        return sim_lines.read_lines(run_dir)
    from hal.drivers.gpio_info import read_lines as read_chips

    return read_chips(signals_of(load_board_model(name)))


def meter_line(name: str, run_dir: Path) -> MeterLine:
    """Where the meter of this board is connected. DeviceMissing for a board without one."""
    _check(name)
    if name in BOARDS:
        return MeterLine(str(run_dir.absolute() / "meter"))
    meter = load_board_model(name).meter
    if meter is None:
        raise DeviceMissing(f"board {name!r} has no line for a meter; set meter.port")
    return meter


def _check(name: str) -> None:
    if name not in BOARDS and not board_file(name).exists():
        known = ", ".join([*BOARDS, *known_boards()])
        raise DeviceMissing(f"board {name!r}: unknown; known boards: {known}")
