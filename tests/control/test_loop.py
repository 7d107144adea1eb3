"""The loop with the simulated board, an imagined clock and a gateway on a real socket."""

import gc
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from evsed.control.handover import HandOver
from evsed.control.loop import STEPS_BETWEEN_TICKS_N, STOP_ACK_S, Loop
from evsed.control.sampling import Sampler
from evsed.core import commands as c
from evsed.core.charger import Charger
from evsed.core.events import Event, SessionEvent
from evsed.core.inputs import Inputs, Outputs, Snapshot
from evsed.core.settings import Settings
from evsed.core.states import EventKind, StopReason
from evsed.core.states import EvseState as S
from evsed.link import messages as m
from evsed.service import Notifier
from hal.types import CpReading, Missing
from tests.bench import TOKEN
from tests.control.rig import Gateway, NotedLines, sim

TICK_S = 0.01
Notes = list[tuple[str, object]]


class Enough(Exception):
    """The board breaks down: the only way to end a loop that nobody stops."""


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The loop freezes and disables it for good."""
    yield
    gc.unfreeze()
    gc.enable()


class NotedNotifier(Notifier):
    def __init__(self, notes: Notes) -> None:
        super().__init__("")
        self._notes = notes

    def notify(self, state: str) -> bool:
        self._notes.append(("notify", state))
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
        self.loop = Loop(self.board, self.charger, self.sampler, self.link, notifier, self.clock, TICK_S)

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


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "link.sock")
    yield rig
    rig.close()


def duty(rig: Rig) -> float:
    return rig.lines.get("duty")


# One tick.


def test_a_tick_samples_steps_applies_hands_over_and_then_beats_and_pets(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "link.sock")
    board = NotedLines(changes=rig.notes)
    sampler = NotedSampler(board)
    sampler.notes = rig.notes
    board.pilot_out.set_duty(0.5)  # so that the first outputs change a line
    notifier = NotedNotifier(rig.notes)
    loop = Loop(board, rig.charger, sampler, rig.link, notifier, rig.clock, TICK_S)
    rig.notes.clear()
    loop.tick()
    order = [name for name, _ in rig.notes if name not in ("offer", "led", "journal")]
    assert order == ["sample", "step", "duty", "hand over", "heartbeat", "notify"]
    rig.close()


def test_every_tick_beats_once(rig: Rig) -> None:
    before = rig.lines.get("heartbeat")
    rig.tick(10)
    assert rig.lines.get("heartbeat") - before == 10


def test_a_step_for_commands_neither_beats_nor_pets(rig: Rig) -> None:
    rig.tick(5)
    before, rig.notes[:] = rig.lines.get("heartbeat"), []
    assert rig.gateway
    rig.gateway.ask(1, c.Restore())
    rig.loop._step_for_commands()
    assert [name for name, _ in rig.notes if name in ("resample", "step", "notify")] == ["resample", "step"]
    assert rig.lines.get("heartbeat") == before
    rig.gateway.receive()
    assert rig.gateway.of(m.Done)


def test_the_watchdog_is_petted_no_more_often_than_needed(rig: Rig) -> None:
    rig.tick(101)
    assert rig.named("notify").count("WATCHDOG=1") == pytest.approx(1.0 / 0.25, abs=1)


# The rhythm.


def test_no_overrun_where_every_tick_is_held(rig: Rig) -> None:
    rig.run(50)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert health[0].overruns_n == 0
    assert rig.named("journal") == []


def test_a_late_tick_is_counted_told_and_not_caught_up_with(rig: Rig) -> None:
    def slow() -> None:
        rig.pilot.takes_s = 0.055

    def quick() -> None:
        rig.pilot.takes_s = TICK_S

    rig.at_sample = {10: slow, 11: quick}
    rig.run(700)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert health[-1].overruns_n == 1
    assert health[-1].late_max_ms == pytest.approx(45.0)
    assert rig.named("journal") == ["tick 45 ms late"]
    steps = [at_s for at_s in rig.named("step") if isinstance(at_s, float)]
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(steps)}
    assert gaps == {TICK_S, 0.055}


def test_between_two_ticks_there_are_at_most_four_steps_for_commands(rig: Rig) -> None:
    """An edge that nobody takes away wakes the loop again and again."""
    read_fd, write_fd = os.pipe()
    os.write(write_fd, b"!")

    class Trips:
        def rcd_tripped(self) -> bool:
            return False

        def emergency_stop(self) -> bool:
            return False

        def wake_fd(self) -> int:
            return read_fd

    rig.board.trips = Trips()
    rig.pilot.takes_s = 0.001
    rig.run(20)
    order = "".join({"sample": "|", "resample": "c"}.get(name, "") for name, _ in rig.notes)
    between = [len(steps) for steps in order.split("|")[1:-1]]
    assert set(between) == {STEPS_BETWEEN_TICKS_N}
    os.close(read_fd)
    os.close(write_fd)


def test_a_due_tick_goes_before_commands(rig: Rig) -> None:
    assert rig.gateway
    rig.tick(5)
    gateway = rig.gateway
    rig.at_sample = {n: lambda: gateway.ask(1, c.PauseCharging()) for n in range(6, 30)}
    rig.run(20)
    assert rig.named("resample") == []
    rig.gateway.receive()
    assert len(rig.gateway.of(m.Done)) >= 18


def test_a_command_between_two_ticks_is_answered_before_the_next(rig: Rig) -> None:
    assert rig.gateway
    rig.tick(5)
    rig.pilot.takes_s = 0.001
    gateway = rig.gateway

    def ask_late() -> None:
        """Comes after this tick's receive() and before the wait for the next one."""
        gateway.ask(9, c.Restore())

    rig.at_sample = {7: ask_late}
    rig.run(3)
    order = [name for name, what in rig.notes if name in ("sample", "resample")]
    assert order[5:8] == ["sample", "sample", "resample"]
    gateway.receive()
    assert [done.done.request_id for done in gateway.of(m.Done) if isinstance(done, m.Done)] == [9]


