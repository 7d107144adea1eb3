"""The plug lock of a socket: one motor pulse at a time, checked against the position switch.

Rule 1: no unlock while the contactor is commanded or its mirror reads closed (IEC 61851-1 D.6.5).
Rule 2: a forced unlock is driven even if the switch says unlocked already: the switch may lie.
"""

from hal.types import LockDrive

PULSE_S = 0.6  # longer than the travel of 0.25 s, short enough for the motor (Kuester 02S)
RETRY_S = 1.0  # let the motor cool between two pulses
RETRY_FAILED_S = 5.0  # a jam may be freed by hand
TRIES = 3  # pulses without success, then it is a fault

_DRIVE = {True: LockDrive.LOCK, False: LockDrive.UNLOCK}


class ConnectorLock:
    """drive: what the motor lines do now; locked: fed back; held: meant to be locked; opened: was locked
    and is no more although nobody wanted it to open."""

    __slots__ = ("_forced", "_must_pulse", "_since_s", "_tries_n", "drive", "held", "locked", "opened")

    def __init__(self) -> None:
        self.drive = LockDrive.OFF
        self.locked = False
        self.held = False
        self.opened = False
        self._forced = False
        self._must_pulse = False
        self._tries_n = 0
        self._since_s = float("-inf")  # start of the pulse, or of the rest after one

    @property
    def failed(self) -> bool:
        return self._tries_n >= TRIES and self.locked is not self.held

    @property
    def confirmed(self) -> bool:
        """Held, fed back as locked, and no pulse under way or due that could still move the bolt."""
        waits = self._forced or not self._must_pulse  # a forced unlock waits for the power to be off
        return self.held and self.locked and self.drive is LockDrive.OFF and waits

    def force_unlock(self) -> None:
        self._forced = self._must_pulse = True

    def hold_again(self) -> None:
        """A forced unlock is over: somebody is served with this plug after all."""
        self._forced = False

    def update(self, wanted: bool, locked: bool, may_unlock: bool, now_s: float) -> None:
        """One sample. wanted: an EV is connected or power may flow; else nothing is forced any more."""
        was_locked, self.locked = self.locked, locked
        self._forced = self._forced and wanted
        self._aim(wanted and not self._forced, may_unlock)
        self.opened = self.held and not locked and (self.opened or was_locked)
        if locked is self.held:
            self._tries_n = 0
        if self.drive is not LockDrive.OFF:
            self._pulse(now_s, may_unlock)
        elif self._pulse_due(locked) and now_s - self._since_s >= self._rest_s():
            self._start(now_s, may_unlock)

    def _pulse_due(self, locked: bool) -> bool:
        waits_to_unlock = self.held and self._forced
        return locked is not self.held or (self._must_pulse and not waits_to_unlock)

    def _aim(self, hold: bool, may_unlock: bool) -> None:
        if hold is not self.held and (hold or may_unlock):
            self.held = hold
            # A bolt that was being driven the other way, or whose switch was not believed: drive it.
            self._must_pulse = self._must_pulse or self.drive is not LockDrive.OFF
            self._tries_n = 0
            self._since_s = float("-inf")
            self.drive = LockDrive.OFF

    def _rest_s(self) -> float:
        return RETRY_S if self._tries_n < TRIES else RETRY_FAILED_S

    def _start(self, now_s: float, may_unlock: bool) -> None:
        if self.held or may_unlock:
            self.drive, self._since_s = _DRIVE[self.held], now_s
            self._must_pulse = self.held and self._forced  # a forced unlock may still be waiting
            self._tries_n += 1

    def _pulse(self, now_s: float, may_unlock: bool) -> None:
        interrupted = self.drive is LockDrive.UNLOCK and not may_unlock
        if interrupted:  # to be made up for; it says nothing about the bolt
            self._must_pulse = True
            self._tries_n = max(self._tries_n - 1, 0)
        if interrupted or now_s - self._since_s >= PULSE_S:
            self.drive, self._since_s = LockDrive.OFF, now_s
