"""docs/faults.md: what evsed does about each fault, from the table that it acts by."""

from collections.abc import Iterator

from evsed.core.faults import FAULTS, REPORT, TEXTS, Clears, Fault, Reaction
from evsed.core.status_led import FAULT as LIGHT
from evsed.gateway.own_errors import OWN_ERRORS
from hal.types import Led

INTRODUCTION = """\
# Faults

<!-- Made by scripts/gen-docs of evsed/core/faults.py and evsed/gateway/own_errors.py: do not edit. -->

What evsed takes for a fault, what it does about it, and what ends it. Each is told on `e2m/error_raised` and
`e2m/error_cleared` (`type` and `sub_type` as below), stands in `e2m/active_errors` meanwhile, is a line in
the journal, and `evsectl faults` shows it. `evsectl explain SESSION` says which one ended a session, and from
what readings. [safety.md](safety.md) has the tests.
"""

RAISED_BY = """\
## Raised by control

*X1* is the pilot without its PWM: the EV is asked to draw nothing, and the contactor opens at once. *F* is
the pilot at -12 V. A fault that ends the transaction is latched: it outlives its cause until the EV has left.
Beside a silent meter the limit is `limits.fallback_a`: nobody can see what the EV takes.
"""

OWN = """\
## Raised by the gateway

They are told and do not touch charging by themselves.
"""

WHEN = {
    Clears.AT_ONCE: "its cause is gone",
    Clears.WHEN_EV_LEFT: "its cause is gone and the EV has left",
    Clears.AT_RESTART: "control has been restarted",
}


def text() -> str:
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield RAISED_BY
    yield "| sub_type | raised when | severity | type | does | light | ends the transaction | clears when |"
    yield "|---|---|---|---|---|---|---|---|"
    for fault in FAULTS:
        yield f"| {' | '.join(_cells(fault))} |"
    yield f"\n{OWN}"
    yield "| sub_type | raised when | severity | type | clears when |\n|---|---|---|---|---|"
    for row in OWN_ERRORS:
        yield f"| {row.sub_type} | {row.raised} | {row.severity.value} | {row.type} | {row.cleared} |"


def _cells(fault: Fault) -> tuple[str, ...]:
    return (
        fault.name,
        TEXTS[fault.name],
        fault.severity,
        fault.mrec,
        _does(fault.reaction),
        _light(LIGHT) if fault.reaction.blocks else "as ever",
        fault.ends.value if fault.ends else "no",
        WHEN[fault.clears],
    )


def _does(reaction: Reaction) -> str:
    if reaction == REPORT:
        return "reports it"
    pulse = "F for `core.state_f_s`, then X1" if reaction.f_pulse else "X1"
    return f"{pulse}; F once the EV has left" if reaction.idle_f else pulse


def _light(led: Led) -> str:
    names = [name for name in ("red", "green", "blue") if getattr(led, name)]
    return " and ".join(names) + (f", blinks every {led.period_s:g} s" if led.period_s else "")
