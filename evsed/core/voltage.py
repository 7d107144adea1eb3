"""Mains voltage out of its window (EN 50160: 230 V +10 % / -15 %), for longer than a brief dip."""

from evsed.core.settings import Settings
from hal.types import MeterReading

ABSENT_V = 50.0  # below on every phase: a breaker is open, which is no matter of quality


class Voltage:
    """over, under: some phase has been out on that side for the whole time-out. Time is the readings' own."""

    __slots__ = ("_judged_at_s", "_over_since_s", "_settings", "_under_since_s", "over", "under")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._judged_at_s = float("-inf")
        self._over_since_s: float | None = None
        self._under_since_s: float | None = None
        self.over = self.under = False

    def update(self, meter: MeterReading | None, active_n: int) -> None:
        """A meter that measures no voltage judges none. active_n: phases that the EV can draw from, L1 first.

        A phase that is not in use may read anything: meters of one phase report 0 V for the others.
        """
        if meter is None or not meter.voltage_v or meter.at_s == self._judged_at_s:
            return
        self._judged_at_s = meter.at_s
        s = self._settings
        used_v = meter.voltage_v[:active_n]
        highest_v = max(used_v)
        is_over = highest_v > s.over_voltage_v
        is_under = min(used_v) < s.under_voltage_v and highest_v >= ABSENT_V
        self._over_since_s = _since(self._over_since_s, is_over, meter.at_s)
        self._under_since_s = _since(self._under_since_s, is_under, meter.at_s)
        self.over = self._lasted(self._over_since_s)
        self.under = self._lasted(self._under_since_s)

    def _lasted(self, since_s: float | None) -> bool:
        return since_s is not None and self._judged_at_s - since_s >= self._settings.voltage_timeout_s


def _since(since_s: float | None, out: bool, now_s: float) -> float | None:
    if not out:
        return None
    return now_s if since_s is None else since_s
