"""What is shown while the demo runs: lines in the order of their time, and the panel, redrawn on a change."""

import asyncio
from collections.abc import Callable
from typing import Any

from evsed.demo.event_lines import TimedRow
from evsed.demo.panel import panel
from evsed.demo.rows import Row
from evsed.demo.screen import Screen

FRAME_S = 0.1
# Lines come over several connections; held this long they can be put in the order of their time.
HELD_S = 0.2


class Live:
    """title and footer frame the panel; without a title there is none."""

    def __init__(self, screen: Screen, now_utc_s: Callable[[], float]) -> None:
        self._screen, self._now_utc_s = screen, now_utc_s
        self._held: list[TimedRow] = []
        self._status: dict[str, Any] = {}
        self._changed = False
        self.title = self.footer = ""

    def line(self, timed: TimedRow) -> None:
        self._held.append(timed)

    def status(self, status: dict[str, Any]) -> None:
        self._status, self._changed = status, True

    def rows(self, rows: list[Row]) -> None:
        """Text without a time, at once."""
        self.flush()
        self._screen.log(rows)

    def flush(self) -> None:
        self._log_until(float("inf"))

    def draw(self) -> None:
        self._log_until(self._now_utc_s() - HELD_S)
        if self.title and self._changed:
            self._changed = False
            screen = self._screen
            screen.show(panel(self._status, self.title, self.footer, screen.columns, screen.glyphs))

    def resized(self) -> None:
        self._changed = True
        self._screen.resized()

    def close(self) -> None:
        """What comes now is no panel any more, only lines."""
        self.flush()
        self.title = ""
        self._screen.close()

    async def run(self) -> None:
        """For ever."""
        while True:
            self.draw()
            await asyncio.sleep(FRAME_S)

    def _log_until(self, at_utc_s: float) -> None:
        due = sorted(
            (line for line in self._held if line.at_utc_s <= at_utc_s), key=lambda line: line.at_utc_s
        )
        if due:
            self._held = [line for line in self._held if line.at_utc_s > at_utc_s]
            self._screen.log([line.row for line in due])
