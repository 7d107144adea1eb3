"""A recording through the real core again: the same outputs and events, or where they first differ."""

from collections.abc import Iterator
from typing import Any

import msgspec

from evsed.core.charger import Charger
from evsed.core.events import Event
from evsed.core.inputs import Outputs, Snapshot
from evsed.recording.steps import Step
from evsed.recording.tape import Tape

# What a mistake in the core raises, or a state that an older core has left.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class Difference(msgspec.Struct, frozen=True):
    """what: "outputs" or "events"; then and now as data."""

    step_n: int
    now_s: float
    what: str
    then: Any
    now: Any


class Replayed(msgspec.Struct, frozen=True):
    """One step with what the core says to it today. Of a step that was not finished then nothing differs."""

    n: int
    step: Step
    outputs: Outputs
    events: tuple[Event, ...]
    snapshot: Snapshot
    difference: Difference | None


class Raised(Exception):
    """The core raised an exception in this step; kind is its type's name."""

    def __init__(self, n: int, step: Step, error: Exception) -> None:
        self.n, self.step, self.kind = n, step, type(error).__name__
        super().__init__(f"step {n} raised {self.kind}: {error}")

    def as_then(self, tape: Tape) -> bool:
        """It is what ended the loop that was recorded."""
        return not self.step.finished and tape.header.cause == f"exception {self.kind}"


def replay(tape: Tape) -> Iterator[Replayed]:
    """Step by step. The tape's charger is used up. Raises TapeError, Raised."""
    for n, step in enumerate(tape.steps(), 1):
        try:
            now = _stepped(tape.charger, n, step)
        except _MISTAKES as error:
            raise Raised(n, step, error) from error
        yield now


def _stepped(charger: Charger, n: int, step: Step) -> Replayed:
    outputs, events = charger.step(step.inputs, step.now_s)
    told = tuple(events)
    difference = _difference(n, step, outputs, told) if step.finished else None
    return Replayed(n, step, outputs, told, charger.snapshot(), difference)


def _difference(n: int, step: Step, outputs: Outputs, events: tuple[Event, ...]) -> Difference | None:
    if outputs != step.outputs:
        return Difference(n, step.now_s, "outputs", _plain(step.outputs), _plain(outputs))
    if events != step.events:
        return Difference(n, step.now_s, "events", _plain(step.events), _plain(events))
    return None


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)