# What others see.


def test_a_snapshot_goes_out_on_every_change_and_five_times_a_second(rig: Rig) -> None:
    rig.tick(5)
    rig.notes.clear()
    rig.tick(100)
    snapshots = [offer for offer in rig.named("offer") if isinstance(offer, Snapshot)]
    assert len(snapshots) == pytest.approx(5, abs=1)
    assert rig.gateway
    rig.notes.clear()
    rig.gateway.ask(1, c.Restore())
    rig.tick(2)
    assert S.IDLE in [s.state for s in rig.named("offer") if isinstance(s, Snapshot)]


def test_health_tells_ticks_and_forgets_its_worst(rig: Rig) -> None:
    rig.tick(1010)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert [h.ticks_n for h in health] == pytest.approx([0, 500, 1000], abs=3)


def test_garbage_is_collected_in_idle_and_never_while_charging(rig: Rig) -> None:
    collected: list[float] = []
    gc.callbacks.append(lambda phase, info: collected.append(rig.clock.now_s()) if phase == "start" else None)
    rig.charge()
    assert not gc.isenabled()
    first = rig.clock.now_s()
    rig.tick(7000)
    gc.callbacks.pop()
    assert collected
    assert [at_s for at_s in collected if at_s >= first] == []


# The end.


def test_a_broken_board_leaves_the_contactor_open_and_the_pilot_at_f(rig: Rig) -> None:
    rig.charge()
    rig.run(10)
    assert not rig.lines.get("contactor")
    rig.world.advance(rig.clock.now_s() + 0.05)
    assert not rig.board.contactor.mirror_closed()
    assert duty(rig) == 0.0
    assert rig.named("notify")[0] == "WATCHDOG=1"
    assert "READY=1" in rig.named("notify")


