"""The whole fast path in one process on a clock that the test moves: world, board, sampler, core, actuator.

What the gateway would do is done here at once: it stores (unless told not to) and reads the meter.
"""

import random
import uuid

from evsed.api.session_info import SessionInfoProjector
from evsed.control.actuation import Actuator
from evsed.control.sampling import Sampler
from evsed.core.charger import Charger
from evsed.core.commands import Command, Request, Restore
from evsed.core.events import CommandDone, Event, FaultCleared, FaultRaised, SessionEvent
from evsed.core.inputs import Outputs
from evsed.core.power_path import OPENING_S
from evsed.core.settings import Settings
from evsed.core.states import EventKind, EvseState
from evsed.core.tables import Tables
from evsed.core.tokens import ProvidedIdToken, local_token
from hal.sim.board import SimBoard
from hal.sim.lines import ConnectorType, Lines
from hal.sim.world import World

TICK_S = 0.01
UTC_AT_START_S = 1_800_000_000.0
METER_EVERY_S = 1.0
TOKEN = local_token("04A2B3C4")


class BenchClock:
    """Sleeping moves it; whoever wants to know that time passes is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._now_s = 1000.0

    def now_s(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds
        self._world.advance(self._now_s)


class Bench:
    def __init__(
        self,
        settings: Settings | None = None,
        tables: Tables | None = None,
        restore: Restore | None = None,
        ideal_pilot: bool = True,
        restored: bool = True,
        settle_s: float = 2.5,
        seed: int = 1,
    ) -> None:
        """settle_s: how long it stands before the story begins; a charger closes nothing in its first 2 s."""
        self.settings = settings or Settings()
        kind = ConnectorType.SOCKET if self.settings.socket else ConnectorType.CABLE
        self.lines = Lines.in_memory()
        self.world = World(self.lines, connector_type=kind)
        self.clock = BenchClock(self.world)
        self._make_board = lambda: SimBoard(self.lines, self.clock, ideal_pilot=ideal_pilot, seed=seed)
        self._tables = tables
        self.stores = True
        self.projector = SessionInfoProjector()
        self._next_tick_s = self.clock.now_s()
        self._request_id = 0
        self._random = random.Random(seed)
        self._boot()
        if restored:
            self.ask(restore or Restore())
        self.run(0.1)
        if settle_s > 0.1:
            self.skip(settle_s - 0.1)

    def restart(self, restore: Restore | None = None) -> None:
        """A new charger on the same board and world: what a restarted control process is."""
        self.board.close()
        self._boot()
        self.ask(restore or Restore())

    def _boot(self) -> None:
        self.board = self._make_board()
        self.charger = Charger(self.settings, self._tables)
        self.sampler, self.actuator = Sampler(self.board, self._uuid), Actuator(self.board)
        self.outputs = Outputs()
        self.events: list[Event] = []
        self.info_states: list[str] = []
        self._next_meter_s = 0.0

    def _uuid(self) -> uuid.UUID:
        """Random to the core, the same in every run."""
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    # Time.

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.tick()

    def skip(self, seconds: float) -> None:
        """One late tick: for long waits in which nothing counts but time (a closed contactor drops out)."""
        self._next_tick_s += seconds
        self.tick()

    def tick(self, *requests: Request) -> None:
        self._next_tick_s += TICK_S
        self.clock.sleep(max(0.0, self._next_tick_s - self.clock.now_s()))
        self._read_meter()
        self._take(self.sampler.sample(requests))
        self.board.heartbeat.toggle()

    def run_until(self, state: EvseState, limit_s: float = 15.0) -> None:
        for _ in range(round(limit_s / TICK_S)):
            if self.state is state:
                return
            self.tick()
        raise AssertionError(f"{self.state} after {limit_s} s, not {state}; told: {self.told()}")

    # What a person, an EV or a client does.

    def ask(self, command: Command) -> CommandDone:
        """A command between two ticks: the core steps at once, with the sample it has."""
        self._request_id += 1
        request = (Request(self._request_id, command),)
        inputs = self.sampler.resample(request) or self.sampler.sample(request)
        self._take(inputs)
        return next(e for e in self.events if isinstance(e, CommandDone) and e.request_id == self._request_id)

    def plug_in(self) -> None:
        self.world.plug_in()
        self.run(0.7)

    def unplug(self) -> None:
        self.world.unplug()
        self.run(1.5)

    def request_power(self, current_a: float = 16.0, phases: int = 3) -> None:
        self.world.ev.request_power(current_a, phases)

    def charge(self, current_a: float = 16.0) -> None:
        """From nothing to a steadily charging EV."""
        from evsed.core.commands import AuthorizeResponse

        self.plug_in()
        self.ask(AuthorizeResponse(TOKEN, accepted=True))
        self.request_power(current_a)
        self.run_until(EvseState.CHARGING)
        self.run(3.0)
        assert self.powered

    # What there is to see.

    @property
    def state(self) -> EvseState:
        return self.charger.snapshot().state

    @property
    def powered(self) -> bool:
        """The power contacts are closed, by the world's own knowledge."""
        return self.board.contactor.mirror_closed()

    @property
    def session_events(self) -> list[SessionEvent]:
        return [e for e in self.events if isinstance(e, SessionEvent)]

    def told(self) -> str:
        """The session events so far, in one line, with the reason where there is one."""
        return " ".join(_word(e) for e in self.session_events)

    def info(self) -> str:
        """session_info.state after each of them."""
        return " ".join(self.info_states)

    def faults(self) -> list[str]:
        """+name for each fault raised, -name for each cleared."""
        signs = {FaultRaised: "+", FaultCleared: "-"}
        return [
            f"{signs[type(e)]}{e.fault}" for e in self.events if isinstance(e, FaultRaised | FaultCleared)
        ]

    def forget(self) -> None:
        """Tell from here on only what is new."""
        self.events.clear()
        self.info_states.clear()

    # The gateway's share.

    def _take(self, inputs: object) -> None:
        now_s = self.clock.now_s()
        self.outputs, events = self.charger.step(inputs, now_s)  # type: ignore[arg-type]
        self.actuator.apply(self.outputs, now_s)
        self.events += events
        for event in events:
            if isinstance(event, SessionEvent):
                self._store(event, UTC_AT_START_S + now_s)

    def _store(self, event: SessionEvent, at_utc_s: float) -> None:
        self.projector.on_event(event, at_utc_s)
        self.info_states.append(self.projector.info(at_utc_s).state.value)
        self.sampler.uuid_used(event.uuid)
        if event.kind is EventKind.TRANSACTION_STARTED and self.stores:
            self.sampler.stored_transaction = event.uuid

    def _read_meter(self) -> None:
        """And once the power is off, as core waits for that."""
        now_s, opened_at_s = self.clock.now_s(), self.charger._s.power.opened_at_s or 0.0
        off = not self.outputs.contactor_closed and now_s >= opened_at_s + OPENING_S
        last = self.sampler.meter
        due = now_s >= self._next_meter_s or (
            off and last is not None and last.at_s < opened_at_s + OPENING_S
        )
        if due and not self.world.meter_silent:
            self._next_meter_s = now_s + METER_EVERY_S
            self.sampler.meter = self.world.meter_values()


def _word(event: SessionEvent) -> str:
    reason = event.start_reason or event.stop_reason
    return f"{event.kind.value}({reason.value})" if reason else event.kind.value


def token(value: str) -> ProvidedIdToken:
    return local_token(value)
