"""Ohms of the proximity contact -> what the cable carries (IEC 61851-1 Annex B, Table B.2)."""

from evsed.core.states import Ampacity
from hal.types import Missing, PpReading

# fmt: off
# First row whose limit the resistance does not exceed. Values between two windows count as the lower
# ampacity, so each window reaches up to the next one's start.
AMPACITY_BY_OHM = (
    # up to ohm, ampacity
    (60.0,       Ampacity.NONE),  # a short is no cable
    (140.0,      Ampacity.A_63),
    (308.0,      Ampacity.A_32),
    (936.0,      Ampacity.A_20),
    (4500.0,     Ampacity.A_13),
    (float("inf"), Ampacity.NONE),  # no plug
)
# fmt: on

_CURRENT_A = {Ampacity.NONE: 0.0, Ampacity.A_13: 13.0, Ampacity.A_20: 20.0, Ampacity.A_32: 32.0}


def current_a(ampacity: Ampacity, phases: int) -> float:
    """What the cable carries; its largest size carries more on one phase than on three."""
    if ampacity is Ampacity.A_63:
        return 63.0 if phases == 3 else 70.0
    return _CURRENT_A[ampacity]


def classify(resistance_ohm: float) -> Ampacity:
    for limit_ohm, ampacity in AMPACITY_BY_OHM:
        if resistance_ohm <= limit_ohm:
            return ampacity
    raise ValueError(f"{resistance_ohm} is no resistance")


class Proximity:
    """Debounced ampacity: two consecutive readings that say the same. A missing reading says NONE."""

    __slots__ = ("_candidate", "ampacity")

    def __init__(self) -> None:
        self.ampacity = Ampacity.NONE
        self._candidate = Ampacity.NONE

    def update(self, reading: PpReading | Missing | None) -> None:
        seen = classify(reading.resistance_ohm) if type(reading) is PpReading else Ampacity.NONE
        if seen is self._candidate:
            self.ampacity = seen
        self._candidate = seen
