"""Whatever clients and EVs do in whatever order, these hold in every step."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evsed.core import commands as c
from evsed.core.charger import Charger
from evsed.core.events import Event
from evsed.core.inputs import Inputs, Outputs
from evsed.core.settings import AuthMode, Settings, SwitchMode
from evsed.core.states import CpState, EventKind, StopReason
from tests.bench import TOKEN, Bench
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE, limit

COMMANDS: tuple[c.Command, ...] = (
    ACCEPT,
    c.PresentToken(TOKEN),
    c.WithdrawAuthorization(),
    c.PauseCharging(),
    c.ResumeCharging(),
    c.StopTransaction(StopReason.REMOTE),
    c.ForceUnlock(),
    DISABLE,
    ENABLE,
    limit(0.0),
    limit(10.0),
    c.SetLimit("ems", 0.0, c.LimitKind.TIMEBOXED, 0.5),
    c.SetLimit("ems", 16.0, c.LimitKind.KEEPALIVE, 0.5),
    c.PlannedStop(),
    c.SwitchPhases(True),
    c.SwitchPhases(False),
    c.SetLimit("ems", power_w=2000.0),
    c.SetSchedule("external", (c.ScheduleEntry(0.0, 16.0), c.ScheduleEntry(1005.0, 0.0, phases=1)), 2.0),
    c.Replug(),
    c.SetFaulted(True),
    c.SetFaulted(False),
    c.Reserve(c.Reservation(1, "else")),
    c.Reserve(c.Reservation(2, expires_at_s=1006.0)),
    c.CancelReservation(),
    c.SetSessionLimits(energy_wh=1.0, duration_s=3.0),
    c.EnableRandomDelay(True),
    c.CancelRandomDelay(),
    c.SetRandomDelayDuration(2.0),
    c.Configure(Settings(auth_mode=AuthMode.FREE, session_duration_s=5.0)),
    c.Configure(Settings()),
)
WORLD: tuple[Callable[[Bench], None], ...] = (
    lambda b: b.world.plug_in(),
    lambda b: b.world.unplug(),
    lambda b: b.request_power(32.0),
    lambda b: b.world.ev.request_power_fixed(16.0, 3),
    lambda b: b.world.ev.pause(),
    lambda b: b.world.ev.short_cp(),
    lambda b: b.world.ev.short_diode(),
    lambda b: b.world.rcd.leak(30.0),
    lambda b: b.world.reset_ev(),
    lambda b: b.world.press_emergency_stop(True),
    lambda b: b.world.press_emergency_stop(False),
    lambda b: b.world.cable.set_coding(1e6),
    lambda b: b.world.lock.step(1.0, -1.0),
    lambda b: b.world.contactor.weld(True),
    lambda b: b.world.press_stop_button(True),
    lambda b: b.world.press_stop_button(False),
)
ACTIONS = st.lists(
    st.one_of(st.sampled_from(COMMANDS), st.sampled_from(WORLD), st.sampled_from((1, 2, 5, 30, 60, 250))),
    min_size=4,
    max_size=25,
)
SWITCHING = Settings(
    phase_switching=True,
    switch_delay_s=1.0,
    switch_mode=SwitchMode.BOTH,
    switch_time_hysteresis_s=1.0,
    replug_s=1.0,
)
SETTINGS = st.sampled_from(
    (
        Settings(),
        Settings(auth_mode=AuthMode.FREE),
        Settings(socket=False),
        Settings(has_ventilation=False),
        SWITCHING,
    )
)
Action = Any
walk = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
PAIRS = (
    (EventKind.SESSION_STARTED, EventKind.SESSION_FINISHED),
    (EventKind.TRANSACTION_STARTED, EventKind.TRANSACTION_FINISHED),
)


class Recorder(Bench):
    """A bench that keeps what went into and came out of every step, and looks at each."""

    def __init__(self, settings: Settings) -> None:
        self.steps: list[tuple[Inputs, float, Outputs, list[Event]]] = []
        super().__init__(settings)

    def _take(self, inputs: Inputs) -> None:
        n = len(self.events)
        before, woken = (
            self.charger.snapshot(),
            self.steps and self.steps[-1][0].sample_seq == inputs.sample_seq,
        )
        old = self.outputs
        super()._take(inputs)
        self.steps.append((inputs, self.clock.now_s(), self.outputs, self.events[n:]))
        if woken:
            self._check_woken(before.cp, old)
        if self.outputs.contactor_closed:
            self._check_power()

    def _check_woken(self, cp: CpState, old: Outputs) -> None:
        assert old.contactor_closed or not self.outputs.contactor_closed
        assert self.outputs.lock is old.lock
        assert self.charger.snapshot().cp is cp

    def _check_power(self) -> None:
        s = self.charger.snapshot()
        assert s.in_transaction
        assert s.cp in (CpState.C, CpState.D)
        assert s.locked or not self.settings.socket
        assert not {"rcd", "emergency_stop", "diode", "pilot", "proximity"} & set(s.faults)
        assert self.sampler.stored_transaction == s.session_uuid
        assert self.outputs.cp_connected
        assert self.world.phases_switched_under_load_n == 0


def walked(actions: list[Action], settings: Settings, begin_charging: bool) -> Recorder:
    bench = Recorder(settings)
    if begin_charging:
        bench.charge(32.0)
    for action in actions:
        if isinstance(action, int):
            bench.run(action * 0.01)
        elif callable(action):
            action(bench)
            bench.tick()
        else:
            bench.ask(action)
    return bench


def assert_paired(bench: Recorder) -> None:
    for begin, end in PAIRS:
        open_uuid = ""
        for event in bench.session_events:
            if event.kind is begin:
                assert not open_uuid
                open_uuid = event.uuid
            elif event.kind is end:
                assert event.uuid == open_uuid
                open_uuid = ""
        counted = Counter(e.uuid for e in bench.session_events if e.kind is begin)
        assert set(counted.values()) <= {1}


@walk
@given(ACTIONS, SETTINGS, st.booleans())
def test_power_flows_only_with_every_ground_and_sessions_are_told_in_pairs(
    actions: list[Action], settings: Settings, begin_charging: bool
) -> None:
    bench = walked(actions, settings, begin_charging)
    assert_paired(bench)


@walk
@given(ACTIONS, SETTINGS)
def test_the_same_inputs_twice_give_the_same_outputs_and_events(
    actions: list[Action], settings: Settings
) -> None:
    bench = walked(actions, settings, begin_charging=True)
    again = Charger(settings)
    for inputs, now_s, outputs, events in bench.steps:
        assert again.step(inputs, now_s) == (outputs, events)


@walk
@given(ACTIONS, SETTINGS)
def test_everybody_who_leaves_leaves_an_idle_charger(actions: list[Action], settings: Settings) -> None:
    bench = walked(actions, settings, begin_charging=True)
    bench.world.unplug()
    bench.run(6.0)
    assert bench.state.value in ("Idle", "Disabled")
    assert not bench.outputs.contactor_closed
    assert not bench.charger.snapshot().session_uuid or bench.state.value == "Idle"
    kinds = Counter(e.kind for e in bench.session_events)
    assert kinds[EventKind.TRANSACTION_STARTED] == kinds[EventKind.TRANSACTION_FINISHED]
