"""What each verb takes after its name, and the request that it makes."""

import argparse
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from evsed.appliance import arguments as appliance
from evsed.core.states import StopReason
from evsed.evsectl import protocol as p
from evsed.evsectl import quantities as q

CLEAR, LAST = "clear", "last"
DEFAULT_SESSIONS_N = p.SessionsArgs().limit_n
REASONS = {reason.value.lower(): reason for reason in StopReason}


class Arguments(NamedTuple):
    """add to a verb's parser; request_of raises argparse.ArgumentTypeError for what does not go together."""

    add: Callable[[argparse.ArgumentParser], None]
    request_of: Callable[[argparse.Namespace], p.Request]


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", metavar="TOKEN", type=q.token, help="the id token to present")


def _stop(parser: argparse.ArgumentParser) -> None:
    reasons = ", ".join(reason.value for reason in StopReason)
    parser.add_argument(
        "reason", metavar="REASON", nargs="?", type=_reason, default=StopReason.LOCAL,
        help=f"in any case: {reasons} (default Local)",
    )  # fmt: skip


def _for(parser: argparse.ArgumentParser, until: str) -> None:
    parser.add_argument(
        "--for", metavar="DURATION", type=q.DURATION.read, dest="duration_s",
        help=f"such as 90s, 15m, 1h (default: until {until})",
    )  # fmt: skip


def _limit(parser: argparse.ArgumentParser) -> None:
    text = "a current a phase (10A), a power (6900W, 6.9kW), or clear; less than 6 A holds charging back"
    parser.add_argument("limit", metavar="LIMIT", type=_clear_or(q.limit_args), help=text)
    _for(parser, "cleared, or control restarts")


def _limit_request(found: argparse.Namespace) -> p.Request:
    if found.limit is CLEAR:
        _refuse_with_clear(found, duration_s="--for")
        return p.Request("clear-limit")
    wanted: p.LimitArgs = found.limit
    return p.Request("limit", p.LimitArgs(wanted.limit_a, wanted.power_w, found.duration_s))


def _reserve(parser: argparse.ArgumentParser) -> None:
    number = q.integer(0, p.MAX_RESERVATION_ID)
    parser.add_argument("reservation_id", metavar="ID", type=number, help="the number of the reservation")
    parser.add_argument("--token", metavar="TOKEN", type=q.token, help="for whom (default: anybody)")
    parser.add_argument("--parent", metavar="PARENT", type=q.token, help="or for this group of tokens")
    _for(parser, "cancelled or used")


def _reserve_request(found: argparse.Namespace) -> p.Request:
    if found.parent and not found.token:
        raise argparse.ArgumentTypeError(
            "--parent needs --token: without one anybody may use the reservation"
        )
    token, parent = found.token or "", found.parent or ""
    args = p.ReserveArgs(found.reservation_id, token, parent, found.duration_s)
    return p.Request("reserve", args)


def _phases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("phases", type=int, choices=(1, 3), help="how many the EV shall charge on")


def _session_limits(parser: argparse.ArgumentParser) -> None:
    text = "take them back for this transaction, those of the configuration included"
    parser.add_argument("clear", nargs="?", choices=(CLEAR,), help=text)
    parser.add_argument(
        "--energy", metavar="ENERGY", type=q.ENERGY.read, dest="energy_wh", help="such as 10kWh"
    )
    parser.add_argument(
        "--time", metavar="DURATION", type=q.DURATION.read, dest="duration_s", help="such as 2h"
    )
    parser.add_argument("--cost", metavar="AMOUNT", type=q.money, help="in the currency of the price")
    parser.add_argument(
        "--price", metavar="AMOUNT", type=q.money, dest="price_per_kwh",
        help="of a kWh (default: the setting session.price_per_kwh)",
    )  # fmt: skip


def _session_limits_request(found: argparse.Namespace) -> p.Request:
    if found.clear:
        options = {
            "energy_wh": "--energy",
            "duration_s": "--time",
            "cost": "--cost",
            "price_per_kwh": "--price",
        }
        _refuse_with_clear(found, **options)
    elif found.energy_wh is found.duration_s is found.cost is None:
        raise argparse.ArgumentTypeError("give --energy, --time or --cost, or clear")
    elif found.price_per_kwh is not None and found.cost is None:
        raise argparse.ArgumentTypeError("--price is for --cost, which is not there")
    args = p.SessionLimitsArgs(found.energy_wh, found.duration_s, found.cost, found.price_per_kwh)
    return p.Request("session-limits", args)


def _random_delay(parser: argparse.ArgumentParser) -> None:
    text = "on, off, cancel (end the running one), or the longest delay, such as 10m"
    parser.add_argument("wanted", metavar="on|off|cancel|DURATION", type=_delay_request, help=text)


