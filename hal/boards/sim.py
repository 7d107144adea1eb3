"""Composition of the simulated board: the line file of the world in the run directory."""

from pathlib import Path

from hal.errors import DeviceMissing, LineBusy
from hal.interfaces import Board, Clock, Peripherals
from hal.sim.board import WORLD_STALE_S, SimBoard
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.sim.peripherals import SimPeripherals


def open_sim(run_dir: Path, clock: Clock) -> Board:
    """DeviceMissing unless a world runs in run_dir, LineBusy if another process drives its board."""
    path = run_dir / LINE_FILE_NAME
    lines = Lines.attach(path)
    if clock.now_s() - lines.get("world_at_s") > WORLD_STALE_S:
        lines.close()
        raise DeviceMissing(
            f"{path}: the world behind it is dead; start the simulated world (evsed-sim) first"
        )
    try:
        return SimBoard(lines, clock)
    except LineBusy:
        lines.close()
        raise


def open_sim_peripherals(run_dir: Path) -> Peripherals:
    """Thermometers and token reader; whether a world runs in run_dir shows in their readings."""
    return SimPeripherals(run_dir / LINE_FILE_NAME)
