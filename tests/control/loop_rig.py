"""The loop with the simulated board, an imagined clock and a real socket, and notes of what is done."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.control.handover import HandOver
from evsed.control.loop import Loop
from evsed.control.recorder import Recorder
from evsed.control.sampling import Sampler
from evsed.core import commands as c
from evsed.core.charger import Charger
from evsed.core.events import Event
from evsed.core.inputs import Inputs, Outputs, Snapshot
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from evsed.link import messages as m
from evsed.service import Notifier
from hal.types import CpReading, Missing
from tests.bench import TOKEN
from tests.control.rig import TICK_S, Gateway, sim

Notes = list[tuple[str, object]]


class Enough(Exception):
    """The board breaks down: the only way to end a loop that nobody stops."""


class NotedNotifier(Notifier):
    def __init__(self, notes: Notes) -> None:
        super().__init__("")
        self._notes = notes

    def notify(self, state: str) -> bool:
        self._notes.append(("status" if state.startswith("STATUS=") else "notify", state))
        return True


class NotedSampler(Sampler):
    notes: Notes

    def sample(self, requests: tuple[c.Request, ...]) -> Inputs:
        self.notes.append(("sample", len(requests)))
        return super().sample(requests)

    def resample(self, requests: tuple[c.Request, ...]) -> Inputs | None:
        self.notes.append(("resample", len(requests)))
        return super().resample(requests)


class NotedCharger(Charger):
    notes: Notes

    def step(self, inputs: Inputs, now_s: float) -> tuple[Outputs, list[Event]]:
        self.notes.append(("step", now_s))
        return super().step(inputs, now_s)


class NotedLink(HandOver):
    notes: Notes

    def pump(self, now_s: float) -> None:
        self.notes.append(("hand over", now_s))
        super().pump(now_s)

    def offer(self, message: Snapshot | m.Health | m.Goodbye) -> None:
        self.notes.append(("offer", message))
        super().offer(message)

    def journal(self, priority: int, text: str, **fields: str) -> None:
        self.notes.append(("journal", text))
        super().journal(priority, text, **fields)


class TimedPilot:
    """A burst takes as long as the test says; each sample first lets the world and the gateway go on."""

    def __init__(self, rig: "Rig") -> None:
        self._rig = rig
        self._inner = rig.board.pilot_in
        self.takes_s = TICK_S  # nothing is left to wait for, so no test waits for the real clock

    def read(self) -> CpReading | Missing:
        self._rig.before_sample()
        self._rig.clock.sleep(self.takes_s)
        if self._rig.gateway:
            self._rig.gateway.serve()
        return self._inner.read()


class Rig:
    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        self.gateway: Gateway | None = Gateway(path)
        self.lines, self.world, self.clock, self.board = sim()
        self.pilot = TimedPilot(self)
        self.board.pilot_in = self.pilot
        self.notes: Notes = []
        self.samples_n = 0
        self.at_sample: dict[int, Callable[[], object]] = {}
        self.sampler = NotedSampler(self.board)
        self.charger = NotedCharger(settings or Settings())
        self.link = NotedLink(str(path), self.sampler)
        for part in (self.sampler, self.charger, self.link):
            part.notes = self.notes
        notifier = NotedNotifier(self.notes)
        self.recorder = Recorder(self.charger, settings or Settings(), self.clock.now_s())
        self.loop = Loop(
            self.board,
            self.charger,
            self.sampler,
            self.link,
            notifier,
            self.clock,
            TICK_S,
            self.recorder,
        )

    def before_sample(self) -> None:
        self.samples_n += 1
        self.at_sample.get(self.samples_n, lambda: None)()

    def tick(self, n: int = 1) -> None:
        for _ in range(n):
            self.loop.tick()

    def run(self, ticks_n: int) -> None:
        """So many ticks of the loop, and then the board breaks down."""
        self.at_sample[self.samples_n + ticks_n + 1] = self._break
        with pytest.raises(Enough):
            self.loop.run()

    def _break(self) -> None:
        raise Enough

    def charge(self, fixed: bool = False) -> None:
        assert self.gateway
        self.tick(5)
        self.gateway.ask(1, c.Restore())
        self.world.plug_in()
        self.tick(60)
        self.gateway.ask(2, c.AuthorizeResponse(TOKEN, accepted=True))
        request = self.world.ev.request_power_fixed if fixed else self.world.ev.request_power
        request(16.0, 3)
        self.tick(400)
        assert self.charger.snapshot().state is S.CHARGING
        assert self.board.contactor.mirror_closed()

    def named(self, name: str) -> list[object]:
        return [what for noted, what in self.notes if noted == name]

    def close(self) -> None:
        if self.gateway:
            self.gateway.close()
        while self.link.fileno() is not None:
            self.link.receive()


def duty(rig: Rig) -> float:
    return rig.lines.get("duty")
