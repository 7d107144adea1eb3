"""The slow devices of the simulated board: thermometers, token reader and EEPROM, on the world's line file.

Rule 1: but for the EEPROM they only look; the board belongs to another process (in its own they would end
its claim, see lines).
Rule 2: a world that has gone makes readings Missing; its successor in the same place is found by itself.
Rule 3: any thread may read.
"""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from hal.errors import DeviceMissing, HalError
from hal.interfaces import BoardEeprom, Thermometer, TokenReader
from hal.sim.board import WORLD_STALE_S
from hal.sim.card import TOKEN_LINES, Levels, uid_of
from hal.sim.eeprom import sim_eeprom
from hal.sim.lines import INDEX, Lines
from hal.types import Missing, Temperature

RETRY_S = 1.0  # a new world makes a new file under the same name
WORLD_AT_S = INDEX["world_at_s"]

Cells: TypeAlias = "memoryview[float]"  # indexed with INDEX


class WorldView:
    """The lines of the living world at path, or why there are none."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        self._path, self._now_s = path, now_s
        self._lock = threading.Lock()
        self._lines: Lines | None = None
        self._why = ""
        self._try_at_s = -math.inf
        self._seen_at_s = now_s()  # the living world, or us in the beginning

    def cells(self) -> "Cells | Missing":
        lines = self.lines()
        return lines if isinstance(lines, Missing) else lines.cells

    def eeprom(self) -> memoryview:
        """Raises DeviceMissing."""
        lines = self.lines()
        if isinstance(lines, Missing):
            raise DeviceMissing(lines.reason)
        return lines.eeprom

    def lines(self) -> Lines | Missing:
        with self._lock:
            now_s = self._now_s()
            if not self._alive(now_s) and now_s >= self._try_at_s:
                self._try_at_s = now_s + RETRY_S
                self._attach()
            if self._lines is None or not self._alive(now_s):
                return Missing(self._why, self._seen_at_s)
            self._seen_at_s = self._lines.cells[WORLD_AT_S]
            return self._lines

    def close(self) -> None:
        with self._lock:
            self._let_go("closed")
            self._try_at_s = math.inf

    def _alive(self, now_s: float) -> bool:
        return self._lines is not None and now_s - self._lines.cells[WORLD_AT_S] <= WORLD_STALE_S

    def _attach(self) -> None:
        self._let_go(f"{self._path}: the simulated world stands still; start evsed-sim")
        try:
            self._lines = Lines.attach(self._path)
        except HalError as error:
            self._why = str(error)

    def _let_go(self, why: str) -> None:
        self._why = why
        if self._lines is not None:
            self._lines.close()
            self._lines = None


class SimThermometer:
    def __init__(self, world: WorldView, location: str, line: str) -> None:
        self._world, self._location, self._index = world, location, INDEX[line]

    def read(self) -> Temperature | Missing:
        cells = self._world.cells()
        return cells if isinstance(cells, Missing) else Temperature(self._location, cells[self._index])

    def close(self) -> None:
        """The line file is let go by SimPeripherals.close()."""


class SimTokenReader:
    def __init__(self, world: WorldView) -> None:
        self._world = world

    def read(self) -> str | Missing | None:
        cells = self._world.cells()
        return cells if isinstance(cells, Missing) else uid_of(_settled(cells))

    def close(self) -> None:
        """The line file is let go by SimPeripherals.close()."""


class SimPeripherals:
    """Never fails to open: without a world its readings are Missing until there is one."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        """path: the line file. now_s: the world's clock (monotonic seconds)."""
        self._world = WorldView(path, now_s)
        self.thermometers: tuple[Thermometer, ...] = (
            SimThermometer(self._world, "evse", "temperature_c"),
            SimThermometer(self._world, "plug", "plug_temperature_c"),
        )
        self.token_reader: TokenReader | None = SimTokenReader(self._world)
        self.eeprom: BoardEeprom | None = sim_eeprom(self._world.eeprom)

    def close(self) -> None:
        """Readings are Missing from here on. Idempotent."""
        self._world.close()


def _settled(cells: Cells) -> Levels:
    """Two equal looks: between them the world has not changed the card."""
    before, now = None, _look(cells)
    while before != now:
        before, now = now, _look(cells)
    return now


def _look(cells: Cells) -> Levels:
    digits_n, hi, lo = TOKEN_LINES
    return cells[digits_n], cells[hi], cells[lo]
