"""The charging cable between EV and outlet, and the person who plugs and pulls it.

Rule 1: the EV side comes off at once; the plug leaves the socket only when the lock is open.
Rule 2: a tethered cable has no plug in a socket, and so no proximity coding.
"""

import math

PP_OHM = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0}  # ampacity in A -> coding (IEC 61851-1 Table B.2)
PULL_S = 0.3  # a person's time from an open lock to the plug in the hand


class Cable:
    def __init__(self, ampacity_a: int, tethered: bool) -> None:
        self.connected = False  # EV and outlet joined: pilot and power contacts
        self._ampacity_a = self._default_ampacity_a = checked_ampacity_a(ampacity_a)
        self._tethered = tethered
        self._coding_ohm: float | None = None
        self._in_socket = False
        self._wanted = False
        self._pull_at_s = math.inf

    def reset(self) -> None:
        """Back to the default cable: configured ampacity, its own coding."""
        self._ampacity_a = self._default_ampacity_a
        self._coding_ohm = None

    def plug_in(self) -> None:
        """Join EV and outlet in the next step, or as soon as an empty socket is unlocked."""
        self._wanted = True

    def unplug(self) -> None:
        """Take the EV side off in the next step, and the plug out as soon as it is unlocked."""
        self._wanted = False

    def set_ampacity(self, ampacity_a: int) -> None:
        self._ampacity_a = checked_ampacity_a(ampacity_a)
        self._coding_ohm = None

    def set_coding(self, ohm: float) -> None:
        """Resistance of the plugged cable's coding, whatever its ampacity; infinite for none."""
        self._coding_ohm = ohm

    @property
    def pp_ohm(self) -> float:
        """Between proximity contact and PE; infinite without a plug in the socket."""
        if self._tethered or not self._in_socket:
            return math.inf
        return PP_OHM[self._ampacity_a] if self._coding_ohm is None else self._coding_ohm

    def step(self, to_s: float, lock_open: bool) -> None:
        if self._wanted:
            self._pull_at_s = math.inf
            if not self.connected and (self._in_socket or lock_open):
                self.connected = self._in_socket = True
            return
        self.connected = False
        if self._in_socket:
            self._pull(to_s, lock_open)

    def _pull(self, to_s: float, lock_open: bool) -> None:
        if not lock_open:
            self._pull_at_s = math.inf
        elif self._pull_at_s == math.inf:
            self._pull_at_s = to_s + PULL_S
        elif to_s >= self._pull_at_s:
            self._in_socket = False
            self._pull_at_s = math.inf


def checked_ampacity_a(ampacity_a: float) -> int:
    """ValueError unless a cable of this ampacity exists."""
    if ampacity_a not in PP_OHM:
        known = ", ".join(str(known_a) for known_a in PP_OHM)
        raise ValueError(f"cable ampacity {ampacity_a:g} A: expected one of {known}")
    return int(ampacity_a)
