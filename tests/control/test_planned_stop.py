"""The end of the loop: planned, or because the board broke down."""

import pytest

from evsed.control.loop import STOP_ACK_S, STOP_EV_S
from evsed.core import commands as c
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind, StopReason
from evsed.core.states import EvseState as S
from evsed.link import messages as m
from tests.control.loop_rig import Rig, duty
from tests.control.rig import TICK_S, Gateway


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
    assert stopped_after(rig) == pytest.approx(STOP_EV_S, abs=0.1)


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
