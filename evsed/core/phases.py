"""One phase or three: who wants it, and whether it may be changed now (behaviour of EVerest's phase switch).

Rule: phases change only while no power flows and the contactor is neither closed nor about to be.
"""

from evsed.core.pilot_duty import MIN_CURRENT_A
from evsed.core.settings import Settings, SwitchMode

SETTLE_S = 0.2  # the second contactor has moved before the first one may close


class Phases:
    """active: how many the EV can draw from; wanted: how many it shall."""

    __slots__ = (
        "_automatic",
        "_changed_s",
        "_enough_since_s",
        "_manual",
        "_settings",
        "active",
        "switches_n",
        "wanted",
    )

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.active = self.wanted = settings.phases
        self._changed_s = float("-inf")
        self.forget_session()

    def configure(self, settings: Settings) -> None:
        self._settings = settings

    def forget_session(self) -> None:
        """The next EV begins with all phases."""
        self._manual: int | None = None
        self._automatic = self._settings.phases
        self._enough_since_s: float | None = None
        self.switches_n = 0

    @property
    def supported(self) -> bool:
        return self._settings.phase_switching

    @property
    def due(self) -> bool:
        return self.wanted != self.active

    def ask(self, three_phases: bool) -> None:
        """A client's wish; it stands until the session is over."""
        self._manual = 3 if three_phases else 1

    def update(self, power_w: float | None, phases_limit: int | None, now_s: float) -> None:
        """power_w and phases_limit: the smallest of any limit, None where none says any."""
        if not self.supported:
            return
        self._follow_power(power_w, now_s)
        wanted = self._automatic if self._manual is None else self._manual
        self.wanted = 1 if phases_limit is not None and phases_limit < 3 else wanted

    def settled(self, now_s: float) -> bool:
        return now_s - self._changed_s >= SETTLE_S

    def switch(self, now_s: float) -> None:
        self.active, self._changed_s = self.wanted, now_s

    def _follow_power(self, power_w: float | None, now_s: float) -> None:
        s = self._settings
        least_w = MIN_CURRENT_A * 3 * s.nominal_voltage_v
        enough = power_w is None or power_w >= least_w + s.switch_power_hysteresis_w
        self._enough_since_s = (
            (self._enough_since_s if self._enough_since_s is not None else now_s) if enough else None
        )
        if s.switch_mode is SwitchMode.NEVER or self._exhausted():
            return
        if self._automatic == 3 and power_w is not None and power_w < least_w:
            self._change(1)
        elif self._automatic == 1 and s.switch_mode is SwitchMode.BOTH and self._lasted(now_s):
            self._change(3)

    def _exhausted(self) -> bool:
        return 0 < self._settings.switch_max_n <= self.switches_n

    def _lasted(self, now_s: float) -> bool:
        since_s = self._enough_since_s
        return since_s is not None and now_s - since_s >= self._settings.switch_time_hysteresis_s

    def _change(self, phases_n: int) -> None:
        self._automatic = phases_n
        self.switches_n += 1
