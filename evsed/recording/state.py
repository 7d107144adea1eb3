"""A charger's whole state as data, and back: where a recording begins.

Rule 1: freeze() only copies what can change; what is frozen itself (readings, settings) is referred to, so
that a running charger is frozen between two ticks. encode() makes bytes of it, later.
Rule 2: one object in two places stays one object: the core compares by identity what is new.
Rule 3: thaw() makes objects of the core's own classes only, without running anything of theirs.
"""

import importlib
from collections import deque
from enum import Enum
from typing import Any

import msgspec

from evsed.core.charger import Charger
from evsed.core.inputs import Inputs, Outputs

_PLAIN = (int, float, str, bytes, bool, type(None))
_MODULES = ("evsed.core.", "hal.types")
# Of a charger: all that is not made of its settings and tables alone.
CHARGER_FIELDS = ("_s", "_duty_changed_s", "_offering", "_outputs", "_temperatures")

_SEQUENCES: dict[type, str] = {tuple: "t", list: "l", set: "z", frozenset: "f", deque: "q"}
# What a state that is not one of this core can make of thaw().
_MISFITS = (msgspec.MsgspecError, LookupError, TypeError, AttributeError, ValueError, ImportError)
_MAKERS = {kind: made for made, kind in _SEQUENCES.items()}


class NotReadable(ValueError):
    """What is there is no state of a charger."""


class Frozen(msgspec.Struct, gc=False):
    """A mutable object or collection. kind: "o" an object, "d" a dict, else one of _SEQUENCES."""

    kind: str
    type: type
    content: Any


def begun_with(charger: Charger) -> tuple[Inputs, Outputs, float]:
    """What the newest step was called with, finished or not: inputs, outputs before it, and its time."""
    s = charger._s
    return s.inputs, charger._outputs, s.now_s


def session_of(charger: Charger) -> str:
    """uuid of the open session, "" if none is."""
    return charger._s.session.uuid


def freeze(charger: Charger) -> dict[str, Any]:
    """By field. Takes some hundred microseconds."""
    known: dict[int, Any] = {}
    return {name: _frozen(getattr(charger, name), known) for name in CHARGER_FIELDS}


def _frozen(value: Any, known: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, Enum | msgspec.Struct):
        return value
    found = known.get(id(value))
    if found is not None:
        return found
    if kind in _SEQUENCES:
        frozen = known[id(value)] = Frozen(_SEQUENCES[kind], kind, ())
        frozen.content = [_frozen(each, known) for each in value]
    elif kind is dict:
        frozen = known[id(value)] = Frozen("d", dict, ())
        frozen.content = [(_frozen(k, known), _frozen(v, known)) for k, v in value.items()]
    else:
        frozen = known[id(value)] = Frozen("o", kind, ())
        frozen.content = {name: _frozen(getattr(value, name), known) for name in _attributes(value)}
    return frozen


def _attributes(value: Any) -> list[str]:
    """All that an object of the core has; one that has a __dict__ besides slots would be a mistake there."""
    slots = [name for each in type(value).__mro__ for name in getattr(each, "__slots__", ())]
    return [name for name in (*slots, *getattr(value, "__dict__", ())) if hasattr(value, name)]


def encode(frozen: dict[str, Any]) -> bytes:
    places: dict[int, int] = {}
    return msgspec.msgpack.encode({name: _encoded(value, places) for name, value in frozen.items()})


def _encoded(value: Any, places: dict[int, int]) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return {"e": _name(type(value)), "v": value.value}
    if id(value) in places:
        return {"r": places[id(value)]}
    place = places[id(value)] = len(places)
    if isinstance(value, Frozen):
        return {"p": place, **_encoded_content(value, places)}
    if type(value) in _SEQUENCES:  # in a reading or command: these are never changed
        return {"p": place, _SEQUENCES[type(value)]: [_encoded(each, places) for each in value]}
    fields = [_encoded(getattr(value, name), places) for name in value.__struct_fields__]
    return {"p": place, "s": _name(type(value)), "v": fields}


def _encoded_content(frozen: Frozen, places: dict[int, int]) -> dict[str, Any]:
    content = frozen.content
    if frozen.kind == "o":
        return {"o": _name(frozen.type), "v": {name: _encoded(v, places) for name, v in content.items()}}
    if frozen.kind == "d":
        return {"d": [[_encoded(k, places), _encoded(v, places)] for k, v in content]}
    return {frozen.kind: [_encoded(each, places) for each in content]}


def thaw(data: bytes, charger: Charger) -> None:
    """Put the state into a charger of the same settings. Raises NotReadable."""
    try:
        encoded = msgspec.msgpack.decode(data)
        places: dict[int, Any] = {}
        for name in CHARGER_FIELDS:
            setattr(charger, name, _thawed(encoded[name], places))
    except _MISFITS as error:
        raise NotReadable(f"not the state of a charger: {error}") from error


def _thawed(value: Any, places: dict[int, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "r" in value:
        return places[value["r"]]
    if "e" in value:
        return _class(value["e"], Enum)(value["v"])
    made = places[value["p"]] = _made(value, places)
    return made


def _made(value: dict[str, Any], places: dict[int, Any]) -> Any:
    if "s" in value:
        return _class(value["s"], msgspec.Struct)(*(_thawed(each, places) for each in value["v"]))
    if "o" in value:
        made = object.__new__(_class(value["o"], object))
        places[value["p"]] = made
        for name, content in value["v"].items():
            object.__setattr__(made, name, _thawed(content, places))
        return made
    if "d" in value:
        return {_thawed(k, places): _thawed(v, places) for k, v in value["d"]}
    kind = next((kind for kind in _MAKERS if kind in value), None)
    if kind is None:
        raise NotReadable(f"{sorted(value)} says of no kind what it is")
    return _MAKERS[kind](_thawed(each, places) for each in value[kind])


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(name: str, base: type) -> Any:
    """One of the core's. Raises NotReadable."""
    module, _, qualname = name.partition(":")
    if not f"{module}.".startswith(_MODULES) or "." in qualname:
        raise NotReadable(f"{name} is no class of a charger")
    found = getattr(importlib.import_module(module), qualname, None)
    if not (isinstance(found, type) and issubclass(found, base) and found.__module__ == module):
        raise NotReadable(f"{name} is no class of a charger")
    return found
