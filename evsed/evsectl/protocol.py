"""What crosses the local socket: one JSON object a line, each way.

Rule 1: a Request gets one Answer; requests of a connection are answered one after the other.
Rule 2: "watch" and "events" get an Answer and then Items until either end closes. An Answer after that
says why there are no more.
"""

from enum import Enum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from evsed.core.states import StopReason

MAX_LINE_BYTES = 65536  # of a request; its arguments are a few words
MAX_TOKEN_CHARACTERS = 36  # the contract's and OCPP's longest id token

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


Args = NoArgs | TokenArgs | StopArgs

VERBS: dict[str, type[Args]] = {
    "status": NoArgs,
    "watch": NoArgs,
    "events": NoArgs,
    "get-evse": NoArgs,
    "enable": NoArgs,
    "disable": NoArgs,
    "authorize": TokenArgs,
    "withdraw": NoArgs,
    "pause": NoArgs,
    "resume": NoArgs,
    "stop": StopArgs,
    "unlock": NoArgs,
}


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