def _delay_request(text: str) -> p.Request:
    words = {
        "on": p.Request("random-delay", p.SwitchArgs(True)),
        "off": p.Request("random-delay", p.SwitchArgs(False)),
        "cancel": p.Request("cancel-random-delay"),
    }
    return words.get(text) or p.Request("random-delay-duration", p.DelayArgs(q.DELAY.read(text)))


def _sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="DATE", type=q.date_utc_s, dest="since_utc_s", default=0.0,
        help="those that began then or later: 2026-01-31, 2026-01-31T08:00 (local time), 2026-01-31T08:00Z",
    )  # fmt: skip
    number = q.integer(1, p.MAX_SESSIONS_N)
    parser.add_argument(
        "--limit", metavar="N", type=number, dest="limit_n", default=DEFAULT_SESSIONS_N,
        help=f"the newest N, at most {p.MAX_SESSIONS_N} (default {DEFAULT_SESSIONS_N})",
    )  # fmt: skip
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON")
    forms.add_argument("--csv", action="store_true", help="print CSV with a header line")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="SESSION", nargs="?", default=LAST, type=_session,
        help="the beginning of its uuid, as `evsectl sessions` shows it (default: the last one)",
    )  # fmt: skip
    _json(parser)


def _session(text: str) -> str:
    if text != LAST and not re.fullmatch(r"[0-9a-fA-F-]{1,36}", text):
        raise argparse.ArgumentTypeError(
            f"expected the beginning of a session's uuid, or {LAST}, not {text!r}"
        )
    return "" if text == LAST else text.lower()


def _one_of(*words: str) -> Callable[[argparse.ArgumentParser], None]:
    return lambda parser: parser.add_argument("what", choices=words)  # type: ignore[return-value]


def _calibrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("cp",))
    text = "volts between CP and PE by a multimeter, "
    parser.add_argument("--plus", metavar="V", type=float, required=True, help=text + "with no EV plugged")
    parser.add_argument(
        "--minus", metavar="V", type=float, required=True, help=text + "after `evsectl disable`"
    )


def _cp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="follow it, until Ctrl-C")


def _verb_of_two(found: argparse.Namespace) -> p.Request:
    """`lock test` asks for lock-test."""
    return p.Request(f"{found.verb}-{found.what}")


def _just(found: argparse.Namespace) -> p.Request:
    return p.Request(found.verb)


def _with(args_of: Callable[[argparse.Namespace], p.Args]) -> Callable[[argparse.Namespace], p.Request]:
    return lambda found: p.Request(found.verb, args_of(found))


NONE = Arguments(lambda parser: None, _just)
_LOOK = Arguments(_json, _just)
# fmt: off
ARGUMENTS: dict[str, Arguments] = {
    "status":         _LOOK,
    "why":            _LOOK,
    "watch":          _LOOK,
    "events":         _LOOK,
    "faults":         _LOOK,
    "selftest":       _LOOK,
    "gpio":           _LOOK,
    "cp":             Arguments(_cp,             _just),
    "rcd":            Arguments(_one_of("test"), _verb_of_two),
    "lock":           Arguments(_one_of("test"), _verb_of_two),
    "meter":          Arguments(_one_of("probe", "scan"), _verb_of_two),
    "calibrate":      Arguments(_calibrate,      _just),
    "sessions":       Arguments(_sessions,       _with(lambda v: p.SessionsArgs(v.since_utc_s, v.limit_n))),
    "explain":        Arguments(_explain,        _with(lambda v: p.ExplainArgs(v.session))),
    "authorize":      Arguments(_token,          _with(lambda v: p.TokenArgs(v.token))),
    "stop":           Arguments(_stop,           _with(lambda v: p.StopArgs(v.reason))),
    "limit":          Arguments(_limit,          _limit_request),
    "reserve":        Arguments(_reserve,        _reserve_request),
    "phases":         Arguments(_phases,         _with(lambda v: p.PhasesArgs(v.phases))),
    "session-limits": Arguments(_session_limits, _session_limits_request),
    "random-delay":   Arguments(_random_delay,   lambda found: found.wanted),
} | {
    verb: Arguments(partial(appliance.add_arguments, verb), _just) for verb in appliance.HELP
}
# fmt: on


def _clear_or(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: CLEAR if text == CLEAR else read(text)


def _refuse_with_clear(found: argparse.Namespace, **options: str) -> None:
    for name, option in options.items():
        if getattr(found, name) is not None:
            raise argparse.ArgumentTypeError(f"{option} does not go with clear")


def _reason(text: str) -> StopReason:
    reason = REASONS.get(text.lower())
    if reason is None:
        allowed = ", ".join(known.value for known in StopReason)
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {allowed}")
    return reason
