"""Volts of the control pilot -> CpState: hysteresis, debounce, diode check.

Rule 1: a state is believed once two consecutive bursts say the same, and where DEBOUNCE asks for it, for
longer. Leaving the states with power costs one confirming burst and no more, and the two need not agree on
where to: power must be off within 100 ms (IEC 61851-1 Table A.6, seq. 2.2 and 8.1).
Rule 2: while we drive -12 V ourselves the line says F and nothing about the EV: its diode blocks, A and B
read alike.
"""

from evsed.core.states import CpState
from hal.types import CpReading, Missing

# fmt: off
# Lowest voltage of A, B, C, D and E as seen from the present state: 0.5 V hysteresis around 10.5, 7.5,
# 4.5, 1.5 and -1.5 V; a boundary below the present state moves down, one above it moves up (Table A.4).
_LOWEST_V = {
    #                 A     B    C    D    E
    CpState.A:       (10.0, 7.0, 4.0, 1.0, -2.0),
    CpState.B:       (11.0, 7.0, 4.0, 1.0, -2.0),
    CpState.C:       (11.0, 8.0, 4.0, 1.0, -2.0),
    CpState.D:       (11.0, 8.0, 5.0, 1.0, -2.0),
    CpState.E:       (11.0, 8.0, 5.0, 2.0, -2.0),
}
_LOWEST_V_ELSE =     (10.5, 7.5, 4.5, 1.5, -1.5)

# How long a new state must last beyond its second burst; what is not listed needs no more than that.
DEBOUNCE = {
    # from, to                  seconds
    (CpState.A, CpState.B):     0.10,  # the contacts of a plug bounce while it is pushed in
    (CpState.A, CpState.C):     0.10,
    (CpState.A, CpState.D):     0.10,
    (CpState.B, CpState.C):     0.03,  # giving power may take its time, but B-C-B toggles of 200 ms must show
    (CpState.B, CpState.D):     0.03,
    (CpState.B, CpState.A):     0.03,
}
# fmt: on

_MAX_V = 13.0  # above this the generator or the divider is broken
_F_MAX_V = -10.0
_DIODE_LOW_V = -10.0  # the negative half wave passes unloaded when the diode is there
_SYMMETRY_V = 1.2  # |high + low| below this: the low half wave mirrors the high one, the diode is shorted
_EV_MIN_V = 2.0  # below, a symmetric pilot is a short to PE, not an EV without diode
_MISSING = CpState.MISSING


def classify(high_v: float, present: CpState) -> CpState:
    """The state that a high level means, seen from the present state."""
    if high_v > _MAX_V:
        return CpState.FAULT
    a, b, c, d, e = _LOWEST_V.get(present, _LOWEST_V_ELSE)
    if high_v >= b:
        return CpState.A if high_v >= a else CpState.B
    if high_v >= d:
        return CpState.C if high_v >= c else CpState.D
    if high_v >= e:
        return CpState.E
    return CpState.F if high_v <= _F_MAX_V else CpState.FAULT


class ControlPilot:
    """Debounced state of the line.

    state: what is believed; settled: something is believed, be it that there is no reading; diode_seen: an
    EV diode was proven since the EV came and since we last looked away (F); diode_shorted: disproven,
    latched until the EV leaves; stuck_low: the line stays at -12 V although we do not drive it there.
    """

    __slots__ = (
        "_candidate",
        "_leaving_n",
        "_low_n",
        "_power_states",
        "_since_s",
        "_symmetric_n",
        "_unseen_n",
        "_weak_n",
        "diode_seen",
        "diode_shorted",
        "reading",
        "settled",
        "state",
    )

    def __init__(self, has_ventilation: bool = True) -> None:
        self._power_states = frozenset((CpState.C, CpState.D) if has_ventilation else (CpState.C,))
        self.state = _MISSING
        self.settled = False
        self.reading: CpReading | Missing = Missing("not read yet", 0.0)
        self.diode_seen = False
        self.diode_shorted = False
        self._candidate: CpState | None = None
        self._since_s = 0.0
        self._symmetric_n = 0
        self._low_n = 0
        self._unseen_n = 0
        self._weak_n = 0
        self._leaving_n = 0

    @property
    def stuck_low(self) -> bool:
        return self._low_n >= _LASTING_BURSTS

    def update(self, reading: CpReading | Missing, duty: float, now_s: float) -> None:
        """Take one new burst; duty is what was driven while it was taken."""
        self.reading = reading
        seen = self._seen(reading)
        self._low_n = self._low_n + 1 if seen is CpState.F and duty > 0.0 else 0
        if seen is self.state and self.settled:
            self._candidate = seen
            self._leaving_n = 0
        else:
            self._debounce(seen, now_s)
        if 0.0 < duty < 1.0 and type(reading) is CpReading:
            self._check_diode(reading)

    def _seen(self, reading: CpReading | Missing) -> CpState:
        if type(reading) is not CpReading:
            return _MISSING
        if reading.high_v is None:
            self._unseen_n += 1
            # Too short for this burst: no news. For longer than a few bursts it is blindness.
            return self.state if self._unseen_n <= _UNSEEN_BURSTS else _MISSING
        self._unseen_n = 0
        return classify(reading.high_v, self.state)

    def _debounce(self, seen: CpState, now_s: float) -> None:
        loses_power = self.state in self._power_states and seen not in self._power_states
        self._leaving_n = self._leaving_n + 1 if loses_power else 0
        if self._leaving_n >= _BURSTS_TO_LEAVE:
            self._enter(seen)
        elif seen is not self._candidate:
            self._candidate, self._since_s = seen, now_s
        elif now_s - self._since_s >= DEBOUNCE.get((self.state, seen), 0.0):
            self._enter(seen)

    def _enter(self, state: CpState) -> None:
        self.state, self._candidate, self.settled = state, state, True
        self._leaving_n = 0
        if state in _NO_DIODE:
            self.diode_seen = False
            self._symmetric_n = self._weak_n = 0
        if state is CpState.A:
            self.diode_shorted = False

    def _check_diode(self, reading: CpReading) -> None:
        high_v, low_v = reading.high_v, reading.low_v
        if high_v is None or low_v is None or self.state is CpState.A:
            return
        if low_v <= _DIODE_LOW_V:
            self._symmetric_n = self._weak_n = 0
            self.diode_seen = self.state in _WITH_EV
        elif high_v > _EV_MIN_V:
            self._symmetric_n += abs(high_v + low_v) <= _SYMMETRY_V
            self._weak_n += 1
            lasting = self._symmetric_n >= _LASTING_BURSTS or self._weak_n >= _WEAK_BURSTS
            self.diode_shorted = self.diode_shorted or lasting


_WITH_EV = frozenset((CpState.B, CpState.C, CpState.D))
# Where the pilot tells nothing of a diode: no EV, no generator, or the EV's diode blocks.
_NO_DIODE = frozenset((CpState.A, CpState.E, CpState.F))
_BURSTS_TO_LEAVE = 2
_UNSEEN_BURSTS = 4  # as many as hal.pilot_burst looks back for a plateau
_LASTING_BURSTS = 3  # one burst may straddle a change of the duty
_WEAK_BURSTS = 10  # near 96 % duty four bursts together may show an edge for the low plateau
