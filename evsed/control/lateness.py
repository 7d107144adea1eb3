"""Late ticks in the journal: a machine that is too busy is not made busier by a line for each."""

from collections.abc import Callable

LATE_S = 0.02  # a tick this late is worth telling
EVERY_S = 10.0


class Lateness:
    """tell takes a line."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._n, self._worst_s = 0, 0.0
        self._told_at_s = float("-inf")

    def note(self, late_s: float, now_s: float) -> None:
        """Of each tick. The first late one is told at once, those within EVERY_S after it together."""
        if late_s >= LATE_S:
            self._n += 1
            self._worst_s = max(self._worst_s, late_s)
        if self._n and now_s - self._told_at_s >= EVERY_S:
            ticks = "tick" if self._n == 1 else f"{self._n} ticks, up to"
            self._tell(f"{ticks} {self._worst_s * 1000:.0f} ms late")
            self._told_at_s, self._n, self._worst_s = now_s, 0, 0.0
