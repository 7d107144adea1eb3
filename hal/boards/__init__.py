"""The boards that evsed knows, by name. Adding one is a row here and a module beside it."""

from collections.abc import Callable
from pathlib import Path

from hal.boards.sim import open_sim
from hal.errors import DeviceMissing
from hal.interfaces import Board, Clock

BOARDS: dict[str, Callable[[Path, Clock], Board]] = {
    "sim": open_sim,
}


def open_board(name: str, run_dir: Path, clock: Clock) -> Board:
    """The board of this name, claimed and safe; run_dir is where the simulated one finds its world."""
    if name not in BOARDS:
        raise DeviceMissing(f"board {name!r}: unknown; known boards: {', '.join(sorted(BOARDS))}")
    return BOARDS[name](run_dir, clock)
