"""Lives of a charger in the simulated world: whatever people, EVs, clients and faults do, in whichever order.

The same invariants as in the exploration, by the world's own knowledge, and the books: every session and
transaction begins once and ends once, and the energy of all transactions is what went through the meter.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from evsed.core import commands as c
from evsed.core.control_pilot import classify
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import CpState, EventKind, StopReason
from hal.types import LockDrive
from tests.bench import TICK_S, Bench
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE, limit

OPEN_WITHIN_S = 0.1
WH = 0.01  # of rounding, for each transaction

COMMANDS = (
    *(ACCEPT, c.WithdrawAuthorization(), c.StopTransaction(StopReason.REMOTE), c.ForceUnlock(), c.Replug()),
    *(c.PauseCharging(), c.ResumeCharging(), DISABLE, ENABLE, c.SetFaulted(True), c.SetFaulted(False)),
    *(c.SwitchPhases(True), c.SwitchPhases(False), limit(0.0), limit(5.9), limit(6.0), limit(32.0)),
)


class Watched(Bench):
    """Each tick is looked at."""

    powerless_s = 0.0

    def tick(self, *requests) -> None:
        before = self.outputs
        super().tick(*requests)
        s = self.charger._s
        shown = classify(
            self.lines.get("cp_pos_v"), CpState.C
        )  # what is on the wire, whatever the core makes of it
        self.powerless_s = 0.0 if shown in (CpState.C, CpState.D) else self.powerless_s + TICK_S
        if self.outputs.contactor_closed:
            assert s.session.in_transaction
            assert self.powerless_s <= OPEN_WITHIN_S + TICK_S / 2
            assert s.pilot.diode_seen
            assert not s.blocked
            assert s.limit_a >= 6.0 or s.power._ramp_since_s is not None
            assert not s.settings.socket or s.lock.confirmed
            assert before.three_phases is self.outputs.three_phases
        if self.outputs.lock is LockDrive.UNLOCK:
            assert not self.outputs.contactor_closed
            assert not self.board.contactor.mirror_closed()


class Lives(RuleBasedStateMachine):
    auth_mode = AuthMode.EXTERNAL
    socket = True

    def __init__(self) -> None:
        super().__init__()
        wanted = Settings(
            auth_mode=self.auth_mode,
            socket=self.socket,
            phase_switching=True,
            switch_delay_s=1.0,
            replug_s=1.0,
            connection_timeout_s=5.0,
        )
        self.bench = Watched(wanted)

    @rule()
    def plug_in(self) -> None:
        self.bench.plug_in()

    @rule()
    def unplug(self) -> None:
        self.bench.unplug()

    @rule(current_a=st.sampled_from((0.0, 6.0, 16.0, 32.0)))
    def want(self, current_a: float) -> None:
        self.bench.request_power(current_a)

    @rule()
    def stop_drawing(self) -> None:
        self.bench.world.ev.pause()

    @rule(command=st.sampled_from(COMMANDS))
    def ask(self, command: c.Command) -> None:
        self.bench.ask(command)

    @rule(seconds=st.sampled_from((0.02, 0.1, 0.5, 2.5, 7.0)))
    def wait(self, seconds: float) -> None:
        self.bench.run(seconds)

    @rule(on=st.booleans())
    def leak(self, on: bool) -> None:
        self.bench.world.rcd.leak(30.0 if on else 0.0)

    @rule(on=st.booleans())
    def press(self, on: bool) -> None:
        self.bench.world.press_emergency_stop(on)

    @rule(letter=st.sampled_from("ABCDEF"))
    def force(self, letter: str) -> None:
        self.bench.world.ev.force_cp(letter)
        self.bench.run(0.2)

    @precondition(lambda self: not self.bench.powered)
    @rule()
    def weld_and_let_go(self) -> None:
        self.bench.world.contactor.weld(True)
        self.bench.run(1.0)
        self.bench.world.contactor.weld(False)
        self.bench.run(1.0)

    @invariant()
    def sessions_are_told_in_order(self) -> None:
        open_session = open_transaction = ""
        for event in self.bench.session_events:
            if event.kind is EventKind.SESSION_STARTED:
                assert not open_session
                open_session = event.uuid
            elif event.kind is EventKind.TRANSACTION_STARTED:
                assert (open_transaction, event.uuid) == ("", open_session)
                open_transaction = event.uuid
            elif event.kind is EventKind.TRANSACTION_FINISHED:
                assert event.uuid == open_transaction
                open_transaction = ""
            elif event.kind is EventKind.SESSION_FINISHED:
                assert (event.uuid, open_transaction) == (open_session, "")
                open_session = ""

    def teardown(self) -> None:
        """Everybody leaves; then the books are closed, and the energy is all there."""
        bench = self.bench
        bench.world.rcd.leak(0.0)
        bench.world.press_emergency_stop(False)
        for _ in range(3):
            bench.unplug()
            bench.run(5.0)
        told = [event.kind for event in bench.session_events]
        for begun, ended in (
            (EventKind.SESSION_STARTED, EventKind.SESSION_FINISHED),
            (EventKind.TRANSACTION_STARTED, EventKind.TRANSACTION_FINISHED),
        ):
            assert told.count(begun) == told.count(ended), bench.told()
        metered_wh, transactions_n = _energy(bench)
        assert metered_wh == pytest.approx(
            bench.world.meter_values().energy_import_wh, abs=WH + WH * transactions_n
        )


def _energy(bench: Bench) -> tuple[float, int]:
    """Sum over all transactions, from the readings that their events carry, and how many they are."""
    sum_wh, n, start_wh = 0.0, 0, 0.0
    for event in bench.session_events:
        if event.kind is EventKind.TRANSACTION_STARTED:
            start_wh = event.meter.energy_import_wh if event.meter else 0.0
            n += 1
        elif event.kind is EventKind.TRANSACTION_FINISHED:
            sum_wh += (event.meter.energy_import_wh if event.meter else 0.0) - start_wh
    return sum_wh, n


class FreeTethered(Lives):
    auth_mode = AuthMode.FREE
    socket = False


PROFILE = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # a failing life is told as it was: to make it shorter takes minutes
)
SOAK = settings(PROFILE, max_examples=600, stateful_step_count=60)


@pytest.mark.parametrize("kind", [Lives, FreeTethered])
@pytest.mark.parametrize(
    "profile", [PROFILE, pytest.param(SOAK, marks=pytest.mark.soak)], ids=["short", "soak"]
)
def test_a_life(kind: type[Lives], profile: settings) -> None:
    run_state_machine_as_test(kind, settings=profile)
