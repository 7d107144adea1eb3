"""Bytes in: a client's message becomes a Call or an ApiError, nothing in between.

Rule 1: bad input is told once and clearly: topic, path of the field, what is expected there.
Rule 2: at most MAX_ECHO characters of what a client sent come back in a text, none of them a control one.
"""

import math
import re
from functools import cache
from typing import Any

import msgspec

from evsed.api.arguments import Headers
from evsed.api.identity import Rules
from evsed.api.operations import Envelope, Operation
from evsed.api.reply_topic import problem_of

MAX_ECHO = 100

_PATH_STEP = re.compile(r"\.(\w+)|\[\d+\]")


class ApiError(Exception):
    """A message that is not executed. The text is for the journal; a client hears nothing."""


class Call(msgspec.Struct, frozen=True):
    """What a client asked for: the argument, None where the operation takes none."""

    argument: Any = None
    reply_to: str | None = None


def decode_request(operation: Operation, payload: bytes, rules: Rules) -> Call:
    """Raises ApiError, and nothing else, for whatever a client sends."""
    if operation.envelope is Envelope.NONE:
        return Call()
    if len(payload) > rules.max_payload_bytes:
        raise ApiError(
            f"{operation.address}: {len(payload)} bytes, at most {rules.max_payload_bytes} are taken "
            "(mqtt.max_payload_bytes)"
        )
    body = _decode(operation, payload)
    if operation.envelope is Envelope.PLAIN:
        return Call(body)
    argument = getattr(body, "payload", None)
    return Call(None if argument is msgspec.UNSET else argument, _reply_to(operation, body.headers, rules))


def _reply_to(operation: Operation, headers: Headers | None, rules: Rules) -> str | None:
    """A missing or empty replyTo asks for no reply; a bad one makes the request invalid."""
    if headers is None or not headers.reply_to:
        return None
    problem = problem_of(headers.reply_to, rules)
    if problem is not None:
        given = _clipped(headers.reply_to)
        raise ApiError(f"{operation.address}: $.headers.replyTo: {problem}, give another topic: '{given}'")
    return headers.reply_to


def _decode(operation: Operation, payload: bytes) -> Any:
    try:
        return _typed(operation, payload.decode())
    except UnicodeDecodeError as error:
        raise ApiError(f"{operation.address}: not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise ApiError(f"{operation.address}: JSON nested too deeply") from None
    except msgspec.ValidationError as error:
        raise ApiError(f"{operation.address}: {_explained(operation, str(error))}") from None
    except msgspec.DecodeError as error:
        raise ApiError(f"{operation.address}: not JSON: {_clipped(str(error))}") from None


def _typed(operation: Operation, text: str) -> Any:
    """An integral float passes for an integer: some clients know only one kind of number."""
    try:
        return _decoder(operation.body).decode(text)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
    return msgspec.convert(_UNTYPED.decode(text), operation.body)


@cache
def _decoder(body: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(body)


def _integral(literal: str) -> int | float:
    """Raises ValueError for what no number of ours can hold, as a typed decoder does."""
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("Number out of range")
    return int(number) if number.is_integer() else number


_UNTYPED = msgspec.json.Decoder(float_hook=_integral)


def _explained(operation: Operation, text: str) -> str:
    """msgspec's text, path first, with the values that an enum has."""
    problem, _, path = text.rpartition(" - at `")
    if not problem:
        problem, path = text, "$`"
    path = path.rstrip("`")
    choices = _choices(operation.body, path) if problem.startswith("Invalid enum value") else ""
    return f"{path}: {_clipped(problem)}{choices}"


def _choices(body: Any, path: str) -> str:
    kind = msgspec.inspect.type_info(body)
    for name in _PATH_STEP.findall(path):
        kind = _inner(kind, name)
    assert isinstance(kind, msgspec.inspect.EnumType)
    return ", expected one of " + ", ".join(member.value for member in kind.cls)


def _inner(kind: msgspec.inspect.Type, name: str) -> msgspec.inspect.Type:
    """The type of a field, or of the elements of an array where the step has no name."""
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return kind.item_type
    assert isinstance(kind, msgspec.inspect.StructType)
    return next(field.type for field in kind.fields if field.encode_name == name)


def _clipped(text: str) -> str:
    short = text if len(text) <= MAX_ECHO else text[: MAX_ECHO - 3] + "..."
    return "".join(sign if sign.isprintable() else "?" for sign in short)
