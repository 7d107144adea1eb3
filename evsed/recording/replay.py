"""A recording through the real core again: the same outputs and events, or where they first differ."""

from collections.abc import Iterator
from typing import Any

import msgspec

from evsed.core.events import Event
from evsed.core.inputs import Outputs, Snapshot
from evsed.recording.steps import Step
from evsed.recording.tape import Tape


class Difference(msgspec.Struct, frozen=True):
    """what: "outputs" or "events"; then and now as data."""

    step_n: int
    now_s: float
    what: str
    then: Any
    now: Any


class Replayed(msgspec.Struct, frozen=True):
    """One step with what the core says to it today."""

    n: int
    step: Step
    outputs: Outputs
    events: tuple[Event, ...]
    snapshot: Snapshot
    difference: Difference | None


def replay(tape: Tape) -> Iterator[Replayed]:
    """Step by step. The tape's charger is used up. Raises TapeError."""
    charger = tape.charger
    for n, step in enumerate(tape.steps(), 1):
        outputs, events = charger.step(step.inputs, step.now_s)
        told = tuple(events)
        yield Replayed(n, step, outputs, told, charger.snapshot(), _difference(n, step, outputs, told))


def _difference(n: int, step: Step, outputs: Outputs, events: tuple[Event, ...]) -> Difference | None:
    if outputs != step.outputs:
        return Difference(n, step.now_s, "outputs", _plain(step.outputs), _plain(outputs))
    if events != step.events:
        return Difference(n, step.now_s, "events", _plain(step.events), _plain(events))
    return None


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)
