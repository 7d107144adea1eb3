"""The rows of the event order, each a story that plays on core and world and checks what was told.

A scenario takes a function that makes a bench, so that the same stories can be told with a row missing.
"""

from collections.abc import Callable
from typing import Any

from evsed.core import commands as c
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason
from hal.types import LockDrive
from tests.bench import TOKEN, Bench

MakeBench = Callable[..., Bench]
Scenario = Callable[[MakeBench], None]

ACCEPT = c.AuthorizeResponse(TOKEN, accepted=True)
STARTED = "SessionStarted(EVConnected) AuthRequired"
TRANSACTION = "Authorized TransactionStarted PrepareCharging"
FINISHED_BY_EV = "StoppingCharging ChargingFinished TransactionFinished(EVDisconnected) SessionFinished"


def row(
    state: c.EnableState, source: c.EnableSource = c.EnableSource.LOCAL_API, priority: int = 100
) -> c.EnableDisable:
    return c.EnableDisable(c.AvailabilityRow(source, state, priority))


DISABLE, ENABLE = row(c.EnableState.DISABLE), row(c.EnableState.ENABLE)


def limit(limit_a: float) -> c.SetLimit:
    return c.SetLimit("test", limit_a)


def finished(reason: str) -> str:
    return f"StoppingCharging ChargingFinished TransactionFinished({reason})"


def told(bench: Bench, events: str, info: str) -> None:
    """Exactly these events since the last look, and session_info after each."""
    assert (bench.told(), bench.info()) == (events, info)
    bench.forget()


def charging(make: MakeBench, **settings: Any) -> Bench:
    bench = make(Settings(**settings))
    bench.charge()
    bench.forget()
    return bench


def boot_enabled(make: MakeBench) -> None:
    bench = make()
    told(bench, "Enabled", "Unplugged")
    assert bench.state is S.IDLE
    assert bench.outputs.duty == 1.0


def boot_disabled(make: MakeBench) -> None:
    bench = make(restore=c.Restore((DISABLE.row,)))
    told(bench, "Disabled", "Disabled")
    assert bench.outputs.duty == 0.0
    assert bench.session_events == []


