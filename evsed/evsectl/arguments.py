"""The command line of evsectl. Options may stand before the verb or after it."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

from evsed.appliance.arguments import HELP as APPLIANCE
from evsed.evsectl.exits import MEANINGS
from evsed.evsectl.protocol import ENABLE_PRIORITY
from evsed.evsectl.verb_arguments import ARGUMENTS, NONE

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 3600.0
SLOW_S = {"selftest": 30.0, "rcd": 15.0, "lock": 15.0, "calibrate": 30.0, "meter": 300.0}
_VERB_COLUMNS = 20
_AFTER = "after_"  # prefix of the options given after the verb, which argparse would let hide the others

# fmt: off
GROUPS: dict[str, dict[str, str]] = {
    "look": {
        "why":                "tell why it is not charging, or not faster, and list what limits it",
        "status":             "show the state of the EVSE; exits with 3 if the control process is away",
        "watch":              "show the state as it changes, until Ctrl-C",
        "events":             "print session events as they come, one line each, until Ctrl-C",
        "faults":             "list what is wrong now, and since when (also: errors)",
        "sessions":           "list past sessions, the newest first",
        "explain":            "tell why a session stopped: SESSION is the beginning of its uuid, or last",
        "record":             "write down the last minute of the control process, for scripts/replay",
        "get-evse":           "print the EVSE and its connector as JSON",
    },
    "charge": {
        "authorize":          "present TOKEN at the EVSE; the setting auth.mode decides on it",
        "withdraw":           "withdraw the authorization; this ends a transaction",
        "pause":              "pause charging",
        "resume":             "end a pause",
        "stop":               "stop the transaction, giving REASON; charging begins again after an unplug",
        "unlock":             "unlock the connector once power is off; this ends a transaction",
        "replug":             "show the EV an unplugged cable for a few seconds, which may wake it",
    },
    "limit": {
        "limit":              "limit the current or power, for a while or until `limit clear`",
        "phases":             "charge on 1 phase or on 3 until the session is over",
        "session-limits":     "end this transaction, or the next, at an energy, time or cost",
        "random-delay":       "switch the random delay on or off, end one, or set the longest",
    },
    "reserve": {
        "reserve":            "keep the EVSE free for somebody",
        "cancel-reservation": "end the reservation",
    },
    "commission, with no EV plugged": {
        "selftest":           "test every device; exits with 1 if one fails",
        "cp":                 "show the control pilot as it is measured: volts, samples, duty",
        "gpio":               "show every line of the board's chips: direction, value, consumer, signal",
        "rcd":                "`rcd test`: let the residual current device trip by its test winding",
        "lock":               "`lock test`: lock and unlock the connector once",
        "calibrate":          "`calibrate cp`: correct the pilot's measurement by a multimeter",
        "meter":              "`meter probe`: who answers as configured; `meter scan`: who answers at all",
    },
    "in and out of service": {
        "reload":             "take the changed configuration while charging goes on, or tell why not",
        "enable":             f"want the EVSE enabled, as source LocalAPI with priority {ENABLE_PRIORITY}",
        "disable":            "want it disabled, as the same source; this ends a session",
        "set-faulted":        "declare it faulted; this takes power away",
        "clear-faulted":      "take that back",
        "ready":              "say that charging may start, where evsed is set to wait for that",
    },
    "look after the appliance": APPLIANCE,
}
# fmt: on
HELP = {verb: text for group in GROUPS.values() for verb, text in group.items()}
ALIASES = {"faults": ("errors",)}
EPILOG = "exit codes:\n" + "".join(f"  {code:d}  {meaning}\n" for code, meaning in MEANINGS.items())
_FORM: dict[str, Any] = {
    "epilog": EPILOG,
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "allow_abbrev": False,
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """verb, request, json, timeout_s, config, board and sets. Exits with 2 as argparse does."""
    parser = _parser()
    found = parser.parse_args(argv)
    found.config += found.after_config
    found.sets += found.after_sets
    found.timeout_s = found.after_timeout_s or found.timeout_s or SLOW_S.get(found.verb, DEFAULT_TIMEOUT_S)
    try:
        found.request = ARGUMENTS.get(found.verb, NONE).request_of(found)
    except argparse.ArgumentTypeError as error:
        parser.error(f"{found.verb}: {error}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evsectl", usage="evsectl [options] VERB [arguments]", description=_description(), **_FORM
    )
    _add_options(parser, "", None)
    parser.set_defaults(board=None, json=False)
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, prog="evsectl", help=argparse.SUPPRESS
    )
    for name, text in HELP.items():
        sub = verbs.add_parser(name, aliases=ALIASES.get(name, ()), description=_sentence(text), **_FORM)
        sub.set_defaults(verb=name)
        ARGUMENTS.get(name, NONE).add(sub)
        _add_options(sub, _AFTER, None)
    return parser


def _description() -> str:
    """All verbs by group, which argparse cannot do."""
    told = "Look at this charging point and steer it. `evsectl VERB --help` tells what a verb takes.\n"
    for group, verbs in GROUPS.items():
        told += f"\n{group}:\n" + "".join(
            f"  {verb:<{_VERB_COLUMNS}}{text}\n" for verb, text in verbs.items()
        )
    return told


def _add_options(parser: argparse.ArgumentParser, prefix: str, timeout_s: float | None) -> None:
    group = parser.add_argument_group("options of every verb")
    group.add_argument(
        "--timeout", metavar="S", type=_seconds, default=timeout_s, dest=f"{prefix}timeout_s",
        help=f"seconds to wait for an answer (default {DEFAULT_TIMEOUT_S:g}, more for what takes longer)",
    )  # fmt: skip
    group.add_argument(
        "--config", metavar="FILE", action="append", default=[], dest=f"{prefix}config",
        help="as evsed takes it; only checked, evsectl needs no setting yet",
    )  # fmt: skip
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest=f"{prefix}sets",
        help="as evsed takes it; only checked",
    )  # fmt: skip


def _seconds(text: str) -> float:
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = math.nan
    if not 0.0 < timeout_s <= MAX_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected seconds, above 0 and up to {MAX_TIMEOUT_S:g}, not {text!r}"
        )
    return timeout_s


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
