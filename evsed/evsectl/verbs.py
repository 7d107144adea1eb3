"""The commands of evsectl as one table: what each asks for and when the wanted effect holds."""

import msgspec

from evsed.config.check import printable
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.faults import described
from evsed.evsectl.protocol import ENABLE_PRIORITY, Answer, Args

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


# fmt: off
COMMANDS = {verb.name: verb for verb in (
    #    name         yes              no                     holds          faultable
    Verb("enable",    "enabled",       "not enabled",         (True,),       False),
    Verb("disable",   "still enabled", "disabled",            (False,),      False),
    Verb("authorize", "authorized",    "not authorized",      (True,),       True),
    Verb("withdraw",  "withdrawn",     "nothing to withdraw", (True, False), False),
    Verb("pause",     "paused",        "not paused",          (True,),       True),
    Verb("resume",    "resumed",       "not resumed",         (True,),       True),
    Verb("stop",      "stopping",      "nothing to stop",     (True, False), False),
    Verb("unlock",    "unlocking",     "not unlocked",        (True,),       False),
)}
# fmt: on


def run(verb: Verb, args: Args, connection: Connection) -> str:
    """What to say of the effect. Raises Failure if it does not hold."""
    answer = connection.ask(verb.name, args)
    result = bool(answer.result)
    said = _said(verb, result, answer)
    if result in verb.holds:
        return said
    if answer.by_fault and verb.faultable:
        faults = connection.ask("status").result.get("faults") or ()
        told = ", ".join(described(name) for name in faults) or "it has gone meanwhile, so try again"
        raise Failure(Exit.FAULT, f"{said}; fault: {told}")
    raise Failure(Exit.REFUSED, said)


def _said(verb: Verb, result: bool, answer: Answer) -> str:
    head = verb.yes if result else verb.no
    why = answer.why or (_STRONGER if verb.name == "disable" and result else "")
    if why.startswith(head):
        return printable(why)
    return printable(f"{head}: {why}" if why else head)
