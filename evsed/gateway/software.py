"""The variable `software`: evsed's version, and what the appliance has left for us about its image."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from evsed import __version__
from evsed.api.wire_extensions import RunningImage, Software
from evsed.appliance.places import Places

LOOK_S = 10.0  # an image proves itself once in its life


class SoftwareTeller:
    """Tells at each connection to the broker, and when something has changed."""

    def __init__(self, tell: Callable[[str, object], None], path: Path | None = None) -> None:
        """path: what the appliance writes, by default; not there elsewhere."""
        self._path, self._tell = path or Places().told, tell
        self._look_at_s = 0.0
        self._now = software(self._path)

    def connected(self) -> None:
        self._tell("software", self._now)

    def tick(self, now_s: float) -> None:
        """Often: the file is looked at every LOOK_S."""
        if now_s < self._look_at_s:
            return
        before, self._now, self._look_at_s = self._now, software(self._path), now_s + LOOK_S
        if self._now != before:
            self._tell("software", self._now)


def software(path: Path) -> Software:
    """Without an image where the file is not there or says something else."""
    try:
        return Software(__version__, msgspec.json.decode(path.read_bytes(), type=RunningImage))
    except (OSError, msgspec.DecodeError):
        return Software(__version__)
