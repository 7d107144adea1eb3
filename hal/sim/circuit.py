"""The control pilot as a circuit, and what a duty offers. Pure functions, IEC 61851-1 Annex A.

Important terms: the letter (A to F) is what EV and cable make of the pilot; the levels are what the
outlet shows of it while the generator is at +12 V and at -12 V.
"""

import math

GENERATOR_V = 12.0
SOURCE_OHM = 1000.0
DIODE_V = 0.7
EV_OHM = 2740.0
S2_OHM = 1300.0
VENTILATION_OHM = 270.0

DUTY_MIN = 0.07  # below: digital communication or an error, no analogue charging
DUTY_MAX = 0.97  # above: no charging
DUTY_DIGITAL_MIN = 0.04  # 5 % nominal, with its tolerance


def _parallel_ohm(a_ohm: float, b_ohm: float) -> float:
    return a_ohm * b_ohm / (a_ohm + b_ohm)


# fmt: off
LOAD_OHM = {  # EV and cable between pilot and PE
    "A": math.inf,
    "B": EV_OHM,
    "C": _parallel_ohm(EV_OHM, S2_OHM),
    "D": _parallel_ohm(EV_OHM, VENTILATION_OHM),
}
LETTERS = (*LOAD_OHM, "E", "F")  # E: pilot shorted to PE; F: held at -12 V, as a broken EVSE does

OFFERS = (
    # duty to   A per duty  A at zero
    (0.0799,       0.0,       0.0),  # no charging
    (0.10,         0.0,       6.0),
    (0.85,        60.0,       0.0),
    (0.96,       250.0,    -160.0),
    (0.97,         0.0,      80.0),
    (1.00,         0.0,       0.0),  # no charging
)
# fmt: on


def levels_v(letter: str, diode_shorted: bool, cp_connected: bool) -> tuple[float, float]:
    """Measured in V with the generator at +12 V and at -12 V; nothing loads one that is off the outlet."""
    if letter == "F":
        return -GENERATOR_V, -GENERATOR_V
    if not cp_connected:  # the EVSE measures on the generator's side of the open contact
        return GENERATOR_V, -GENERATOR_V
    if letter == "E":
        return 0.0, 0.0
    load_ohm = LOAD_OHM[letter]
    if load_ohm == math.inf:
        return GENERATOR_V, -GENERATOR_V
    share = load_ohm / (load_ohm + SOURCE_OHM)
    if diode_shorted:
        return GENERATOR_V * share, -GENERATOR_V * share
    return DIODE_V + (GENERATOR_V - DIODE_V) * share, -GENERATOR_V


def offer_a(duty: float) -> float:
    """Current per phase that a duty (fraction) allows the EV, in A (IEC 61851-1 Table A.8)."""
    slope_a, base_a = next((slope_a, base_a) for upper, slope_a, base_a in OFFERS if duty <= upper)
    return base_a + slope_a * duty
