"""Whether the client that has promised to say communication_check still does (behaviour of EVerest).

Rule 1: it starts with the first `true`, or at once where a check is required; `false` ends it for good.
Rule 2: at most one error is active; it tells clients something and does not influence charging.
"""

from enum import Enum

import msgspec


class Fault(Enum):
    """Sub types of the error."""

    INITIAL = "Initial communication check"
    LOST = "Bridge to implementation connection lost"


MESSAGES = {
    Fault.INITIAL: "Send communication_check to clear the error",
    Fault.LOST: "No communication_check for {period_s} s (api.communication_check_s)",
}


class Change(msgspec.Struct, frozen=True):
    """An error to be raised or cleared."""

    fault: Fault
    raised: bool
    message: str = ""


class CommunicationCheck:
    """period_s 0: nothing is supervised. Times are monotonic."""

    def __init__(self, period_s: float, required: bool) -> None:
        self._period_s, self._required = period_s, required
        self._ended = period_s <= 0
        self._deadline_s: float | None = None
        self._active: Fault | None = None

    def start(self, now_s: float) -> tuple[Change, ...]:
        if self._ended or not self._required:
            return ()
        self._deadline_s = now_s + self._period_s
        return self._raise(Fault.INITIAL)

    def heard(self, alive: bool, now_s: float) -> tuple[Change, ...]:
        """A client has said communication_check."""
        if self._ended:
            return ()
        self._ended = not alive
        self._deadline_s = now_s + self._period_s if alive else None
        return self._clear()

    def tick(self, now_s: float) -> tuple[Change, ...]:
        if self._deadline_s is None or now_s < self._deadline_s or self._active is not None:
            return ()
        return self._raise(Fault.LOST)

    def _raise(self, fault: Fault) -> tuple[Change, ...]:
        self._active = fault
        return (Change(fault, True, MESSAGES[fault].format(period_s=self._period_s)),)

    def _clear(self) -> tuple[Change, ...]:
        fault, self._active = self._active, None
        return () if fault is None else (Change(fault, False),)
