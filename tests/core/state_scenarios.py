"""Stories per state: what ends, stops, pauses or starves a transaction works wherever the transaction is.

Same form as tests.core.scenarios; what those say already is not said again.
"""

from collections.abc import Callable

from evsed.core import commands as c
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason
from hal.types import LockDrive
from tests.bench import Bench
from tests.core.scenarios import (
    ACCEPT,
    DISABLE,
    FINISHED_BY_EV,
    STARTED,
    MakeBench,
    Scenario,
    charging,
    finished,
    limit,
    told,
)

NOT_RESTORED_YET = c.ClearLimit("nothing")  # a first command that is not the store's answer


def prepared(make: MakeBench) -> Bench:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.tick()
    return bench


def stubborn(make: MakeBench) -> Bench:
    """Charging with an EV that stays in C whatever it is told."""
    bench = prepared(make)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run_until(S.CHARGING)
    bench.run(3.0)
    bench.forget()
    return bench


def paused_by_ev(make: MakeBench) -> Bench:
    bench = charging(make)
    bench.world.ev.pause()
    bench.run(0.2)
    return bench


def paused_by_us(make: MakeBench) -> Bench:
    bench = prepared(make)
    bench.ask(c.PauseCharging())
    return bench


def without_energy(make: MakeBench) -> Bench:
    bench = prepared(make)
    bench.ask(limit(0.0))
    return bench


def waking_f(make: MakeBench) -> Bench:
    bench = prepared(make)
    bench.skip(29.0)
    bench.run_until(S.WAKE_UP_F)
    bench.run(0.5)
    assert bench.outputs.duty == 0.0
    assert bench.board.lock.locked()
    return bench


def waking_x1(make: MakeBench) -> Bench:
    bench = waking_f(make)
    bench.run_until(S.WAKE_UP_X1)
    bench.run(0.4)
    assert bench.outputs.duty == 1.0
    assert bench.board.lock.locked()
    return bench


def switching_phases(make: MakeBench) -> Bench:
    """In the break, with power off already."""
    bench = make(Settings(phase_switching=True))
    bench.charge()
    bench.ask(c.SwitchPhases(False))
    bench.run(4.0)
    assert not bench.powered
    return bench


# How a state is reached, and what session_info says there.
REACHED: dict[S, tuple[Callable[[MakeBench], Bench], str]] = {
    S.PREPARE_CHARGING: (prepared, "Preparing"),
    S.WAITING_FOR_ENERGY: (without_energy, "WaitingForEnergy"),
    S.CHARGING: (charging, "Charging"),
    S.CHARGING_PAUSED_EV: (paused_by_ev, "ChargingPausedEV"),
    S.CHARGING_PAUSED_EVSE: (paused_by_us, "ChargingPausedEVSE"),
    S.WAKE_UP_F: (waking_f, "Preparing"),
    S.WAKE_UP_X1: (waking_x1, "Preparing"),
    S.SWITCHING_PHASES: (switching_phases, "Charging"),
}
NOT_PAUSED = tuple(state for state in REACHED if state is not S.CHARGING_PAUSED_EVSE)
OFFERING = tuple(state for state in NOT_PAUSED if state not in (S.WAITING_FOR_ENERGY, S.SWITCHING_PHASES))


def _in(state: S, make: MakeBench) -> tuple[Bench, str]:
    reach, info = REACHED[state]
    bench = reach(make)
    assert bench.state is state
    bench.forget()
    return bench, info


def unplug(state: S, make: MakeBench) -> None:
    bench, _ = _in(state, make)
    bench.world.unplug()
    bench.run(5.0 if state is S.WAKE_UP_F else 0.3)  # while we drive -12 V nobody sees the EV leave
    told(bench, FINISHED_BY_EV, "FinishedEV Finished Finished Unplugged")


def short_cp(state: S, make: MakeBench) -> None:
    bench, _ = _in(state, make)
    bench.world.ev.short_cp()
    bench.run(0.2)
    told(bench, finished("EVDisconnected"), "FinishedEV Finished Finished")
    bench.run(0.5)
    assert not bench.powered
    assert not bench.board.lock.locked()


def stop(state: S, make: MakeBench) -> None:
    bench, info = _in(state, make)
    assert bench.ask(c.StopTransaction(StopReason.REMOTE)).result
    told(bench, "StoppingCharging", info)
    assert bench.outputs.duty == 1.0
    bench.run(0.1)
    assert bench.powered is (state is S.CHARGING)
    bench.run(4.0)
    told(bench, "ChargingFinished TransactionFinished(Remote)", "Finished Finished")
    assert bench.board.lock.locked()


def pause(state: S, make: MakeBench) -> None:
    bench, _ = _in(state, make)
    assert bench.ask(c.PauseCharging()).result
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    bench.run(4.0)
    assert bench.state is S.CHARGING_PAUSED_EVSE
    assert bench.board.lock.locked()


def starve(state: S, make: MakeBench) -> None:
    bench, _ = _in(state, make)
    bench.ask(limit(0.0))
    told(bench, "WaitingForEnergy", "WaitingForEnergy")
    bench.run(0.1)
    assert bench.powered is (state is S.CHARGING)
    bench.run(4.0)
    assert bench.state is S.WAITING_FOR_ENERGY
    assert bench.board.lock.locked()


