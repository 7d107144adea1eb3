"""The contactor: when it is commanded, and whether its mirror contact agrees.

Important terms: ON closes when the EV asks for power; RAMP_DOWN keeps a closed contactor closed until the
EV has stopped drawing (left C or D) or six seconds have passed; OFF opens at once.
"""

from enum import Enum

RAMP_DOWN_S = 6.0  # IEC 61851-1 Table A.6, seq. 10.2: an EV that ignores X1 is cut off under load
FORGIVEN_S = 3.0  # an offer this long gives an EV its time to react anew; a shorter one does not
FEEDBACK_S = 0.25  # closing takes 20-30 ms, the mirror bounces for some more; then it must agree
OPENING_S = (
    0.1  # after the command to open, until it counts as open, whatever the mirror says: the mirror may lie
)
DROPPED_S = 0.03  # a mirror that opens by itself for longer than a bounce: the coil has lost its supply


class Power(Enum):
    OFF = "off"
    RAMP_DOWN = "ramp_down"
    ON = "on"


class PowerPath:
    """commanded: what we drive; mirror_closed: what is fed back; off: commanded open for longer than a
    contactor takes to open, and fed back open."""

    __slots__ = (
        "_confirmed",
        "_disagree_since_s",
        "_had_time_to_open",
        "_on_since_s",
        "_opened_at_s",
        "_ramp_since_s",
        "_reclose_min_s",
        "closings_n",
        "commanded",
        "mirror_closed",
        "not_closed",
        "under_load_n",
        "welded",
    )

    def __init__(self, reclose_min_s: float) -> None:
        self._reclose_min_s = reclose_min_s
        self._opened_at_s: float | None = None  # unknown: an earlier process may just have opened it
        self._had_time_to_open = False
        self._confirmed = False  # commanded closed, and has read closed since
        self._on_since_s: float | None = None
        self._ramp_since_s: float | None = None
        self._disagree_since_s: float | None = None
        self.commanded = False
        self.mirror_closed = False
        self.welded = False  # commanded open, fed back closed
        self.not_closed = False  # commanded closed, fed back open
        self.closings_n = 0
        self.under_load_n = 0

    @property
    def opened_at_s(self) -> float | None:
        """When the command fell for the last time; None before the first sample."""
        return self._opened_at_s

    @property
    def off(self) -> bool:
        return not self.commanded and not self.mirror_closed and self._had_time_to_open

    def sense(self, mirror_closed: bool, now_s: float) -> None:
        """Compare the mirror with what was commanded; only lasting disagreement counts."""
        self.mirror_closed = mirror_closed
        if self._opened_at_s is None:
            self._opened_at_s = now_s
        self._had_time_to_open = not self.commanded and now_s - self._opened_at_s >= OPENING_S
        if mirror_closed is self.commanded:
            self._disagree_since_s = None
            self._confirmed = mirror_closed
            self.welded = self.not_closed = False
        else:
            self._disagree(now_s)

    def update(self, want: Power, ev_requests: bool, may_close: bool, now_s: float) -> bool:
        """The command for the contactor. may_close is false in a step without a new sample."""
        self._note_offer(want is Power.ON, now_s)
        if want is Power.OFF or not ev_requests:
            self.open(now_s)
        elif want is Power.RAMP_DOWN:
            self._ramp_down(now_s)
        elif may_close and not self.commanded and self._may_reclose(now_s):
            self._command(True)
            self.closings_n += 1
        return self.commanded

    def open(self, now_s: float) -> None:
        if self.commanded:
            self._command(False)
            self._opened_at_s = now_s
            self._had_time_to_open = False

    def _disagree(self, now_s: float) -> None:
        if self._disagree_since_s is None:
            self._disagree_since_s = now_s
        lasted_s = now_s - self._disagree_since_s
        if self._confirmed and lasted_s >= DROPPED_S:
            self.open(now_s)
        elif lasted_s >= FEEDBACK_S:
            self.welded, self.not_closed = self.mirror_closed, self.commanded

    def _may_reclose(self, now_s: float) -> bool:
        return self._opened_at_s is not None and now_s - self._opened_at_s >= self._reclose_min_s

    def _note_offer(self, on: bool, now_s: float) -> None:
        """Six seconds are six seconds, however often power is wanted again for a moment in between."""
        if not on:
            self._on_since_s = None
        elif self._on_since_s is None:
            self._on_since_s = now_s
        elif now_s - self._on_since_s >= FORGIVEN_S:
            self._ramp_since_s = None

    def _ramp_down(self, now_s: float) -> None:
        if self._ramp_since_s is None:
            self._ramp_since_s = now_s
        elif self.commanded and now_s - self._ramp_since_s >= RAMP_DOWN_S:
            self.open(now_s)
            self.under_load_n += 1

    def _command(self, closed: bool) -> None:
        self.commanded = closed
        self._confirmed = False
        self._disagree_since_s = self._ramp_since_s = None
