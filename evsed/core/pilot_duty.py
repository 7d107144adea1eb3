"""Ampere <-> duty of the control pilot (IEC 61851-1 Table A.7 and A.8). Duty is a fraction 0..1."""

DUTY_X1 = 1.0  # steady +12 V: nothing is offered
DUTY_F = 0.0  # steady -12 V: EVSE not available
MIN_CURRENT_A = 6.0  # the pilot cannot offer less; below this we offer nothing
MAX_CURRENT_A = 80.0
_KNEE_A = 51.0  # the two straight lines do not meet: 51 A to 52.5 A has no duty of its own
_UPPER_A = 52.5


def duty_of(current_a: float) -> float:
    """The duty that offers current_a or the next lower current that has a duty; X1 below 6 A."""
    if current_a < MIN_CURRENT_A:
        return DUTY_X1
    if current_a < _UPPER_A:
        return min(current_a, _KNEE_A) / 60.0
    return min(current_a, MAX_CURRENT_A) / 250.0 + 0.64


def offered_a(duty: float) -> float:
    """What an EV may take at this duty; 0 where the duty allows no charging (or asks for ISO 15118)."""
    if duty < 0.08 or duty > 0.97:
        return 0.0
    if duty < 0.10:
        return MIN_CURRENT_A
    if duty <= 0.85:
        return duty * 60.0
    if duty <= 0.96:
        return (duty - 0.64) * 250.0
    return MAX_CURRENT_A
