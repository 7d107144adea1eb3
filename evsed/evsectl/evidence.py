"""What was read when a fault was raised: for each row of FAULTS the inputs that it is judged by, in words."""

from collections.abc import Callable
from typing import NamedTuple

from evsed.core.inputs import Inputs, Snapshot
from hal.types import CpReading, Missing, PpReading, RailsReading


class Seen(NamedTuple):
    """The sample of the step that raised it, and what was driven while that was taken."""

    inputs: Inputs
    driven: Snapshot
    now_s: float


def volts(cp: CpReading | Missing) -> str:
    """The two plateaus of the pilot."""
    if isinstance(cp, Missing):
        return f"pilot not read: {cp.reason}"
    high, low = ("-" if value is None else f"{value:+.1f} V" for value in (cp.high_v, cp.low_v))
    return f"pilot at {high} / {low}"


def _pilot(seen: Seen) -> str:
    return f"{volts(seen.inputs.cp)}, driven with a duty of {seen.driven.duty:.1%}"


def _rcd(seen: Seen) -> str:
    return f"RCD line read {'tripped' if seen.inputs.rcd_tripped else 'not tripped'}"


def _self_test(seen: Seen) -> str:
    return f"{_rcd(seen)}, test winding {_on(seen.driven.lines.get('rcd_test', False))}"


def _emergency_stop(seen: Seen) -> str:
    return f"emergency stop line read {'pressed' if seen.inputs.emergency_stop else 'released'}"


def _contactor(seen: Seen) -> str:
    mirror, driven = (
        "closed" if closed else "open" for closed in (seen.inputs.mirror_closed, seen.driven.contactor_closed)
    )
    return f"mirror contact read {mirror}, contactor driven {driven}"


def _lock(seen: Seen) -> str:
    return f"lock position read {'locked' if seen.inputs.locked else 'not locked'}"


def _currents(seen: Seen) -> str:
    return f"{_of_phases(seen, 'current_a', 'A')} measured, {seen.driven.offered_a:.1f} A offered"


def _voltages(seen: Seen) -> str:
    return f"{_of_phases(seen, 'voltage_v', 'V')} measured"


def _of_phases(seen: Seen, name: str, unit: str) -> str:
    values = getattr(seen.inputs.meter, name, ())
    return " / ".join(f"{value:.1f} {unit}" for value in values) or "nothing"


def _proximity(seen: Seen) -> str:
    pp = seen.inputs.pp
    if isinstance(pp, PpReading):
        return f"proximity contact at {pp.resistance_ohm:.0f} ohm"
    return f"proximity contact not read{f': {pp.reason}' if pp else ''}"


def _rails(seen: Seen) -> str:
    rails = seen.inputs.rails
    if isinstance(rails, RailsReading):
        return f"rails at {rails.plus_12_v:+.1f} V and {rails.minus_12_v:+.1f} V"
    return "rails not read"


def _temperatures(seen: Seen) -> str:
    found = (f"{each.location} at {each.temperature_c:.0f} C" for each in seen.inputs.temperatures)
    return ", ".join(found) or "no thermometer answers"


def _meter(seen: Seen) -> str:
    meter = seen.inputs.meter
    return "no reading yet" if meter is None else f"last reading {seen.now_s - meter.at_s:.1f} s before"


def _on(driven: bool) -> str:
    return "driven" if driven else "not driven"


# fmt: off
EVIDENCE: dict[str, Callable[[Seen], str]] = {
    "rcd":                  _rcd,
    "emergency_stop":       _emergency_stop,
    "contactor_welded":     _contactor,
    "contactor_not_closed": _contactor,
    "over_current":         _currents,
    "diode":                _pilot,
    "pilot":                _pilot,
    "proximity":            _proximity,
    "ventilation":          _pilot,
    "lock":                 _lock,
    "lock_opened":          _lock,
    "unlock":               _lock,
    "over_voltage":         _voltages,
    "under_voltage":        _voltages,
    "rails":                _rails,
    "over_temperature":     _temperatures,
    "rcd_self_test":        _self_test,
    "lock_self_test":       _lock,
    "set_faulted":          lambda seen: "asked for by a client",
    "meter_silent":         _meter,
}
# fmt: on
