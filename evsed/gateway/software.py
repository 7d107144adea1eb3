"""The variable `software`: evsed's version, and what the appliance has left for us about its image."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from evsed import __version__
from evsed.api.wire_extensions import RunningImage, Software

LOOK_S = 10.0  # an image proves itself once in its life


class SoftwareTeller:
    """Tells after each connection to the broker, and when something has changed."""

    def __init__(self, path: Path, tell: Callable[[str, object], None]) -> None:
        """path: evsed.appliance's Places.told; not there but on the appliance."""
        self._path, self._tell = path, tell
        self._told: Software | None = None
        self._look_at_s = 0.0
        self._now = software(path)
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connected: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            self.tick(connected(), loop.time())
            self._timer = loop.call_later(1.0, tick)

        tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def tick(self, connected: bool, now_s: float) -> None:
        if now_s >= self._look_at_s:
            self._now, self._look_at_s = software(self._path), now_s + LOOK_S
        if not connected:
            self._told = None
        elif self._told != self._now:
            self._told = self._now
            self._tell("software", self._now)


def software(path: Path) -> Software:
    """Without an image where the file is not there or says something else."""
    try:
        return Software(__version__, msgspec.json.decode(path.read_bytes(), type=RunningImage))
    except (OSError, msgspec.DecodeError):
        return Software(__version__)
