"""Random delay of changes of the limit (UK Smart Charge Points Regulations 2021; behaviour of EVerest).

Rule 1: while it runs the limit from before the change stands; later changes only move what comes after.
Rule 2: it holds back what somebody asked for, never a limit of our own (cable, heat, a silent meter).
"""

from collections.abc import Callable

from evsed.core.inputs import RandomDelayInfo
from evsed.core.settings import Settings

CHANGE_A = 0.1  # smaller ones are none
BOOT_WINDOW_S = 5.0  # an EV found at the start counts as a change from nothing

Draw = Callable[[], float]  # evenly in 0 <= x < 1


class RandomDelay:
    """enabled and max_s may be set at any time; a running delay keeps its end."""

    __slots__ = (
        "_any_change",
        "_during_a",
        "_ends_at_s",
        "_last_a",
        "_ready_s",
        "_started_s",
        "enabled",
        "max_s",
    )

    def __init__(self, settings: Settings) -> None:
        self.enabled = settings.random_delay
        self.max_s = settings.random_delay_max_s
        self._any_change = settings.random_delay_at_any_change
        self._last_a: float | None = None
        self._during_a = 0.0
        self._started_s = 0.0
        self._ends_at_s: float | None = None
        self._ready_s: float | None = None

    def configure(self, before: Settings, settings: Settings) -> None:
        """What has changed; a client's own wish stands otherwise."""
        self._any_change = settings.random_delay_at_any_change
        if settings.random_delay_max_s != before.random_delay_max_s:
            self.max_s = settings.random_delay_max_s
        if settings.random_delay != before.random_delay:
            self.switch(settings.random_delay)

    @property
    def running(self) -> bool:
        return self._ends_at_s is not None

    def switch(self, enabled: bool) -> None:
        """By a command: that is no start of the machine."""
        self.enabled = enabled
        self._ready_s = float("-inf")
        self.cancel()

    def cancel(self) -> None:
        """The newest limit counts from now on."""
        self._ends_at_s = None
        self._last_a = None

    def update(self, asked_a: float, concerned: bool, now_s: float, draw: Draw) -> float:
        """What is allowed of asked_a now. concerned: an EV is there that a change would affect."""
        if not self.enabled:
            return asked_a
        self._note_ready(concerned, now_s)
        if self._ends_at_s is None and concerned and self._changed(asked_a):
            self._start(now_s, draw)
        if self._ends_at_s is not None and (not concerned or now_s >= self._ends_at_s):
            self._ends_at_s = None
            self._last_a = asked_a
        if self._ends_at_s is not None:
            return self._during_a
        self._last_a = asked_a
        return asked_a

    def info(self, now_s: float, during_a: float, after_a: float) -> RandomDelayInfo | None:
        """during_a and after_a as the EV is affected; None while the function is switched off."""
        if not self.enabled:
            return None
        if self._ends_at_s is None:
            return RandomDelayInfo(0, during_a, after_a)
        left_s = max(1, round(self._ends_at_s - now_s))
        return RandomDelayInfo(left_s, during_a, after_a, self._started_s)

    def _note_ready(self, concerned: bool, now_s: float) -> None:
        """Right after the start an EV that is there was offered nothing before."""
        if self._ready_s is None:
            self._ready_s = now_s
        elif concerned and self._last_a is not None and now_s - self._ready_s <= BOOT_WINDOW_S:
            self._last_a, self._ready_s = 0.0, float("-inf")

    def _changed(self, asked_a: float) -> bool:
        if self._last_a is None:
            return False
        if self._any_change:
            return abs(asked_a - self._last_a) >= CHANGE_A
        return (asked_a > CHANGE_A) is not (self._last_a > CHANGE_A)

    def _start(self, now_s: float, draw: Draw) -> None:
        """A whole number of seconds, evenly from 0 to one less than the longest delay."""
        delay_s = int(draw() * self.max_s)
        self._during_a = self._last_a or 0.0
        self._started_s, self._ends_at_s = now_s, now_s + delay_s
