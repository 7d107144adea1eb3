"""Heat takes current away: 1 A for each degree, in steps of 1 A, given back only when it has cooled."""

import math

from evsed.core.pilot_duty import MIN_CURRENT_A
from evsed.core.settings import Settings
from hal.types import Temperature

HYSTERESIS_C = 3.0  # cooler than this below a step before the step is taken back
STEP_A = 1.0


class Derating:
    """limit_a: None while it is cool; stopped: too hot for any power."""

    __slots__ = ("_last", "_settings", "_steps_n", "hottest", "limit_a", "stopped")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._steps_n = 0
        self._last: dict[str, Temperature] = {}
        self.limit_a: float | None = None
        self.hottest: Temperature | None = None
        self.stopped = False

    def update(self, temperatures: tuple[Temperature, ...]) -> None:
        """The newest of each thermometer that answers; of one that fell silent the last one counts on."""
        self._last.update({t.location: t for t in temperatures})
        if not self._last:
            return
        self.hottest = max(self._last.values(), key=lambda t: t.temperature_c)
        above_c = self.hottest.temperature_c - self._settings.derate_from_c
        self._steps_n = max(math.ceil(above_c), min(self._steps_n, math.ceil(above_c + HYSTERESIS_C)), 0)
        self.limit_a = self._limit_a() if self._steps_n else None
        self._judge_stop(self.hottest.temperature_c)

    def _limit_a(self) -> float:
        return max(self._settings.max_current_a - self._steps_n * STEP_A, MIN_CURRENT_A)

    def _judge_stop(self, temperature_c: float) -> None:
        stop_c = self._settings.derate_stop_c
        self.stopped = temperature_c >= (stop_c - HYSTERESIS_C if self.stopped else stop_c)
