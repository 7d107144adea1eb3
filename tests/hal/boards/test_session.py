"""A whole charging session of the core on the real drivers, on every board file, in the world's physics."""

import uuid

import pytest

from evsed.control.actuation import Actuator
from evsed.control.sampling import Sampler
from evsed.core.charger import Charger
from evsed.core.commands import AuthorizeResponse, Request, Restore
from evsed.core.events import FaultRaised, SessionEvent
from evsed.core.settings import Settings
from evsed.core.states import EventKind, EvseState
from evsed.core.tokens import local_token
from tests.hal.boards.board_bench import Copper

TICK_S = 0.01
BOARDS = ("cm4-carrier", "pi-hat-1p")


class Story:
    """Control's fast path on one board, as evsed.control.loop has it."""

    def __init__(self, copper: Copper) -> None:
        self.copper, self.world, self.clock = copper, copper.world, copper.clock
        self.board = copper.open()
        socket = self.board.lock is not None
        self.charger = Charger(Settings(socket=socket, phases=3 if socket else 1))
        ids = iter(range(1, 1000))
        self.sampler = Sampler(self.board, lambda: uuid.UUID(int=next(ids), version=4))
        self.actuator = Actuator(self.board)
        self.events: list[object] = []
        self._tick_at_s = self.clock.now_s()
        self.ask(Restore())

    def ask(self, command: object) -> None:
        self._step(self.sampler.sample((Request(len(self.events), command),)))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self._tick_at_s = max(self._tick_at_s + TICK_S, self.clock.now_s())
            self.clock.sleep(self._tick_at_s - self.clock.now_s())
            self.sampler.meter = self.world.meter_values()
            self._step(self.sampler.sample(()))
            self.board.heartbeat.toggle()

    def run_until(self, state: EvseState, limit_s: float = 10.0) -> None:
        for _ in range(round(limit_s / TICK_S)):
            if self.state is state:
                return
            self.run(TICK_S)
        raise AssertionError(f"{self.state}, not {state}; faults {self.faults()}")

    @property
    def state(self) -> EvseState:
        return self.charger.snapshot().state

    def faults(self) -> list[str]:
        return [str(e.fault) for e in self.events if isinstance(e, FaultRaised)]

    def told(self) -> list[str]:
        return [e.kind.value for e in self.events if isinstance(e, SessionEvent)]

    def _step(self, inputs: object) -> None:
        now_s = self.clock.now_s()
        outputs, events = self.charger.step(inputs, now_s)
        self.actuator.apply(outputs, now_s)
        self.events += events
        for event in events:
            if isinstance(event, SessionEvent):
                self.sampler.uuid_used(event.uuid)
                if event.kind is EventKind.TRANSACTION_STARTED:
                    self.sampler.stored_transaction = event.uuid


@pytest.fixture(params=BOARDS)
def copper(request, tmp_path) -> Copper:
    return Copper(request.param, tmp_path)


def charging(copper: Copper) -> Story:
    story = Story(copper)
    story.run(2.5)
    story.world.plug_in()
    story.run(1.0)
    story.ask(AuthorizeResponse(local_token("04A2B3C4"), accepted=True))
    story.world.ev.request_power(16.0, 3)
    story.run_until(EvseState.CHARGING)
    story.run(3.0)
    return story


def test_a_session_from_plug_in_to_plug_out(copper: Copper) -> None:
    story = charging(copper)
    assert story.faults() == []
    assert copper.active("contactor")
    assert story.world.contactor.closed
    assert story.world.ev.current_a == pytest.approx(16.0, abs=0.1)
    assert copper.duty() == pytest.approx(32 / 60, abs=1e-4)
    story.world.ev.pause()
    story.run(1.0)
    assert not story.world.contactor.closed
    story.world.unplug()
    story.run(2.0)
    assert story.state is EvseState.IDLE
    assert story.told()[-2:] == ["TransactionFinished", "SessionFinished"]
    assert story.faults() == []
    assert story.world.phases_switched_under_load_n == 0


def test_an_ev_that_opens_s2_loses_power_within_100_ms(copper: Copper) -> None:
    """IEC 61851-1 Table A.6 sequence 8.1; the contacts' own 15 ms are in it."""
    story = charging(copper)
    story.world.ev.pause()
    story.run(0.1)
    assert not copper.active("contactor")
    assert not story.world.contactor.closed


def test_a_trip_of_the_rcd_is_seen_and_reported(copper: Copper) -> None:
    story = charging(copper)
    story.world.rcd.leak(30.0)
    story.run(0.1)
    assert not copper.active("contactor")
    assert not story.world.contactor.closed
    assert story.faults() == ["rcd"]


def test_a_process_that_dies_takes_the_power_with_it_though_the_pwm_runs_on(copper: Copper) -> None:
    story = charging(copper)
    copper.kernel.drop()
    copper.clock.sleep(0.05)
    assert not story.world.contactor.closed
    assert copper.duty() == pytest.approx(32 / 60, abs=1e-4)


def test_a_process_that_hangs_is_caught_by_the_coil_gate(copper: Copper) -> None:
    story = charging(copper)
    copper.clock.sleep(0.15)
    assert copper.active("contactor")
    assert not story.world.contactor.closed


def test_a_shorted_diode_gets_no_power(copper: Copper) -> None:
    story = Story(copper)
    story.run(2.5)
    story.world.ev.short_diode()
    story.world.plug_in()
    story.run(1.0)
    story.ask(AuthorizeResponse(local_token("04A2B3C4"), accepted=True))
    story.world.ev.request_power(16.0, 3)
    story.run(3.0)
    assert not copper.ever_active("contactor")
    assert story.faults()[0] == "diode"


def test_a_plug_is_locked_before_power_and_free_after_it(tmp_path) -> None:
    story = charging(Copper("cm4-carrier", tmp_path))
    assert story.board.lock.locked()
    assert story.board.proximity_in.read().resistance_ohm == pytest.approx(220.0, rel=0.02)
    assert story.board.rails_in.read().minus_12_v == pytest.approx(-12.0, abs=0.1)
    story.world.unplug()
    story.run(2.5)
    assert not story.board.lock.locked()
    assert story.state is EvseState.IDLE
