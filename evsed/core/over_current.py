"""Soft over-current: an EV that takes more than it was offered, for longer than it may need to follow.

IEC 61851-1 Table A.6 seq. 6 gives the EV 5 s to follow a lower duty; the time-out must be longer than that.
"""

from evsed.core.settings import Settings
from hal.types import MeterReading


class OverCurrent:
    """tripped: some phase stayed above the limit for the whole time-out; latched until reset()."""

    __slots__ = ("_judged_at_s", "_settings", "_since_s", "tripped")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._since_s: float | None = None
        self._judged_at_s = float("-inf")
        self.tripped = False

    def update(self, meter: MeterReading | None, offered_a: float) -> None:
        """offered_a: what the duty on the line says; 0 (nothing offered) is not supervised here.

        Time is the readings' own: a meter that has fallen silent accuses nobody.
        """
        if offered_a <= 0.0 or meter is None:
            self._since_s = None
        elif meter.at_s != self._judged_at_s:
            self._judge(meter, offered_a)
            self._judged_at_s = meter.at_s

    def _judge(self, meter: MeterReading, offered_a: float) -> None:
        if not self._exceeds(meter, offered_a):
            self._since_s = None
        elif self._since_s is None:
            self._since_s = meter.at_s
        elif meter.at_s - self._since_s >= self._settings.over_current_timeout_s:
            self.tripped = True

    def reset(self) -> None:
        self.tripped, self._since_s = False, None

    def _exceeds(self, meter: MeterReading, offered_a: float) -> bool:
        s = self._settings
        allowed_a = (offered_a + s.over_current_noise_a) * (1.0 + s.over_current_tolerance)
        return any(abs(current_a) > allowed_a for current_a in meter.current_a)
