"""Every state that the real Charger.step() reaches from its start, for one model of the world around it.

A model is a small alphabet: what may change between two steps. The world's part of a state stands in Env.
Breadth first, until nothing new is found: then the invariants hold in every state that the model can reach.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from evsed.core import commands as c
from evsed.core.charger import Charger
from evsed.core.inputs import Inputs, Outputs
from evsed.core.settings import Settings
from evsed.core.states import EvseState
from hal.types import CpReading, LockDrive, Missing, PpReading
from tests.proof.abstraction import Plan, Saved

TICK_S = 0.01
AFTER_DEADLINE_S = 1e-6
LEVEL_V = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "F": -12.0}
OPEN_WITHIN_N = 3  # samples that show a state without power, until the contactor is open
CABLE = PpReading(220.0)


class Env(NamedTuple):
    """cp: a letter of LEVEL_V, or "?" for no reading. mirror, switch: None while they tell the truth."""

    cp: str = "A"
    diode: bool = True
    mirror: bool | None = None
    switch: bool | None = None
    locked: bool = False  # where the bolt is
    rcd: bool = False
    stop: bool = False  # emergency stop
    stores: bool = True  # the store has acknowledged what there is
    closed: bool = False  # the contactor, as it was last driven
    powerless_n: int = 0  # samples in a row without C or D, OPEN_WITHIN_N at most
    open_n: int = 3  # steps since the contactor was opened by time: 0 now, 1 less than 0.1 s ago, 2 longer
    opened_at_s: float = -math.inf


class Change(msgspec.Struct, frozen=True):
    """What may happen before a step: the world changes (env), a command comes, or only time passes."""

    name: str
    env: dict[str, Any] = {}
    command: c.Command | None = None
    wait: bool = False  # until the next deadline


class Model(msgspec.Struct, frozen=True):
    """slow_store: each session's events are acknowledged by a change only."""

    name: str
    settings: Settings
    changes: tuple[Change, ...]
    slow_store: bool = False
    charger: type[Charger] = Charger


class Node(NamedTuple):
    charger: Saved
    env: Env
    seq: int


class Violation(AssertionError):
    """The text has the shortest way there."""


class Found(msgspec.Struct):
    states_n: int = 0
    steps_n: int = 0


class Exploration:
    def __init__(self, model: Model, limit_n: int | None = None) -> None:
        """limit_n: stop after so many states: a sample, no fixpoint."""
        self.model, self._limit_n = model, limit_n
        self._charger = model.charger(model.settings)
        self._plan = Plan(self._charger)
        first = self._start()
        self._ids: dict[Any, int] = {self._key(first.env): 0}
        self._came: list[tuple[int, str]] = [(-1, "start")]
        self._state: list[EvseState] = [self._charger._s.state]
        self._leads: list[list[int]] = [[]]
        self._todo: deque[tuple[int, Node]] = deque([(0, first)])
        self.found = Found(1)

    def run(self) -> Found:
        """Raises Violation."""
        while self._todo and (self._limit_n is None or self.found.states_n < self._limit_n):
            number, node = self._todo.popleft()
            for change in self.model.changes:
                after = self._after(number, node, change)
                if after is not None:
                    self._visit(number, change, *after)
        if not self._todo:
            self._check_way_back()
        return self.found

    def _visit(self, number: int, change: Change, env: Env, seq: int) -> None:
        self.found.steps_n += 1
        key = self._key(env)
        known = self._ids.get(key)
        if known is None:
            known = self._ids[key] = self.found.states_n
            self.found.states_n += 1
            self._came.append((number, change.name))
            self._state.append(self._charger._s.state)
            self._leads.append([])
            self._todo.append((known, Node(self._plan.save(), env, seq)))
        self._leads[number].append(known)

    def _start(self) -> Node:
        """Restored, settled, and two seconds old."""
        for number, at_s in enumerate((1000.0, 1000.01, 1000.02, 1003.0, 1003.01)):
            requests = (c.Request(0, c.Restore()),) if number == 0 else ()
            self._charger.step(self._inputs(Env(), number, requests), at_s)
        return Node(self._plan.save(), Env(), 5)

    def _key(self, env: Env) -> Any:
        return (env._replace(opened_at_s=0.0), self._plan.key())

    def _after(self, number: int, node: Node, change: Change) -> tuple[Env, int] | None:
        """The charger is now in the state behind the change; this is the rest of it.

        None where the change changes nothing, or there is no deadline to wait for.
        """
        old = node.env
        env = old._replace(**change.env) if change.env else old
        if change.env and env == old:
            return None
        self._plan.load(node.charger)
        at_s = self._at_s(change)
        if math.isinf(at_s):
            return None
        charger, fresh = self._charger, change.command is None
        seq = node.seq + fresh
        before = charger._outputs
        inputs = (
            self._inputs(env, seq, ()) if change.command is None else self._woken(env, seq, change.command)
        )
        outputs, _ = charger.step(inputs, at_s)
        env = self._world(env, outputs, at_s, fresh)
        if self.model.slow_store and not charger._s.session.uuid:
            env = env._replace(stores=False)
        self._check(number, change, env, Taken(before, outputs, inputs, fresh))
        return env, seq

    def _at_s(self, change: Change) -> float:
        if change.wait:
            return self._plan.due_s() + AFTER_DEADLINE_S
        return self._charger._s.now_s + (TICK_S if change.command is None else TICK_S / 2)

    def _woken(self, env: Env, seq: int, command: c.Command) -> Inputs:
        """A command wakes the loop: the sample of before again."""
        return msgspec.structs.replace(
            self._charger._s.inputs,
            requests=(c.Request(0, command),),
            stored_transaction=self._stored(env),
            spare_uuid=f"u{seq}",
        )

    def _inputs(self, env: Env, seq: int, requests: tuple[c.Request, ...]) -> Inputs:
        return Inputs(
            sample_seq=seq,
            cp=_reading(env, self._charger._outputs.duty),
            pp=CABLE if self.model.settings.socket else None,
            mirror_closed=env.closed if env.mirror is None else env.mirror,
            locked=env.locked if env.switch is None else env.switch,
            rcd_tripped=env.rcd,
            emergency_stop=env.stop,
            requests=requests,
            stored_transaction=self._stored(env),
            spare_uuid=f"u{seq}",
        )

    def _stored(self, env: Env) -> str:
        return self._charger._s.session.uuid if env.stores else ""

    @staticmethod
    def _world(env: Env, outputs: Outputs, at_s: float, fresh: bool) -> Env:
        locked = {LockDrive.LOCK: True, LockDrive.UNLOCK: False}.get(outputs.lock, env.locked)
        opened_at_s = at_s if env.closed and not outputs.contactor_closed else env.opened_at_s
        open_n = 3 if outputs.contactor_closed else sum(at_s - opened_at_s >= d for d in (1e-9, 0.099999))
        powered = env.cp in "CD"
        powerless_n = 0 if powered else min(env.powerless_n + fresh, OPEN_WITHIN_N)
        return env._replace(
            locked=locked,
            closed=outputs.contactor_closed,
            powerless_n=powerless_n,
            open_n=open_n,
            opened_at_s=opened_at_s,
        )

    def _check(self, number: int, change: Change, env: Env, taken: "Taken") -> None:
        for says, holds in invariants(self._charger, env, taken, self.model.settings):
            if not holds:
                way = " > ".join([*self._way(number), change.name])
                raise Violation(f"{self.model.name}: {says}\n  by {way}")

    def _way(self, number: int) -> list[str]:
        way: list[str] = []
        while number > 0:
            number, name = self._came[number]
            way.append(name)
        return way[::-1]

    def _check_way_back(self) -> None:
        """From every state some state in Idle can be reached."""
        comes_from: list[list[int]] = [[] for _ in self._leads]
        for number, after in enumerate(self._leads):
            for each in after:
                comes_from[each].append(number)
        good = {number for number, state in enumerate(self._state) if state is EvseState.IDLE}
        todo = deque(good)
        while todo:
            for each in comes_from[todo.popleft()]:
                if each not in good:
                    good.add(each)
                    todo.append(each)
        lost = next((n for n in range(len(self._state)) if n not in good), None)
        if lost is not None:
            state = self._state[lost].value
            raise Violation(
                f"{self.model.name}: no way back to Idle from {state}\n  by " + " > ".join(self._way(lost))
            )


