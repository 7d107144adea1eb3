"""Messages for every operation of both interfaces: valid ones made from the types, and mutations of them.

Which of them are invalid is judged by the router itself, without a broker; what an invalid one may do to a
running charger is what the test is about.
"""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from evsed.api.codec import ApiError
from evsed.api.identity import Identity, Rules
from evsed.api.older import OLDER
from evsed.api.operations import Moment
from evsed.api.router import Router
from evsed.api.topics import V1

PREFIXES = {V1.prefix: V1, OLDER.interface.prefix: OLDER.interface}
REPLY_TO = "evsed-test/fuzz"
HUGE_N = 70_000
DEPTH_N = 2000
OPTIONAL_SHARE = 0.6
# fmt: off
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 1.5, 1e308, -0.0,
    "", "x", "\0", "\ud7ff", "#", "$SYS/x", "9" * 400,
    [], {}, [[]], {"": {}}, ["Local"], {"headers": 1}, {"replyTo": "a/#"},
)
# fmt: on


class Sent(NamedTuple):
    topic: str
    payload: bytes
    valid: bool


class Maker:
    """Random values of a JSON Schema as msgspec writes it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def of_type(self, kind: Any) -> Any:
        (schema,), defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
        return self._of(schema, defs)

    def _of(self, schema: dict[str, Any], defs: dict[str, Any]) -> Any:
        rng = self._rng
        if "$ref" in schema:
            return self._of(defs[schema["$ref"].rpartition("/")[2]], defs)
        if "anyOf" in schema:
            return self._of(rng.choice(schema["anyOf"]), defs)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        made: Callable[[dict[str, Any], dict[str, Any]], Any] = getattr(
            self, f"_{schema.get('type', 'null')}"
        )
        return made(schema, defs)

    def _object(self, schema: dict[str, Any], defs: dict[str, Any]) -> Any:
        required = schema.get("required", ())
        return {
            name: self._of(inner, defs)
            for name, inner in schema.get("properties", {}).items()
            if name in required or self._rng.random() < OPTIONAL_SHARE
        }

    def _array(self, schema: dict[str, Any], defs: dict[str, Any]) -> Any:
        n = self._rng.randint(schema.get("minItems", 0), min(schema.get("maxItems", 3), 3))
        items = schema.get("items", {})
        return [self._of(items, defs) for _ in range(n)] if items else []

    def _string(self, schema: dict[str, Any], defs: dict[str, Any]) -> str:
        if schema.get("format") == "date-time":
            return f"20{self._rng.randint(10, 40)}-0{self._rng.randint(1, 9)}-11T10:20:30.123Z"
        return "".join(self._rng.choices("0123456789ABCDEFäß \t", k=self._rng.randint(0, 12)))

    def _integer(self, schema: dict[str, Any], defs: dict[str, Any]) -> int:
        return self._rng.randint(max(schema.get("minimum", -9), -9), min(schema.get("maximum", 99), 99))

    def _number(self, schema: dict[str, Any], defs: dict[str, Any]) -> float:
        return self._rng.uniform(max(schema.get("minimum", -9), -9), min(schema.get("maximum", 99), 99))

    def _boolean(self, schema: dict[str, Any], defs: dict[str, Any]) -> bool:
        return self._rng.random() < 0.5

    def _null(self, schema: dict[str, Any], defs: dict[str, Any]) -> None:
        return None


def mutated(tree: Any, rng: random.Random) -> Any:
    """The tree with one place of it changed, dropped or grown."""
    places = list(_places(tree, ()))
    path = rng.choice(places)
    return _changed(tree, path, rng)


def _places(tree: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from _places(value, (*path, key))


def _changed(tree: Any, path: tuple[Any, ...], rng: random.Random) -> Any:
    if not path:
        return rng.choice((*ODD, [tree], {"payload": tree}, "A" * HUGE_N))
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    key = path[0]
    if len(path) == 1 and rng.random() < 0.3:
        del copy[key]
    elif len(path) == 1 and isinstance(copy, dict) and rng.random() < 0.2:
        copy[f"{key}_"] = copy.pop(key)
    else:
        copy[key] = _changed(copy[key], path[1:], rng)
    return copy


def scrambled(raw: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut off, doubled; or something else altogether."""
    at = rng.randrange(len(raw) + 1)
    return rng.choice(
        (
            raw[:at],
            raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :],
            raw + raw,
            b"[" * DEPTH_N,
            rng.randbytes(rng.randrange(200)),
            b"",
        )
    )


def messages(seed: int) -> Iterator[Sent]:
    """Without end; about every second one is valid."""
    rng = random.Random(seed)
    maker, judge = Maker(rng), Judge()
    rows = [(prefix, row) for prefix, interface in PREFIXES.items() for row in interface.operations]
    while True:
        prefix, row = rng.choice(rows)
        topic = f"{prefix.format(module_id='evse')}/{row.address}"
        tree = None if row.body is None else maker.of_type(row.body)
        if isinstance(tree, dict) and "headers" in tree:
            tree["headers"] = rng.choice(({"replyTo": REPLY_TO}, {}, None))
        if rng.random() < 0.5:
            tree = mutated(tree, rng)
        raw = json.dumps(tree).encode(errors="surrogatepass")
        if rng.random() < 0.15:
            raw = scrambled(raw, rng)
        yield Sent(topic, raw, judge.valid(topic, raw))


class Judge:
    def __init__(self) -> None:
        self._router = Router(Identity(), Rules(), older=OLDER)

    def valid(self, topic: str, payload: bytes) -> bool:
        try:
            self._router.call(topic, payload, Moment(1000.0, 1.8e9))
        except ApiError:
            return False
        return True
