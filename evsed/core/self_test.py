"""Tests of our own hardware while no EV is there: the residual current device, the connector lock.

Rule 1: a test drives something only in Idle, with no EV on the pilot and no power; else it ends at once.
Rule 2: a test that fails is a fault of its own; one that was cut short says nothing.
"""

from enum import Enum

TRIP_S = 0.3  # IEC 62955: 10 s at 6 mA, 0.3 s at five times that; a test winding carries more
RELEASE_S = 2.0  # the trip input lets go by itself once the test current is gone
LOCK_S = 5.0  # three pulses with their rests


class Phase(Enum):
    OFF = "off"
    ACT = "act"  # test current flows / the bolt shall come out
    RELEASE = "release"  # the trip shall go / the bolt shall go back


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "failed"
    CUT_SHORT = "cut short"


class SelfTest:
    """Two steps, each with its time: act until `reached` is seen, release until it is not any more.

    failed outlives the test until one passes. request_id: whom to answer, 0 for nobody.
    """

    __slots__ = (
        "_act_s",
        "_cut_until_s",
        "_release_s",
        "_since_s",
        "_took_s",
        "failed",
        "last_end_s",
        "phase",
        "request_id",
        "text",
    )

    def __init__(self, act_s: float, release_s: float) -> None:
        self._act_s, self._release_s = act_s, release_s
        self.phase = Phase.OFF
        self.failed = False
        self.last_end_s: float | None = None
        self.request_id = 0
        self._cut_until_s = float("-inf")
        self._since_s = self._took_s = 0.0
        self.text = ""

    @property
    def running(self) -> bool:
        return self.phase is not Phase.OFF

    def explains(self, now_s: float) -> bool:
        """Whether what is reached can be our own doing: after a test was cut short it may take its time."""
        return self.running or now_s < self._cut_until_s

    def start(self, request_id: int, now_s: float) -> None:
        self.phase, self.request_id, self._since_s = Phase.ACT, request_id, now_s

    def update(self, reached: bool, allowed: bool, now_s: float) -> Outcome | None:
        """The outcome in the step in which the test ends, else None."""
        if not reached:
            self._cut_until_s = float("-inf")
        if self.phase is Phase.OFF:
            return None
        if not allowed:
            self._cut_until_s = now_s + self._release_s
            return self._end(Outcome.CUT_SHORT, "cut short: an EV has come", now_s)
        lasted_s = now_s - self._since_s
        if self.phase is Phase.ACT:
            return self._act(reached, lasted_s, now_s)
        if not reached:
            text = f"passed: acted after {self._took_s * 1000:.0f} ms, back after {lasted_s * 1000:.0f} ms"
            return self._end(Outcome.PASSED, text, now_s)
        if lasted_s >= self._release_s:
            return self._end(Outcome.FAILED, f"failed: not back after {lasted_s:.1f} s", now_s)
        return None

    def _act(self, reached: bool, lasted_s: float, now_s: float) -> Outcome | None:
        if reached:
            self.phase, self._since_s, self._took_s = Phase.RELEASE, now_s, lasted_s
        elif lasted_s >= self._act_s:
            return self._end(Outcome.FAILED, f"failed: did not act within {lasted_s:.1f} s", now_s)
        return None

    def _end(self, outcome: Outcome, text: str, now_s: float) -> Outcome:
        self.phase, self.text = Phase.OFF, text
        if outcome is not Outcome.CUT_SHORT:
            self.failed, self.last_end_s = outcome is Outcome.FAILED, now_s
        return outcome