def plug_authorize_charge_unplug(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    bench.plug_in()
    told(bench, STARTED, "Preparing AuthRequired")
    assert bench.outputs.duty == 1.0
    assert bench.board.lock
    assert bench.board.lock.locked()
    bench.ask(ACCEPT)
    bench.tick()
    told(bench, TRANSACTION, "AuthRequired Preparing Preparing")
    assert abs(bench.outputs.duty - 32 / 60) < 1e-9
    assert not bench.powered
    bench.request_power()
    bench.run_until(S.CHARGING)
    told(bench, "ChargingStarted", "Charging")
    bench.run(0.1)
    assert bench.powered
    bench.unplug()
    told(bench, FINISHED_BY_EV, "FinishedEV Finished Finished Unplugged")
    assert not bench.powered
    assert not bench.board.lock.locked()
    assert bench.state is S.IDLE


def authorize_first_then_plug(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    assert bench.ask(ACCEPT).result
    told(bench, "SessionStarted(Authorized) Authorized", "Preparing Preparing")
    bench.plug_in()
    told(bench, "AuthRequired TransactionStarted PrepareCharging", "AuthRequired Preparing Preparing")


def ev_pauses_and_resumes(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.ev.pause()
    bench.run(1.0)
    told(bench, "ChargingPausedEV", "ChargingPausedEV")
    assert not bench.powered
    assert bench.outputs.duty < 1.0
    bench.request_power()
    bench.run(4.0)
    told(bench, "ChargingResumed", "Charging")
    assert bench.powered


def ev_that_pauses_too_long_is_stopped(make: MakeBench) -> None:
    bench = charging(make, ev_stop_s=5.0)
    bench.world.ev.pause()
    bench.run(4.0)
    told(bench, "ChargingPausedEV", "ChargingPausedEV")
    bench.run(2.0)
    told(bench, finished("StoppedByEV"), "ChargingPausedEV Finished Finished")


def unplug_by_way_of_b(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.ev.pause()
    bench.run(1.0)
    bench.unplug()
    told(
        bench, f"ChargingPausedEV {FINISHED_BY_EV}", "ChargingPausedEV FinishedEV Finished Finished Unplugged"
    )


def evse_pauses_and_resumes(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.PauseCharging()).result
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    assert bench.outputs.duty == 1.0
    assert bench.powered
    bench.run(4.0)
    assert not bench.powered
    assert bench.ask(c.PauseCharging()).result
    assert bench.session_events == []
    assert bench.ask(c.ResumeCharging()).result
    bench.run(5.0)
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")
    assert bench.powered


def evse_pause_without_energy_at_resume(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.PauseCharging())
    bench.run(4.0)
    bench.ask(limit(0.0))
    bench.ask(c.ResumeCharging())
    bench.run(1.0)
    told(bench, "ChargingPausedEVSE WaitingForEnergy", "ChargingPausedEVSE WaitingForEnergy")
    bench.ask(limit(16.0))
    bench.run(5.0)
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")


def pause_before_the_ev_draws(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.tick()
    bench.forget()
    assert bench.ask(c.PauseCharging()).result
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    bench.request_power()
    bench.run(2.0)
    assert not bench.powered


def energy_runs_out_and_comes_back(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(limit(5.9))
    told(bench, "WaitingForEnergy", "WaitingForEnergy")
    bench.run(4.0)
    assert not bench.powered
    assert bench.outputs.duty == 1.0
    bench.ask(limit(6.0))
    bench.run(5.0)
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")
    assert abs(bench.outputs.duty - 0.1) < 1e-9


def pause_while_waiting_for_energy(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(limit(0.0))
    bench.forget()
    bench.ask(c.PauseCharging())
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")


def stop_then_unplug(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.StopTransaction(StopReason.REMOTE)).result
    told(bench, "StoppingCharging", "Charging")
    assert bench.powered
    bench.run(4.0)
    told(bench, "ChargingFinished TransactionFinished(Remote)", "Finished Finished")
    assert bench.state is S.FINISHED
    assert bench.board.lock
    assert bench.board.lock.locked()
    bench.unplug()
    told(bench, "SessionFinished", "Unplugged")


def stop_locally(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.StopTransaction(StopReason.LOCAL, TOKEN))
    bench.run(4.0)
    assert bench.session_events[-1].id_tag == TOKEN
    told(bench, finished("Local"), "Charging Finished FinishedEVSE")


def nothing_starts_after_a_stop(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(4.0)
    bench.forget()
    assert not bench.ask(ACCEPT).result
    bench.run(5.0)
    told(bench, "", "")
    assert not bench.powered


def force_unlock_while_charging(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.ForceUnlock()).result
    assert bench.powered
    bench.run(5.0)
    told(bench, finished("UnlockCommand"), "Charging Finished Finished")
    assert bench.board.lock
    assert not bench.board.lock.locked()


def force_unlock_idle(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    assert bench.ask(c.ForceUnlock()).result
    bench.run(2.0)
    told(bench, "", "")


def force_unlock_of_a_tethered_cable(make: MakeBench) -> None:
    bench = charging(make, socket=False)
    assert not bench.ask(c.ForceUnlock()).result
    bench.run(1.0)
    told(bench, "", "")
    assert bench.powered


def force_unlock_while_plugged(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    assert bench.ask(c.ForceUnlock()).result
    bench.run(1.0)
    assert bench.board.lock
    assert not bench.board.lock.locked()


def withdraw_while_plugged(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.forget()
    bench.ask(c.WithdrawAuthorization())
    told(bench, "Deauthorized PluginTimeout", "AuthRequired AuthTimeout")
    bench.unplug()
    told(bench, "SessionFinished", "Unplugged")


def withdraw_before_plug(make: MakeBench) -> None:
    bench = make()
    bench.ask(ACCEPT)
    bench.forget()
    bench.ask(c.WithdrawAuthorization())
    told(bench, "Deauthorized SessionFinished", "Preparing Unplugged")


def withdraw_in_a_transaction(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.WithdrawAuthorization())
    bench.run(4.0)
    told(bench, f"Deauthorized {finished('DeAuthorized')}", "Charging Charging Finished Finished")


def nobody_authorizes(make: MakeBench) -> None:
    bench = make(Settings(connection_timeout_s=3.0))
    bench.forget()
    bench.plug_in()
    bench.run(2.0)
    told(bench, STARTED, "Preparing AuthRequired")
    bench.run(1.0)
    told(bench, "Deauthorized PluginTimeout", "AuthRequired AuthTimeout")
    bench.run(5.0)
    bench.unplug()
    told(bench, "SessionFinished", "Unplugged")


def authorized_but_no_ev_comes(make: MakeBench) -> None:
    bench = make(Settings(connection_timeout_s=3.0))
    bench.ask(ACCEPT)
    bench.forget()
    bench.run(2.9)
    told(bench, "", "")
    bench.run(0.2)
    told(bench, "Deauthorized SessionFinished", "Preparing Unplugged")


def disable_in_a_transaction(make: MakeBench) -> None:
    bench = charging(make)
    assert not bench.ask(DISABLE).result
    assert bench.powered
    bench.run(4.0)
    told(
        bench,
        f"{finished('Other')} SessionFinished Disabled",
        "Charging Finished Finished Unplugged Disabled",
    )
    assert bench.outputs.duty == 0.0
    assert bench.board.lock
    assert not bench.board.lock.locked()


def disable_names_itself_with_newer_enums(make: MakeBench) -> None:
    bench = charging(make, newer_enums=True)
    bench.ask(DISABLE)
    bench.run(4.0)
    assert "TransactionFinished(EVSEDisabled)" in bench.told()


def disable_while_waiting_for_a_token(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.forget()
    bench.ask(DISABLE)
    bench.run(0.1)
    told(bench, "SessionFinished Disabled", "Unplugged Disabled")


def enable_with_the_ev_still_there(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(DISABLE)
    bench.run(4.0)
    bench.forget()
    assert bench.ask(ENABLE).result
    bench.run(1.0)
    told(bench, f"Enabled {STARTED}", "Unplugged Preparing AuthRequired")


def enable_before_the_disable_is_carried_out(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(DISABLE)
    bench.run(0.1)
    assert bench.ask(ENABLE).result
    bench.run(5.0)
    told(
        bench,
        f"{finished('Other')} SessionFinished Disabled Enabled {STARTED}",
        "Charging Finished Finished Unplugged Disabled Unplugged Preparing AuthRequired",
    )


def a_blocking_fault_clears(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.cable.set_coding(float("inf"))
    bench.run(0.05)
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    assert not bench.powered
    assert bench.outputs.duty == 0.0
    bench.run(0.5)
    assert bench.outputs.duty == 1.0
    bench.world.cable.set_coding(220.0)
    bench.run(6.0)
    assert bench.faults() == ["-proximity"]
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")


def a_welded_contactor_is_latched(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.contactor.weld(True)
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(5.0)
    assert bench.faults() == ["+contactor_welded"]
    told(bench, finished("Remote"), "Charging Finished Finished")
    assert bench.outputs.duty == 1.0
    assert bench.outputs.shunt_trip
    assert bench.board.lock
    assert bench.board.lock.locked()
    bench.unplug()
    told(bench, "SessionFinished", "Unplugged")
    bench.run(1.0)
    assert bench.outputs.duty == 0.0
    bench.world.contactor.weld(False)
    bench.run(5.0)
    assert bench.outputs.duty == 0.0
    assert bench.charger.snapshot().faults == ("contactor_welded",)


def a_weld_shows_while_the_ev_pauses(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.contactor.weld(True)
    bench.world.ev.pause()
    bench.run(3.0)
    assert bench.faults() == ["+contactor_welded"]
    told(
        bench, f"ChargingPausedEV {finished('Other')}", "ChargingPausedEV ChargingPausedEV Finished Finished"
    )


def cp_short(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.ev.short_cp()
    bench.run(0.2)
    told(
        bench,
        "StoppingCharging ChargingFinished TransactionFinished(EVDisconnected)",
        "FinishedEV Finished Finished",
    )
    assert not bench.powered
    bench.unplug()
    told(bench, "SessionFinished", "Unplugged")


def left_over_transaction(make: MakeBench) -> None:
    bench = make(restore=c.Restore(open_session=c.OpenSession("left-over", in_transaction=True)))
    assert {e.uuid for e in bench.session_events[:3]} == {"left-over"}
    assert bench.told() == "SessionResumed TransactionFinished(PowerLoss) SessionFinished Enabled"


def left_over_session(make: MakeBench) -> None:
    bench = make(restore=c.Restore(open_session=c.OpenSession("left-over", in_transaction=False)))
    assert bench.told() == "SessionResumed SessionFinished Enabled"


def planned_stop(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.PlannedStop())
    assert bench.powered
    bench.run(4.0)
    told(bench, finished("Reboot"), "Charging Finished Finished")
    assert not bench.powered


def planned_stop_takes_no_new_ev(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    bench.ask(c.PlannedStop())
    bench.plug_in()
    assert not bench.ask(ACCEPT).result
    told(bench, "", "")


def free_service(make: MakeBench) -> None:
    bench = make(Settings(auth_mode=AuthMode.FREE))
    bench.forget()
    bench.plug_in()
    told(bench, f"{STARTED} {TRANSACTION}", "Preparing AuthRequired AuthRequired Preparing Preparing")


def ev_asleep_is_woken_up(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.world.ev.fall_asleep()
    bench.request_power()
    bench.forget()
    bench.run(29.0)
    assert bench.outputs.duty < 1.0
    assert bench.state is S.PREPARE_CHARGING
    bench.run(1.5)
    assert (bench.state, bench.outputs.duty) == (S.WAKE_UP_F, 0.0)
    bench.run(4.0)
    assert (bench.state, bench.outputs.duty) == (S.WAKE_UP_X1, 1.0)
    bench.run_until(S.CHARGING)
    bench.run(0.5)
    told(bench, "ChargingStarted", "Charging")
    assert bench.powered


def ev_that_does_not_wake_up(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.forget()
    bench.run(44.0)
    told(bench, "", "")
    bench.run(2.0)
    told(bench, "ChargingPausedEV", "ChargingPausedEV")
    assert bench.outputs.duty < 1.0
    bench.run(60.0)
    bench.request_power()
    bench.run(2.0)
    told(bench, "ChargingStarted", "Charging")


def pause_during_wake_up(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.forget()
    bench.run_until(S.WAKE_UP_F, 40.0)
    bench.ask(c.PauseCharging())
    bench.run(1.0)
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    assert bench.outputs.duty == 1.0


def six_second_rule(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run_until(S.CHARGING)
    bench.run(3.0)
    bench.forget()
    bench.ask(c.PauseCharging())
    bench.run(5.9)
    assert bench.powered
    bench.run(0.2)
    assert not bench.powered
    assert bench.charger.snapshot().cp.value == "C"
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")


def resume_within_the_six_seconds(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run_until(S.CHARGING)
    bench.run(3.0)
    bench.ask(c.PauseCharging())
    bench.forget()
    bench.run(1.0)
    bench.ask(c.ResumeCharging())
    bench.run(20.0)
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")
    assert bench.powered


def lock_is_driven_both_ways(make: MakeBench) -> None:
    bench = make()
    bench.world.plug_in()
    drives = []
    for _ in range(200):
        bench.tick()
        drives.append(bench.outputs.lock)
    assert LockDrive.LOCK in drives
    assert LockDrive.UNLOCK not in drives
    assert bench.outputs.lock is LockDrive.OFF


SCENARIOS: tuple[Scenario, ...] = (
    boot_enabled,
    boot_disabled,
    plug_authorize_charge_unplug,
    authorize_first_then_plug,
    ev_pauses_and_resumes,
    ev_that_pauses_too_long_is_stopped,
    unplug_by_way_of_b,
    evse_pauses_and_resumes,
    evse_pause_without_energy_at_resume,
    pause_before_the_ev_draws,
    energy_runs_out_and_comes_back,
    pause_while_waiting_for_energy,
    stop_then_unplug,
    stop_locally,
    nothing_starts_after_a_stop,
    force_unlock_while_charging,
    force_unlock_idle,
    force_unlock_of_a_tethered_cable,
    force_unlock_while_plugged,
    withdraw_while_plugged,
    withdraw_before_plug,
    withdraw_in_a_transaction,
    nobody_authorizes,
    authorized_but_no_ev_comes,
    disable_in_a_transaction,
    disable_names_itself_with_newer_enums,
    disable_while_waiting_for_a_token,
    enable_with_the_ev_still_there,
    enable_before_the_disable_is_carried_out,
    a_blocking_fault_clears,
    a_welded_contactor_is_latched,
    a_weld_shows_while_the_ev_pauses,
    cp_short,
    left_over_transaction,
    left_over_session,
    planned_stop,
    planned_stop_takes_no_new_ev,
    free_service,
    ev_asleep_is_woken_up,
    ev_that_does_not_wake_up,
    pause_during_wake_up,
    six_second_rule,
    resume_within_the_six_seconds,
    lock_is_driven_both_ways,
)
