"""What a value must be: one check of a single value against its key, and the checks across keys.

Rule: a check answers with the problem in words (what is wrong, what is allowed), never with an exception.
"""

from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any

import msgspec

from evsed.config.keys import KEYS, Key, literal, value_of
from evsed.config.schema import Config

SHOWN_CHARACTERS = 60  # of a wrong value in an error text
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "list": (list,),
}


def problem_with(key: Key, value: object) -> str:
    """Why `value` (as TOML gives it) is refused for `key`; empty if it is fine."""
    if not _is_kind(key.kind, value):
        return f"expected {key.allowed}, got {shown(value)}"
    if isinstance(value, float) and not isfinite(value):
        return f"{value} is no usable number, allowed: {key.allowed}"
    for text in _texts(value):
        if not text.isprintable():
            return f"control characters in {shown(text)}, allowed: {key.allowed}"
    return _out_of_bounds(key, value)


def _is_kind(kind: str, value: object) -> bool:
    if isinstance(value, bool) and kind != "bool":  # to Python a bool is an int
        return False
    return isinstance(value, PYTHON_TYPES[kind])


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _out_of_bounds(key: Key, value: object) -> str:
    one_type: Any = key.type if key.item is None else Annotated[str, key.item]
    for one in value if isinstance(value, list) else [value]:
        try:
            msgspec.convert(one, one_type)
        except msgspec.ValidationError:
            return f"{shown(one)} is not allowed, allowed: {key.allowed}"
    return ""


def shown(value: object) -> str:
    """A wrong value as the user wrote it, shortened."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 64:  # Python may refuse to turn it into digits
        return "a huge number"
    if isinstance(value, str):
        return f'"{printable(value[:SHOWN_CHARACTERS])}"' + ("..." if len(value) > SHOWN_CHARACTERS else "")
    return str(value).lower()  # TOML's true, not Python's True


def printable(text: str) -> str:
    """`text` fit for a terminal and a one-line message."""
    return text if text.isprintable() else ascii(text)[1:-1]


class Rule(msgspec.Struct, frozen=True):
    """A rule between two keys: an error names both values and blames `key`."""

    key: str
    other: str
    text: str
    broken: Callable[[Config], bool]


def _password_without_user(config: Config) -> bool:
    return bool(config.mqtt.password_file) and not config.mqtt.username


# fmt: off
RULES = (
    Rule("limits.fallback_a",  "evse.max_current_a", "must not be above",
         lambda config: config.limits.fallback_a > config.evse.max_current_a),
    Rule("auth.mode",          "auth.tokens",        "needs at least one id token in",
         lambda config: config.auth.mode == "tokens" and not (config.auth.tokens or config.auth.token_file)),
    Rule("mqtt.password_file", "mqtt.username",      "needs a user name in", _password_without_user),
    Rule("temperature.stop_c", "temperature.derate_from_c", "must be above",
         lambda config: config.temperature.stop_c <= config.temperature.derate_from_c),
    Rule("session.cost_limit", "session.price_per_kwh", "needs a price above 0 in",
         lambda config: config.session.cost_limit > 0 and not config.session.price_per_kwh),
    Rule("evse.phase_switching", "evse.phases",         "needs three phases, but",
         lambda config: config.evse.phase_switching and config.evse.phases != 3),
    Rule("meter.silent_s",     "meter.poll_s",       "must be longer than",
         lambda config: config.meter.silent_s <= config.meter.poll_s),
)
# fmt: on


def broken_rules(config: Config) -> list[Rule]:
    return [rule for rule in RULES if rule.broken(config)]


def told(config: Config, name: str) -> str:
    """A key's value as TOML writes it."""
    return literal(value_of(config, KEYS[name]))
