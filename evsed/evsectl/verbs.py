"""The commands of evsectl as one table: what each asks for and when the wanted effect holds."""

from collections.abc import Callable
from typing import Any

import msgspec

from evsed.config.check import printable
from evsed.evsectl import words
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.faults import described
from evsed.evsectl.protocol import (
    ENABLE_PRIORITY,
    Answer,
    DelayArgs,
    LimitArgs,
    PhasesArgs,
    Request,
    ReserveArgs,
    SessionLimitsArgs,
    SwitchArgs,
)

_STRONGER = f"a source with a priority before {ENABLE_PRIORITY} wants it enabled"


class Verb(msgspec.Struct, frozen=True):
    """yes and no are what to say when the core's answer is true and when it is false.

    holds: for which of the two the wanted effect holds. faultable: whether a fault can be what refuses it.
    """

    name: str
    yes: str
    no: str
    holds: tuple[bool, ...]
    faultable: bool


_YES, _NO, _EITHER = (True,), (False,), (True, False)

# fmt: off
COMMANDS = {verb.name: verb for verb in (
    #    name                     yes                          no                         holds    faultable
    Verb("enable",                "enabled",                   "not enabled",             _YES,    False),
    Verb("disable",               "still enabled",             "disabled",                _NO,     False),
    Verb("authorize",             "authorized",                "not authorized",          _YES,    True),
    Verb("withdraw",              "withdrawn",                 "nothing to withdraw",     _EITHER, False),
    Verb("pause",                 "paused",                    "not paused",              _YES,    True),
    Verb("resume",                "resumed",                   "not resumed",             _YES,    True),
    Verb("stop",                  "stopping",                  "nothing to stop",         _EITHER, False),
    Verb("unlock",                "unlocking",                 "not unlocked",            _YES,    False),
    Verb("replug",                "replugging",                "not replugged",           _YES,    False),
    Verb("ready",                 "ready",                     "not needed",              _YES,    False),
    Verb("reserve",               "reserved",                  "not reserved",            _YES,    True),
    Verb("cancel-reservation",    "cancelled",                 "nothing to cancel",       _EITHER, False),
    Verb("limit",                 "limited",                   "not limited",             _YES,    False),
    Verb("clear-limit",           "limit cleared",             "limit not cleared",       _YES,    False),
    Verb("phases",                "switching",                 "not switched",            _YES,    False),
    Verb("session-limits",        "session limits set",        "session limits not set",  _YES,    False),
    Verb("random-delay",          "random delay",              "random delay not set",    _YES,    False),
    Verb("random-delay-duration", "longest random delay",      "random delay not set",    _YES,    False),
    Verb("cancel-random-delay",   "random delay cancelled",    "random delay not ended",  _YES,    False),
    Verb("rcd-test",              "RCD test",                  "RCD test",                _YES,    False),
    Verb("lock-test",             "lock test",                 "lock test",               _YES,    False),
    Verb("set-faulted",           "faulted",                   "not faulted",             _YES,    False),
    Verb("clear-faulted",         "no longer set faulted",     "nothing to clear",        _EITHER, False),
)}
# What a person can do about a refusal whose own words do not say it.
TO_DO = {
    "replug":         "plug an EV in first",
    "reserve":        "`evsectl why` tells more; `evsectl cancel-reservation` makes way for another one",
    "session-limits": "give --price",
}
# fmt: on


def _session_limits(args: SessionLimitsArgs) -> str:
    price = "" if args.price_per_kwh is None else f" at {args.price_per_kwh:g} a kWh"
    told = [
        "" if args.energy_wh is None else f"{args.energy_wh / 1000:g} kWh",
        "" if args.duration_s is None else words.duration(args.duration_s),
        "" if args.cost is None else f"cost {args.cost:g}{price}",
    ]
    return words.joined(told) or "none"


def _limit(args: LimitArgs) -> str:
    until = "" if args.duration_s else ", until cleared"
    return words.ceilings({**msgspec.structs.asdict(args), "ends_in_s": args.duration_s}) + until


def _reserve(args: ReserveArgs) -> str:
    known = {"id_token": args.token, "parent_id": args.parent, "expires_in_s": args.duration_s}
    return words.reservation({"reservation_id": args.reservation_id, **known})


# What has been asked for, where that says more than the verb does.
ASKED: dict[type, Callable[[Any], str]] = {
    LimitArgs: _limit,
    ReserveArgs: _reserve,
    PhasesArgs: lambda args: f"to {words.phases(args.phases)}",
    SessionLimitsArgs: _session_limits,
    SwitchArgs: lambda args: "on" if args.enabled else "off",
    DelayArgs: lambda args: words.duration(args.max_duration_s),
}


def run(request: Request, connection: Connection) -> str:
    """What to say of the effect. Raises Failure if it does not hold."""
    verb, answer = COMMANDS[request.verb], connection.ask(request.verb, request.args)
    result = bool(answer.result)
    said = _said(verb, result, answer)
    if result in verb.holds:
        asked = ASKED.get(type(request.args))
        return printable(f"{said}: {asked(request.args)}") if asked and result else said
    if answer.by_fault and verb.faultable:
        faults = connection.ask("status").result.get("faults") or ()
        told = ", ".join(described(name) for name in faults) or "it has gone meanwhile, so try again"
        raise Failure(Exit.FAULT, f"{said}; fault: {told}")
    raise Failure(Exit.REFUSED, "; ".join(filter(None, (said, TO_DO.get(verb.name)))))


def _said(verb: Verb, result: bool, answer: Answer) -> str:
    head = verb.yes if result else verb.no
    why = answer.why or (_STRONGER if verb.name == "disable" and result else "")
    if why.startswith(head):
        return printable(why)
    return printable(f"{head}: {why}" if why else head)
