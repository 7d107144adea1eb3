"""What crosses the local socket: one JSON object a line, each way.

Rule 1: a Request gets one Answer; requests of a connection are answered one after the other.
Rule 2: "watch" and "events" get an Answer and then Items until either end closes. An Answer after that
says why there are no more.
"""

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from evsed.core.states import StopReason
from hal.calibration import GAIN_ERROR_MAX, OFFSET_MAX_V

MAX_LINE_BYTES = 65536  # of a request; its arguments are a few words
MAX_TOKEN_CHARACTERS = 36  # the contract's and OCPP's longest id token
MAX_LIMIT_A = 1000.0  # that of the API
MAX_LIMIT_W = 1e6
MAX_DURATION_S = 366 * 86400.0
MAX_DELAY_S = 86400.0  # that of the API
MAX_RESERVATION_ID = 2**31 - 1  # OCPP's integer
MAX_ENERGY_WH = 1e9
MAX_MONEY = 1e6
MAX_SESSIONS_N = 1000  # in one answer
MAX_UTC_S = 253402300799.0  # the last second that a date has a name for

Token = Annotated[str, Meta(max_length=MAX_TOKEN_CHARACTERS)]
Duration = Annotated[float, Meta(gt=0, le=MAX_DURATION_S)]

# EVerest's own console asks with the same source and priority, so that the two replace each other's wish.
ENABLE_PRIORITY = 100


class Refusal(Enum):
    """Why there is no result; `why` says it in words."""

    BAD_REQUEST = "bad_request"
    NOT_ALLOWED = "not_allowed"
    CONTROL_AWAY = "control_away"
    TOO_MANY = "too_many"
    TOO_SLOW = "too_slow"


class NoArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class TokenArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_CHARACTERS)]


class StopArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: StopReason = StopReason.LOCAL


class LimitArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least one of the two; without duration_s until it is cleared."""

    limit_a: Annotated[float, Meta(ge=0, le=MAX_LIMIT_A)] | None = None
    power_w: Annotated[float, Meta(ge=0, le=MAX_LIMIT_W)] | None = None
    duration_s: Duration | None = None

    def __post_init__(self) -> None:
        if self.limit_a is None and self.power_w is None:
            raise ValueError("limit_a or power_w is needed")


class ReserveArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """token "": whoever is authorized next may use it; without duration_s until it is cancelled."""

    reservation_id: Annotated[int, Meta(ge=0, le=MAX_RESERVATION_ID)]
    token: Token = ""
    parent: Token = ""
    duration_s: Duration | None = None


class PhasesArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phases: Literal[1, 3]


class SessionLimitsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None is no limit. cost and price_per_kwh are in the same currency, whichever."""

    energy_wh: Annotated[float, Meta(gt=0, le=MAX_ENERGY_WH)] | None = None
    duration_s: Duration | None = None
    cost: Annotated[float, Meta(gt=0, le=MAX_MONEY)] | None = None
    price_per_kwh: Annotated[float, Meta(gt=0, le=MAX_MONEY)] | None = None


class SwitchArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool


class DelayArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_duration_s: Annotated[float, Meta(ge=0, le=MAX_DELAY_S)]


class SessionsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest limit_n that began then or later."""

    since_utc_s: Annotated[float, Meta(ge=0, le=MAX_UTC_S)] = 0.0
    limit_n: Annotated[int, Meta(ge=1, le=MAX_SESSIONS_N)] = 20


class ExplainArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """session: the beginning of its uuid, "" for the last one."""

    session: Annotated[str, Meta(max_length=36)] = ""


class CalibrationArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the control pilot: true = gain * measured + offset_v."""

    gain: Annotated[float, Meta(ge=1 - GAIN_ERROR_MAX, le=1 + GAIN_ERROR_MAX)]
    offset_v: Annotated[float, Meta(ge=-OFFSET_MAX_V, le=OFFSET_MAX_V)]


Args = (
    NoArgs
    | CalibrationArgs
    | ExplainArgs
    | TokenArgs
    | StopArgs
    | LimitArgs
    | ReserveArgs
    | PhasesArgs
    | SessionLimitsArgs
    | SwitchArgs
    | DelayArgs
    | SessionsArgs
)

# fmt: off
VERBS: dict[str, type[Args]] = {
    "status":                NoArgs,
    "why":                   NoArgs,
    "watch":                 NoArgs,
    "events":                NoArgs,
    "faults":                NoArgs,
    "sessions":              SessionsArgs,
    "explain":               ExplainArgs,
    "record":                NoArgs,
    "reload":                NoArgs,
    "get-evse":              NoArgs,
    "enable":                NoArgs,
    "disable":               NoArgs,
    "authorize":             TokenArgs,
    "withdraw":              NoArgs,
    "pause":                 NoArgs,
    "resume":                NoArgs,
    "stop":                  StopArgs,
    "unlock":                NoArgs,
    "replug":                NoArgs,
    "ready":                 NoArgs,
    "reserve":               ReserveArgs,
    "cancel-reservation":    NoArgs,
    "limit":                 LimitArgs,
    "clear-limit":           NoArgs,
    "phases":                PhasesArgs,
    "session-limits":        SessionLimitsArgs,
    "random-delay":          SwitchArgs,
    "random-delay-duration": DelayArgs,
    "cancel-random-delay":   NoArgs,
    "rcd-test":              NoArgs,
    "lock-test":             NoArgs,
    "meter-probe":           NoArgs,
    "meter-scan":            NoArgs,
    "keep-calibration":      CalibrationArgs,
    "set-faulted":           NoArgs,
    "clear-faulted":         NoArgs,
}
# fmt: on


class Request(msgspec.Struct, frozen=True):
    verb: str
    args: Args = NoArgs()


class Answer(msgspec.Struct, frozen=True):
    """ok: the verb was carried out and `result` is its answer; else `refusal` and `why`.

    A command's result, why and by_fault are those of its CommandDone.
    """

    ok: bool
    result: Any = None
    why: str = ""
    by_fault: bool = False
    refusal: Refusal | None = None


class Item(msgspec.Struct, frozen=True):
    item: dict[str, Any]


class BadRequest(Exception):
    """The text says what is wrong with a request."""


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verb: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


def request_of(line: bytes) -> Request:
    """Raises BadRequest."""
    try:
        envelope = msgspec.json.decode(line, type=_Envelope)
        args_type = VERBS.get(envelope.verb)
        if args_type is None:
            raise BadRequest(f"bad request: the verb is not one of {', '.join(VERBS)}")
        return Request(envelope.verb, msgspec.json.decode(envelope.args, type=args_type))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        example = '{"verb": "status", "args": {}}'
        raise BadRequest(f"bad request: {error}; a request is a line such as {example}") from error
