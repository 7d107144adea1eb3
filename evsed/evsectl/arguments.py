"""The command line of evsectl. Options may stand before the verb or after it."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

from evsed.core.states import StopReason
from evsed.evsectl.exits import MEANINGS
from evsed.evsectl.protocol import ENABLE_PRIORITY, MAX_TOKEN_CHARACTERS, Args, NoArgs, StopArgs, TokenArgs

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 3600.0
REASONS = {reason.value.lower(): reason for reason in StopReason}
EPILOG = "exit codes:\n" + "".join(f"  {code:d}  {meaning}\n" for code, meaning in MEANINGS.items())
_FORM: dict[str, Any] = {
    "epilog": EPILOG,
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "allow_abbrev": False,
}
_AFTER = "after_"  # prefix of the options given after the verb, which argparse would let hide the others

# fmt: off
HELP = {
    "status":    "show the state of the EVSE; exits with 3 if the control process is away",
    "watch":     "show the state as it changes, until Ctrl-C",
    "events":    "print session events as they come, one line each, until Ctrl-C",
    "get-evse":  "print the EVSE and its connector as JSON",
    "enable":    f"want the EVSE enabled, as source LocalAPI with priority {ENABLE_PRIORITY}",
    "disable":   "want it disabled, as the same source; this ends a session",
    "authorize": "present TOKEN at the EVSE; the setting auth.mode decides on it",
    "withdraw":  "withdraw the authorization; this ends a transaction",
    "pause":     "pause charging",
    "resume":    "end a pause",
    "stop":      "stop the transaction, giving REASON; charging begins again after an unplug",
    "unlock":    "unlock the connector once power is off; this ends a transaction",
}
# fmt: on
WITH_JSON = ("status", "watch", "events")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """verb, args, json, timeout_s, config, board and sets. Exits with 2 as argparse does."""
    found = _parser().parse_args(argv)
    found.config += found.after_config
    found.sets += found.after_sets
    if found.after_timeout_s is not None:
        found.timeout_s = found.after_timeout_s
    found.args = _args_of(found)
    return found


def _parser() -> argparse.ArgumentParser:
    description = "Look at this charging point and steer it."
    parser = argparse.ArgumentParser(prog="evsectl", description=description, **_FORM)
    _add_options(parser, "", DEFAULT_TIMEOUT_S)
    parser.set_defaults(board=None, json=False)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")
    for name, text in HELP.items():
        sub = verbs.add_parser(name, help=text, description=_sentence(text), **_FORM)
        _add_arguments(sub, name)
        _add_options(sub, _AFTER, None)
    return parser


def _add_options(parser: argparse.ArgumentParser, prefix: str, timeout_s: float | None) -> None:
    group = parser.add_argument_group("options of every verb")
    group.add_argument(
        "--timeout", metavar="S", type=_seconds, default=timeout_s, dest=f"{prefix}timeout_s",
        help=f"seconds to wait for an answer (default {DEFAULT_TIMEOUT_S:g})",
    )  # fmt: skip
    group.add_argument(
        "--config", metavar="FILE", action="append", default=[], dest=f"{prefix}config",
        help="as evsed takes it; only checked, evsectl needs no setting yet",
    )  # fmt: skip
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest=f"{prefix}sets",
        help="as evsed takes it; only checked",
    )  # fmt: skip


def _add_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb in WITH_JSON:
        parser.add_argument("--json", action="store_true", help="print JSON")
    if verb == "authorize":
        parser.add_argument("token", metavar="TOKEN", type=_token, help="the id token to present")
    if verb == "stop":
        reasons = ", ".join(reason.value for reason in StopReason)
        parser.add_argument(
            "reason", metavar="REASON", nargs="?", type=_reason, default=StopReason.LOCAL,
            help=f"in any case: {reasons} (default Local)",
        )  # fmt: skip


def _args_of(found: argparse.Namespace) -> Args:
    if found.verb == "authorize":
        return TokenArgs(found.token)
    return StopArgs(found.reason) if found.verb == "stop" else NoArgs()


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


def _token(text: str) -> str:
    if not (text.isprintable() and 1 <= len(text) <= MAX_TOKEN_CHARACTERS):
        raise argparse.ArgumentTypeError(f"expected 1..{MAX_TOKEN_CHARACTERS} printable characters")
    return text


def _reason(text: str) -> StopReason:
    reason = REASONS.get(text.lower())
    if reason is None:
        allowed = ", ".join(known.value for known in StopReason)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {allowed}")
    return reason


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
