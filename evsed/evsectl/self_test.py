"""`evsectl selftest`: every device of the board, what it shows and whether that is right.

Rule 1: only with no EV on the pilot; nothing here closes the contactor.
Rule 2: a device that this board does not have is left out; one that should answer and does not has failed.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure

Status = dict[str, Any]

PILOT_TOLERANCE_V = 0.6  # IEC 61851-1 Table A.2: +12 V +-0.6 V without an EV
RAIL_TOLERANCE_V = 0.6
TEMPERATURE_C = (-40.0, 100.0)
MAINS_V = (195.5, 253.0)


class Finding(msgspec.Struct, frozen=True):
    """passed None: there is nothing to judge, only to tell."""

    device: str
    passed: bool | None
    measured: str
    expected: str = ""


def run(connection: Connection) -> list[Finding]:
    """Raises Failure unless no EV is there."""
    status = connection.ask("status").result
    require_no_ev(status)
    found = [finding for check in CHECKS for finding in check(status)]
    return [*found, *_acting(connection, "RCD", "rcd-test"), *_acting(connection, "lock", "lock-test")]


def require_no_ev(status: Status) -> None:
    state, cp = status.get("state"), status.get("cp")
    if (state, cp) != ("Idle", "A"):
        told = f"now: {state or 'control is away'}, CP {cp or 'unknown'}"
        raise Failure(Exit.REFUSED, f"only without an EV and in Idle ({told}); unplug, and see `evsectl why`")


def _pilot(status: Status) -> list[Finding]:
    high_v, (samples_n, _) = status.get("cp_high_v"), status["cp_samples_n"]
    if high_v is None:
        return [Finding("control pilot", False, "no reading", "+12 V")]
    passed = abs(high_v - 12.0) <= PILOT_TOLERANCE_V
    return [Finding("control pilot", passed, f"{high_v:+.2f} V, {samples_n} samples", "+12 V +-0.6 V")]


def _proximity(status: Status) -> list[Finding]:
    coding = status.get("ampacity")
    return [Finding("proximity", coding == "None", f"coding {coding}", "no plug")]


def _rails(status: Status) -> list[Finding]:
    rails = status.get("rails")
    if rails is None:
        return []
    nominal = {"plus_12_v": 12.0, "minus_12_v": -12.0, "plus_5_v": 5.0}
    return [
        Finding(f"{volts:+g} V rail", abs(rails[name] - volts) <= RAIL_TOLERANCE_V, f"{rails[name]:+.2f} V",
                f"{volts:+g} V +-{RAIL_TOLERANCE_V:g} V")
        for name, volts in nominal.items()
    ]  # fmt: skip


def _contactor(status: Status) -> list[Finding]:
    mirror = "closed" if status["mirror_closed"] else "open"
    return [Finding("contactor", not status["mirror_closed"], f"mirror {mirror}", "mirror open")]


def _trips(status: Status) -> list[Finding]:
    names = {"emergency_stop": "emergency stop", "stop_button": "stop button"}
    words = {True: "pressed", False: "released"}
    lines = status["lines"]
    return [Finding(text, not lines[line], words[lines[line]], "released") for line, text in names.items()]


def _thermometers(status: Status) -> list[Finding]:
    return [_thermometer(one["location"], one["temperature_c"]) for one in status.get("temperatures", ())]


def _thermometer(location: str, temperature_c: float) -> Finding:
    low_c, high_c = TEMPERATURE_C
    return Finding(f"thermometer {location}", low_c <= temperature_c <= high_c, f"{temperature_c:.1f} C")


def _meter(status: Status) -> list[Finding]:
    if "energy_import_wh" not in status or "meter_silent" in status["faults"]:
        return [Finding("energy meter", False, "no answer", "a reading")]
    energy = f"{status['energy_import_wh'] / 1000:.3f} kWh"
    volts = status.get("voltage_v") or []
    if not volts:
        return [Finding("energy meter", True, energy)]
    passed = all(MAINS_V[0] <= volt <= MAINS_V[1] for volt in volts)
    told = ", ".join(f"{volt:.1f} V" for volt in volts)
    return [Finding("energy meter", passed, f"{energy}; {told}", "195.5 to 253 V")]


def _faults(status: Status) -> list[Finding]:
    active = ", ".join(status["faults"])
    return [Finding("faults", not active, active or "none", "none")]


CHECKS: tuple[Callable[[Status], list[Finding]], ...] = (
    _pilot,
    _proximity,
    _rails,
    _contactor,
    _trips,
    _thermometers,
    _meter,
    _faults,
)


def _acting(connection: Connection, device: str, verb: str) -> list[Finding]:
    """A test that moves something; a board without the part says so."""
    answer = connection.ask(verb)
    passed = bool(answer.result)
    if not passed and not answer.why.startswith("failed"):
        return [Finding(f"{device} test", None, f"not tested: {answer.why}")]
    return [Finding(f"{device} test", passed, answer.why)]


def table(findings: list[Finding]) -> list[str]:
    return [_line(finding) for finding in findings]


def _line(f: Finding) -> str:
    word = {True: "pass", False: "FAIL", None: "-"}[f.passed]
    expected = f"  (expected {f.expected})" if f.passed is False and f.expected else ""
    return f"{word:<5} {f.device:<20} {f.measured}{expected}"