def _reading(env: Env, duty: float) -> CpReading | Missing:
    if env.cp == "?":
        return Missing("told so", 0.0)
    if duty == 0.0:
        return CpReading(-12.0, -12.0, 32, 32)
    high_v = LEVEL_V[env.cp]
    if duty == 1.0 or env.cp == "F":
        return CpReading(high_v, high_v, 64, 64)
    low_v = -12.0 if env.diode or env.cp in "AE" else -high_v
    return CpReading(high_v, low_v, 32, 32)


class Taken(NamedTuple):
    """One step: the outputs before it and after it; fresh: with a new sample, not woken by a command."""

    before: Outputs
    now: Outputs
    inputs: Inputs
    fresh: bool


def invariants(charger: Charger, env: Env, taken: Taken, settings: Settings) -> Iterator[tuple[str, bool]]:
    """What must hold after every step, from the core's books, the world, and what is driven."""
    before, now, inputs, fresh = taken
    s = charger._s
    closed = now.contactor_closed
    mirror = inputs.mirror_closed
    if closed:
        yield "power without a transaction", s.session.in_transaction
        yield "power before TransactionStarted is on disk", env.stores or s.session.resumed
        yield (
            "power in a state without it",
            s.cp.value == "C" or (s.cp.value == "D" and settings.has_ventilation),
        )
        yield "power without a diode", s.pilot.diode_seen
        yield "power without the lock", not settings.socket or s.lock.confirmed
        yield "power beside a blocking fault", not s.blocked
        yield "power beside a trip", not inputs.rcd_tripped and not inputs.emergency_stop
        yield (
            "power below 6 A without the six seconds running",
            s.limit_a >= 6.0 or s.power._ramp_since_s is not None,
        )
        yield "power while phases move", s.phases.settled(s.now_s)
        yield "power later than the debounce after C or D has ended", env.powerless_n < OPEN_WITHIN_N
    yield "unlocking under power", now.lock is not LockDrive.UNLOCK or not (closed or mirror)
    moved = now.three_phases is not before.three_phases
    yield (
        "phases moved under power",
        not moved or not (closed or mirror or before.contactor_closed or env.open_n < 2),
    )
    if not fresh:
        yield "a command closed the contactor", not closed or before.contactor_closed
        yield "a command moved the lock", now.lock is before.lock
        yield "a command moved the phases", not moved
