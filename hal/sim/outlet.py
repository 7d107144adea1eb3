"""What moves and trips at the outlet: contactor, connector lock and RCD.

Rule 1: each takes its drive as an argument; who drives it, and the coil gate, is the world's business.
Rule 2: a movement is stamped with the moment it ended, not with the step that noticed it.
"""

import math

CONTACTOR_CLOSE_S = 0.020  # usual for a 40 A installation contactor
CONTACTOR_OPEN_S = 0.015
LOCK_TRAVEL_S = 0.25  # end to end; drive pulses are 300 ms and more
RCD_TRIP_MA = 5.0  # above; RDC-DD of IEC 62955 acts at 6 mA
RCD_TEST_S = 0.020  # current in the test winding for one period of the mains trips


class SimContactor:
    """Power contacts with their mirror; a welded one is closed, a stuck one open, whatever the coil does."""

    def __init__(self, closed: bool = False) -> None:
        self.closed = closed
        self.changed_at_s = -math.inf
        self._coil = closed
        self._pulled_in = closed
        self._moves_at_s = math.inf
        self._welded = False
        self._stuck_open = False

    def weld(self, welded: bool) -> None:
        self._welded = welded

    def stick_open(self, stuck: bool) -> None:
        self._stuck_open = stuck

    def energise(self, coil: bool, at_s: float) -> None:
        """Coil current on or off, since at_s."""
        if coil != self._coil:
            self._coil = coil
            self._moves_at_s = at_s + (CONTACTOR_CLOSE_S if coil else CONTACTOR_OPEN_S)

    def step(self, to_s: float) -> None:
        changed_at_s = to_s
        if to_s >= self._moves_at_s:
            self._pulled_in, changed_at_s = self._coil, self._moves_at_s
            self._moves_at_s = math.inf
        closed = self._welded or (self._pulled_in and not self._stuck_open)
        if closed != self.closed:
            self.closed, self.changed_at_s = closed, changed_at_s

    def closed_at(self, at_s: float) -> bool:
        """Whether it was closed at at_s, which is not before its last change but one."""
        return self.closed == (at_s >= self.changed_at_s)


class SimLock:
    """A bolt between 0 (open) and 1 (locked); what is between is neither."""

    def __init__(self) -> None:
        self._position = 0.0
        self._jammed = False

    def jam(self, jammed: bool) -> None:
        self._jammed = jammed

    def force_open(self, forced: bool) -> None:
        """Broken open, and it cannot be locked again until it is mended."""
        self._position = 0.0 if forced else self._position
        self._jammed = forced

    @property
    def locked(self) -> bool:
        """As the position switch shows it."""
        return self._position >= 1.0

    @property
    def open(self) -> bool:
        """The plug can be pulled."""
        return self._position <= 0.0

    def step(self, step_s: float, motor: float) -> None:
        """Motor: -1 unlock, 0 off, +1 lock."""
        if motor and not self._jammed:
            self._position = max(0.0, min(1.0, self._position + motor * step_s / LOCK_TRAVEL_S))


class SimRcd:
    """Trips on residual current through closed contacts, or on its test winding whatever the contacts do.

    It holds until residual current, test and drive are gone.
    """

    def __init__(self) -> None:
        self.tripped = False
        self._residual_ma = 0.0
        self._testing = False
        self._test_trips_at_s = math.inf
        self._stuck = False

    def leak(self, residual_ma: float) -> None:
        """Residual current that flows while the contacts are closed."""
        self._residual_ma = residual_ma

    def test(self, on: bool, at_s: float) -> None:
        """Current in the test winding on or off, since at_s."""
        if on != self._testing:
            self._testing = on
            self._test_trips_at_s = at_s + RCD_TEST_S if on else math.inf

    def stick(self, stuck: bool) -> None:
        """A broken one: it trips on nothing any more."""
        self._stuck = stuck

    def step(self, to_s: float, contacts_closed: bool, contactor_driven: bool) -> None:
        leaking = self._residual_ma > RCD_TRIP_MA
        if (leaking and contacts_closed) or to_s >= self._test_trips_at_s:
            self.tripped = self.tripped or not self._stuck
        elif not (leaking or self._testing or contactor_driven):
            self.tripped = False