def stopped_after(rig: Rig, gateway_dies: bool = False) -> float:
    """Ask for a planned stop in the midst of charging; seconds until the loop has ended."""

    def ask() -> None:
        rig.loop.stop_requested = True
        if gateway_dies and rig.gateway:
            rig.gateway.close()
            rig.gateway = None

    start_n = rig.samples_n + 5
    rig.at_sample = {start_n: ask, start_n + 2000: rig._break}
    rig.notes.clear()
    started_s = rig.clock.now_s()
    rig.loop.run()
    return rig.clock.now_s() - started_s - 5 * TICK_S


def session_events(gateway: Gateway) -> list[SessionEvent]:
    numbered = [e.event for e in gateway.of(m.NumberedEvent) if isinstance(e, m.NumberedEvent)]
    return [event for event in numbered if isinstance(event, SessionEvent)]


def test_a_planned_stop_ends_the_transaction_and_waits_for_the_store(rig: Rig) -> None:
    rig.charge()
    seconds = stopped_after(rig)
    assert 0.2 < seconds < 3.5
    assert rig.gateway
    finished = [e for e in session_events(rig.gateway) if e.kind is EventKind.TRANSACTION_FINISHED]
    assert [e.stop_reason for e in finished] == [StopReason.REBOOT]
    assert rig.gateway.stored_n == rig.link.ring.last_n
    assert rig.gateway.of(m.Goodbye)
    states = [s for s in rig.named("notify") if s != "WATCHDOG=1"]
    assert states == ["READY=1", "STOPPING=1"]
    assert rig.named("notify").count("WATCHDOG=1") >= 1
    assert duty(rig) == 0.0
    assert not rig.board.contactor.mirror_closed()


def test_power_is_off_before_the_pilot_says_f(rig: Rig) -> None:
    rig.charge()
    rig.world.drain_trace()
    stopped_after(rig)
    rig.world.advance(rig.clock.now_s() + 0.1)
    trace = [(entry.line, entry.value) for entry in rig.world.drain_trace()]
    assert trace.index(("mirror", False)) < trace.index(("duty", 0.0))
    assert ("duty", 1.0) in trace[: trace.index(("contactor", False))]


def test_a_planned_stop_with_a_stubborn_ev_takes_six_seconds(rig: Rig) -> None:
    rig.charge(fixed=True)
    assert stopped_after(rig) == pytest.approx(6.1, abs=0.2)
    assert not rig.board.contactor.mirror_closed()


def test_a_planned_stop_with_a_welded_contactor_ends_all_the_same(rig: Rig) -> None:
    rig.charge()
    rig.world.contactor.weld(True)
    assert stopped_after(rig) == pytest.approx(7.0, abs=0.1)


def test_a_planned_stop_without_a_gateway_waits_three_seconds_and_ends(rig: Rig) -> None:
    rig.charge(fixed=True)
    assert stopped_after(rig, gateway_dies=True) == pytest.approx(6.1 + STOP_ACK_S, abs=0.2)
    assert duty(rig) == 0.0


def test_a_planned_stop_in_idle_is_through_at_once(rig: Rig) -> None:
    assert rig.gateway
    rig.tick(5)
    rig.gateway.ask(1, c.Restore())
    rig.tick(20)
    assert stopped_after(rig) < 0.1
    assert duty(rig) == 0.0


def test_a_connection_that_is_lost_in_the_same_tick_does_not_lose_the_planned_stop(rig: Rig) -> None:
    rig.charge()
    assert rig.gateway
    rig.gateway.ask(5, c.PauseCharging())
    rig.gateway.hang_up()
    rig.loop.stop_requested = True
    rig.tick()
    assert rig.charger.snapshot().state is S.STOPPING_CHARGING


def test_a_stop_is_asked_of_the_core_once(rig: Rig) -> None:
    rig.loop.stop_requested = True
    rig.tick(10)
    assert rig.named("sample")[:3] == [1, 0, 0]
    assert rig.named("notify").count("STOPPING=1") == 1
