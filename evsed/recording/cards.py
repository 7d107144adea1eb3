"""Whose cards a recording knows, and the same recording without them: it replays as it did.

Rule: a card is found by its type, and replaced wherever its text stands, alone or in a sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from evsed.core.commands import Reservation
from evsed.core.settings import KnownToken
from evsed.core.tokens import FREE_SERVICE, IdToken, ProvidedIdToken
from evsed.recording.state import Frozen, freeze
from evsed.recording.tape import Tape, frames_of, packed

FIELDS: Mapping[type, tuple[str, ...]] = {
    IdToken: ("value",),
    KnownToken: ("value", "name", "parent"),
    ProvidedIdToken: ("certificate",),
    Reservation: ("id_token", "parent_id"),
}
SENTENCE_MIN_CHARACTERS = 6  # a shorter one would be found in every second word
_PUBLIC = {"", FREE_SERVICE.id_token.value}

_Other = Callable[[str], str]


def without_cards(path: Path) -> bytes:
    """The content of such a file, with a stand-in for each card, name and group. Raises TapeError."""
    other = _stand_ins(sorted(cards_of(Tape(path))))
    header, *steps = frames_of(path)
    told = msgspec.msgpack.decode(header)
    told["state"] = _rewritten(told["state"], other)
    return packed((_encoded(told, other), *(_rewritten(step, other) for step in steps)))


def cards_of(tape: Tape) -> set[str]:
    """In lower case: two that differ in case only are the same card."""
    found = set(_texts((tape.header.settings, freeze(tape.charger))))
    for step in tape.steps():
        found.update(_texts((step.inputs, step.events)))
    return {text.casefold() for text in found - _PUBLIC}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, msgspec.Struct) and not isinstance(value, Frozen):
        yield from (getattr(value, name) or "" for name in FIELDS.get(type(value), ()))
        value = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, Frozen):
        value = value.content
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, str | bytes | int | float | Enum | None):
        for each in value:
            yield from _texts(each)


def _stand_ins(cards: list[str]) -> _Other:
    by_card = {card: f"card {n}" for n, card in enumerate(cards, 1)}
    in_sentences = [re.escape(card) for card in by_card if len(card) >= SENTENCE_MIN_CHARACTERS]
    within = re.compile(rf"(?<!\w)(?:{'|'.join(in_sentences)})(?!\w)", re.IGNORECASE)

    def other(text: str) -> str:
        alone = by_card.get(text.casefold())
        if alone or not in_sentences:
            return alone or text
        return within.sub(lambda found: by_card[found[0].casefold()], text)

    return other


def _rewritten(data: bytes, other: _Other) -> bytes:
    return _encoded(msgspec.msgpack.decode(data), other)


def _encoded(value: Any, other: _Other) -> bytes:
    return msgspec.msgpack.encode(_replaced(value, other))


def _replaced(value: Any, other: _Other) -> Any:
    if isinstance(value, str):
        return other(value)
    if isinstance(value, dict):
        return {name: _replaced(each, other) for name, each in value.items()}
    return [_replaced(each, other) for each in value] if isinstance(value, list) else value