def replug(state: S, make: MakeBench) -> None:
    bench, info = _in(state, make)
    assert bench.ask(c.Replug()).result
    told(bench, "ReplugStarted", info)
    bench.run(4.0)
    assert not bench.outputs.cp_connected
    bench.run(4.6)
    after = "ChargingPausedEVSE" if state is S.CHARGING_PAUSED_EVSE else "PrepareCharging"
    assert bench.told().startswith(f"ReplugFinished {after}")


def _scenario(act: Callable[[S, MakeBench], None], state: S) -> Scenario:
    def scenario(make: MakeBench) -> None:
        act(state, make)

    scenario.__name__ = f"{act.__name__}_in_{state.value}"
    return scenario


def the_store_answers_late(make: MakeBench) -> None:
    bench = make(restore=NOT_RESTORED_YET)
    bench.world.plug_in()
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run(1.0)
    told(bench, "", "")
    assert bench.state is S.BOOTING
    assert bench.outputs.duty == 1.0
    assert bench.outputs.lock is LockDrive.OFF
    assert bench.board.lock.locked()
    bench.ask(c.Restore())
    bench.tick()
    told(bench, f"Enabled {STARTED}", "Unplugged Preparing AuthRequired")


def disable_in_idle(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    bench.ask(DISABLE)
    told(bench, "Disabled", "Disabled")


def disable_after_an_authorization(make: MakeBench) -> None:
    bench = make()
    bench.ask(ACCEPT)
    bench.forget()
    bench.ask(DISABLE)
    told(bench, "SessionFinished Disabled", "Unplugged Disabled")


def an_ev_that_comes_at_a_planned_stop_is_not_served(make: MakeBench) -> None:
    bench = make()
    bench.ask(c.PlannedStop())
    bench.plug_in()
    assert bench.state is S.IDLE
    assert bench.board.lock.locked()


def a_stubborn_ev_is_cut_off_at_a_stop(make: MakeBench) -> None:
    bench = stubborn(make)
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(5.9)
    assert bench.powered
    bench.run(0.3)
    assert not bench.powered
    told(bench, finished("Remote"), "Charging Finished Finished")


def a_timeboxed_limit_ends_by_itself(make: MakeBench) -> None:
    """The EV stays in C: power returns with ChargingStarted, not before."""
    bench = stubborn(make)
    bench.ask(c.SetLimit("test", 0.0, c.LimitKind.TIMEBOXED, 9.0))
    bench.run(6.2)
    assert not bench.powered
    bench.run_until(S.PREPARE_CHARGING)
    assert not bench.outputs.contactor_closed
    bench.run(0.1)
    assert bench.powered
    told(bench, "WaitingForEnergy PrepareCharging ChargingStarted", "WaitingForEnergy Preparing Charging")


def a_quick_resume_keeps_the_contactor(make: MakeBench) -> None:
    bench = stubborn(make)
    bench.ask(c.PauseCharging())
    bench.run(1.0)
    bench.ask(c.ResumeCharging())
    bench.run(0.1)
    assert bench.powered
    told(
        bench,
        "ChargingPausedEVSE PrepareCharging ChargingStarted",
        "ChargingPausedEVSE Preparing Charging",
    )


def a_wake_up_gives_no_power(make: MakeBench) -> None:
    bench = waking_f(make)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run_until(S.WAKE_UP_X1)
    bench.run(0.7)
    assert bench.state is S.WAKE_UP_X1
    assert bench.charger.snapshot().cp.value == "C"
    assert not bench.powered


def a_fault_while_the_ev_pauses(make: MakeBench) -> None:
    bench = paused_by_ev(make)
    bench.forget()
    bench.world.cable.set_coding(float("inf"))
    bench.run(0.1)
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")


def nothing_is_offered_before_the_transaction_is_stored(make: MakeBench) -> None:
    bench = make()
    bench.stores = False
    bench.plug_in()
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.ask(ACCEPT)
    bench.run(1.0)
    assert bench.state is S.PREPARE_CHARGING
    assert bench.outputs.duty == 1.0
    assert not bench.powered
    bench.sampler.stored_transaction = bench.session_events[-1].uuid
    bench.run(1.0)
    assert bench.powered


def an_ev_with_ventilation_charges(make: MakeBench) -> None:
    bench = make(Settings(has_ventilation=True))
    bench.world.ev.ventilation = True
    bench.charge()
    assert bench.charger.snapshot().cp.value == "D"


STATE_SCENARIOS: tuple[Scenario, ...] = (
    *(_scenario(unplug, state) for state in REACHED),
    *(_scenario(short_cp, state) for state in REACHED),
    *(_scenario(stop, state) for state in REACHED),
    *(_scenario(pause, state) for state in NOT_PAUSED),
    *(_scenario(starve, state) for state in OFFERING),
    *(_scenario(replug, state) for state in REACHED),
    the_store_answers_late,
    disable_in_idle,
    disable_after_an_authorization,
    an_ev_that_comes_at_a_planned_stop_is_not_served,
    a_stubborn_ev_is_cut_off_at_a_stop,
    a_timeboxed_limit_ends_by_itself,
    a_quick_resume_keeps_the_contactor,
    a_wake_up_gives_no_power,
    a_fault_while_the_ev_pauses,
    nothing_is_offered_before_the_transaction_is_stored,
    an_ev_with_ventilation_charges,
)
