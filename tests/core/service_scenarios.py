"""Stories about who may charge and what clients may ask of a session: tokens, reservations, replug, faults.

Same form as tests.core.scenarios.
"""

import msgspec

from evsed.core import commands as c
from evsed.core.events import CommandDone, Note, ReservationChanged, ReservationMismatch
from evsed.core.settings import AuthMode, KnownToken, Settings
from evsed.core.states import EvseState as S
from evsed.core.states import ReservationEndReason, ReservationResult
from evsed.core.tokens import IdToken, IdTokenType, ProvidedIdToken
from tests.bench import TOKEN, Bench, token
from tests.core.scenarios import (
    ACCEPT,
    DISABLE,
    ENABLE,
    FINISHED_BY_EV,
    STARTED,
    TRANSACTION,
    MakeBench,
    Scenario,
    charging,
    finished,
    told,
)

OTHER = token("0BADCAFE")
FLEET = IdToken("FLEET", IdTokenType.CENTRAL)


def of_group(value: str, parent: IdToken) -> ProvidedIdToken:
    return msgspec.structs.replace(token(value), parent_id_token=parent)


def reserve(
    number: int = 7, value: str = "04a2b3c4", parent: str = "", expires_at_s: float | None = None
) -> c.Reserve:
    return c.Reserve(c.Reservation(number, value, parent, expires_at_s))


def reserved(make: MakeBench, command: c.Reserve | None = None) -> Bench:
    bench = make()
    done = bench.ask(command or reserve())
    assert (done.result, done.code) == (True, "Accepted")
    bench.forget()
    return bench


def changes(bench: Bench) -> list[int | None]:
    """The number of the reservation after each change of it."""
    kept = [e.reservation for e in bench.events if isinstance(e, ReservationChanged)]
    return [None if reservation is None else reservation.reservation_id for reservation in kept]


def refusal(bench: Bench, command: c.Reserve) -> str:
    done = bench.ask(command)
    assert not done.result
    assert done.why
    return done.code


def reserve_and_cancel(make: MakeBench) -> None:
    bench = make()
    bench.forget()
    assert bench.ask(reserve()).result
    told(bench, "ReservationStart", "Reserved")
    bench.ask(reserve())
    assert bench.events[:-1] == []
    bench.tick()
    assert bench.outputs.led.red
    assert bench.outputs.led.blue
    assert bench.ask(c.CancelReservation()).result
    assert changes(bench) == [None]
    assert bench.session_events[0].reservation_end is ReservationEndReason.CANCELLED
    told(bench, "ReservationEnd", "Unplugged")
    assert not bench.ask(c.CancelReservation()).result


def a_reservation_is_used_by_its_token(make: MakeBench) -> None:
    bench = reserved(make)
    assert bench.ask(ACCEPT).result
    assert bench.session_events[0].reservation_end is ReservationEndReason.USED
    assert bench.session_events[1].reservation.reservation_id == 7
    told(bench, "ReservationEnd SessionStarted(Authorized) Authorized", "Unplugged Preparing Preparing")
    bench.plug_in()
    started = next(e for e in bench.session_events if e.kind.value == "TransactionStarted")
    assert started.reservation is not None
    assert started.reservation.reservation_id == 7


def a_reservation_is_used_after_the_plug(make: MakeBench) -> None:
    bench = reserved(make)
    bench.plug_in()
    assert bench.session_events[0].reservation is not None
    told(bench, STARTED, "Preparing AuthRequired")
    assert bench.ask(ACCEPT).result
    bench.tick()
    told(bench, f"ReservationEnd {TRANSACTION}", "AuthRequired AuthRequired Preparing Preparing")


def a_reservation_lets_nobody_else_in(make: MakeBench) -> None:
    bench = reserved(make)
    bench.plug_in()
    bench.forget()
    assert not bench.ask(c.AuthorizeResponse(OTHER, accepted=True)).result
    assert bench.session_events == []
    assert any(isinstance(e, ReservationMismatch) for e in bench.events)
    assert bench.ask(c.AuthorizeResponse(OTHER, accepted=True, reservation_id=7)).result


def a_reservation_lets_its_group_in(make: MakeBench) -> None:
    bench = reserved(make, reserve(value="else", parent="fleet"))
    assert not bench.ask(c.AuthorizeResponse(OTHER, accepted=True)).result
    assert bench.ask(c.AuthorizeResponse(OTHER, accepted=True, parent=FLEET)).result


def a_reservation_for_anybody_is_used_by_the_first(make: MakeBench) -> None:
    bench = reserved(make, reserve(-1, ""))
    assert bench.ask(c.AuthorizeResponse(OTHER, accepted=True)).result
    assert changes(bench) == [None]


def a_reservation_expires(make: MakeBench) -> None:
    bench = make()
    bench.ask(reserve(expires_at_s=bench.clock.now_s() + 60.0))
    bench.forget()
    bench.run(1.0)
    assert bench.session_events == []
    bench.skip(60.0)
    assert bench.session_events[0].reservation_end is ReservationEndReason.EXPIRED
    told(bench, "ReservationEnd", "Unplugged")


def a_reservation_outlives_an_ev_without_its_token(make: MakeBench) -> None:
    bench = reserved(make)
    bench.plug_in()
    bench.unplug()
    told(bench, f"{STARTED} SessionFinished", "Preparing AuthRequired Reserved")


def a_reservation_comes_back_after_a_restart(make: MakeBench) -> None:
    bench = make(restore=c.Restore(reservation=reserve().reservation))
    told(bench, "Enabled", "Reserved")
    assert bench.ask(c.SetReservationExpiry(bench.clock.now_s() + 5.0)).result
    bench.skip(6.0)
    told(bench, "ReservationEnd", "Unplugged")
    assert not bench.ask(c.SetReservationExpiry(None)).result


def a_disable_ends_a_reservation(make: MakeBench) -> None:
    bench = reserved(make)
    bench.ask(DISABLE)
    told(bench, "ReservationEnd Disabled", "Unplugged Disabled")


def a_fault_ends_a_reservation(make: MakeBench) -> None:
    bench = reserved(make)
    bench.world.press_emergency_stop(True)
    bench.run(0.1)
    told(bench, "ReservationEnd", "Unplugged")


def what_stands_against_a_reservation(make: MakeBench) -> None:
    bench = make()
    result = ReservationResult
    now_s = bench.clock.now_s()
    assert refusal(bench, reserve(expires_at_s=now_s - 1.0)) == result.REJECTED.value
    unknown = c.Reserve(c.Reservation(7), expiry_known=False)
    assert refusal(bench, unknown) == result.REJECTED.value
    bench.ask(reserve(1))
    assert refusal(bench, reserve(2)) == result.OCCUPIED.value
    replaced = reserve(1, "another")
    assert bench.ask(replaced).code == result.ACCEPTED.value
    assert changes(bench)[-1] == 1
    bench.ask(c.CancelReservation())
    bench.plug_in()
    assert refusal(bench, reserve()) == result.OCCUPIED.value
    bench.world.press_emergency_stop(True)
    bench.run(0.1)
    assert refusal(bench, reserve()) == result.FAULTED.value
    bench.ask(DISABLE)
    assert refusal(bench, reserve()) == result.UNAVAILABLE.value


def free_charging_keeps_a_reservation(make: MakeBench) -> None:
    bench = make(Settings(auth_mode=AuthMode.FREE))
    bench.ask(reserve())
    bench.forget()
    bench.plug_in()
    told(bench, STARTED, "Preparing AuthRequired")
    bench.ask(c.PresentToken(TOKEN))
    bench.tick()
    told(bench, f"ReservationEnd {TRANSACTION}", "AuthRequired AuthRequired Preparing Preparing")


def the_same_token_stops(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.PresentToken(token("04a2B3c4"), by_reader=True)).result
    bench.run(4.0)
    finish = bench.session_events[-1]
    assert finish.id_tag is not None
    told(bench, finished("Local"), "Charging Finished FinishedEVSE")


def a_token_of_the_same_group_stops(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.ask(c.AuthorizeResponse(TOKEN, accepted=True, parent=FLEET))
    bench.request_power()
    bench.run_until(S.CHARGING)
    bench.forget()
    assert bench.ask(c.PresentToken(of_group("0BADCAFE", FLEET))).result
    bench.run(4.0)
    told(bench, finished("Local"), "Charging Finished FinishedEVSE")


def another_token_does_not_stop(make: MakeBench) -> None:
    bench = charging(make)
    assert not bench.ask(c.PresentToken(OTHER)).result
    assert not bench.ask(ACCEPT).result
    bench.run(0.1)
    assert bench.session_events == []


def the_master_group_stops_and_starts_nothing(make: MakeBench) -> None:
    master = KnownToken("M1", "Facility", "ADMIN")
    bench = make(Settings(master_pass_group="admin", tokens=(master,), auth_mode=AuthMode.FREE))
    assert not bench.ask(c.PresentToken(token("m1"))).result
    bench.charge()
    bench.forget()
    assert bench.ask(c.PresentToken(token("m1"))).result
    bench.run(4.0)
    told(bench, finished("MasterPass"), "Charging Finished Finished")


def a_card_asks_the_authorizer(make: MakeBench) -> None:
    bench = make()
    bench.plug_in()
    bench.forget()
    done = bench.ask(c.PresentToken(TOKEN, by_reader=True))
    assert (done.result, done.code) == (False, c.ASK_AUTHORIZER)
    assert bench.session_events == []
    bench.ask(ACCEPT)
    bench.tick()
    told(bench, TRANSACTION, "AuthRequired Preparing Preparing")


def replug_in_a_transaction(make: MakeBench) -> None:
    bench = charging(make)
    uuid = bench.charger.snapshot().session_uuid
    assert bench.ask(c.Replug()).result
    told(bench, "ReplugStarted", "Charging")
    assert bench.outputs.cp_connected
    bench.run(4.0)
    assert not bench.powered
    assert not bench.outputs.cp_connected
    assert bench.board.lock.locked()
    assert bench.session_events == []
    bench.run(8.0)
    told(bench, "ReplugFinished PrepareCharging ChargingStarted", "Charging Preparing Charging")
    bench.run(2.0)
    assert bench.powered
    assert bench.charger.snapshot().session_uuid == uuid


def replug_waits_for_a_stubborn_ev(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.ask(c.Replug())
    bench.run(5.5)
    assert bench.powered
    assert bench.outputs.cp_connected
    bench.run(1.0)
    assert not bench.powered
    assert not bench.outputs.cp_connected


def replug_without_a_transaction(make: MakeBench) -> None:
    bench = make()
    assert not bench.ask(c.Replug()).result
    bench.plug_in()
    bench.skip(61.0)
    bench.forget()
    assert bench.ask(c.Replug()).result
    bench.run(5.0)
    told(bench, "ReplugStarted ReplugFinished AuthRequired", "AuthTimeout AuthTimeout AuthRequired")
    bench.skip(61.0)
    told(bench, "Deauthorized PluginTimeout", "AuthRequired AuthTimeout")


def replug_after_a_stop_begins_a_new_session(make: MakeBench) -> None:
    bench = charging(make)
    old = bench.charger.snapshot().session_uuid
    bench.ask(c.StopTransaction(c.StopReason.REMOTE))
    bench.run(4.0)
    bench.forget()
    assert bench.ask(c.Replug()).result
    bench.run(5.0)
    told(
        bench,
        f"ReplugStarted ReplugFinished SessionFinished {STARTED}",
        "Finished Finished Unplugged Preparing AuthRequired",
    )
    assert bench.charger.snapshot().session_uuid not in ("", old)


def an_ev_that_leaves_during_a_replug(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.Replug())
    bench.run(2.0)
    bench.world.lock.step(1.0, -1.0)
    bench.world.unplug()
    bench.run(5.0)
    told(
        bench,
        f"ReplugStarted ReplugFinished PrepareCharging {FINISHED_BY_EV}",
        "Charging Charging Preparing FinishedEV Finished Finished Unplugged",
    )


def a_stop_ends_a_replug_early(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.Replug())
    bench.run(4.0)
    assert not bench.outputs.cp_connected
    bench.forget()
    bench.ask(c.StopTransaction(c.StopReason.REMOTE))
    bench.run(1.0)
    told(bench, f"ReplugFinished {finished('Remote')}", "Charging Charging Finished Finished")


def an_ev_that_leaves_in_a_replug_after_a_stop(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(c.StopTransaction(c.StopReason.REMOTE))
    bench.run(4.0)
    bench.ask(c.Replug())
    bench.run(1.0)
    bench.world.lock.step(1.0, -1.0)
    bench.world.unplug()
    bench.forget()
    bench.run(5.0)
    told(bench, "ReplugFinished SessionFinished", "Finished Unplugged")


def set_faulted_and_cleared(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.SetFaulted(True)).result
    bench.run(0.3)
    assert not bench.powered
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    assert bench.ask(c.SetFaulted(False)).result
    assert not bench.ask(c.SetFaulted(False)).result
    bench.run(5.0)
    told(bench, "PrepareCharging ChargingStarted", "Preparing Charging")


def wait_for_external_ready(make: MakeBench) -> None:
    bench = make(Settings(external_ready=True))
    assert bench.state is S.BOOTING
    assert bench.charger.snapshot().waits_for_external_ready
    bench.plug_in()
    assert bench.session_events == []
    assert bench.ask(c.ExternalReady()).result
    bench.run(0.1)
    told(bench, f"Enabled {STARTED}", "Unplugged Preparing AuthRequired")
    assert bench.ask(c.ExternalReady()).result


def wait_for_external_ready_disabled(make: MakeBench) -> None:
    bench = make(Settings(external_ready=True), restore=c.Restore((DISABLE.row,)))
    assert bench.session_events == []
    bench.ask(c.ExternalReady())
    bench.tick()
    told(bench, "Disabled", "Disabled")
    bench.ask(ENABLE)
    bench.run(1.0)
    told(bench, "Enabled", "Unplugged")


def nobody_waits_for_external_ready(make: MakeBench) -> None:
    assert not make().ask(c.ExternalReady()).result


def the_stop_button_stops(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.press_stop_button(True)
    bench.run(4.0)
    told(bench, finished("Local"), "Charging Finished FinishedEVSE")


def the_rcd_is_tested_between_sessions(make: MakeBench) -> None:
    bench = make(Settings(has_rcd_test=True), settle_s=0.1)
    bench.run(1.0)
    assert [line for line in notes(bench) if line.startswith("rcd test passed: acted after 20 ms")]
    bench.forget()
    bench.run(1.0)
    assert notes(bench) == []
    bench.charge()
    bench.forget()
    bench.unplug()
    bench.run(1.0)
    assert len(notes(bench)) == 1
    assert bench.faults() == []
    bench.skip(86400.0)
    bench.run(1.0)
    assert len(notes(bench)) == 2


def a_broken_rcd_gives_no_power(make: MakeBench) -> None:
    bench = make(Settings(has_rcd_test=True, rcd_test_every_s=0.0))
    bench.world.rcd.stick(True)
    assert answered(bench, c.TestRcd()) == (False, "failed: did not act within 0.3 s")
    bench.run(0.1)
    assert bench.faults() == ["+rcd_self_test"]
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(1.0)
    assert bench.outputs.duty == 1.0
    bench.unplug()
    bench.world.rcd.stick(False)
    assert answered(bench, c.TestRcd())[0]
    bench.run(0.1)
    assert bench.faults() == ["+rcd_self_test", "-rcd_self_test"]


def an_rcd_that_stays_tripped_fails(make: MakeBench) -> None:
    bench = make(Settings(has_rcd_test=True, rcd_test_every_s=0.0))
    bench.world.rcd.leak(30.0)
    bench.tick(c.Request(77, c.TestRcd()))
    bench.run(2.5)
    done = next(e for e in bench.events if isinstance(e, CommandDone) and e.request_id == 77)
    assert (done.result, done.why) == (False, "failed: not back after 2.0 s")
    assert "+rcd" in bench.faults()


def the_lock_is_tested(make: MakeBench) -> None:
    bench = make()
    result, why = answered(bench, c.TestLock())
    assert result
    assert why.startswith("passed: acted after 2")
    assert not bench.board.lock.locked()
    bench.world.lock.jam(True)
    assert not answered(bench, c.TestLock())[0]
    bench.run(0.1)
    assert bench.faults() == ["+lock_self_test"]
    bench.plug_in()
    bench.run(0.1)
    assert "+lock" not in bench.told()


def tests_are_refused_with_an_ev_or_without_the_parts(make: MakeBench) -> None:
    bench = make()
    assert "no RCD test line" in bench.ask(c.TestRcd()).why
    bench.tick(c.Request(78, c.TestLock()))
    assert bench.ask(c.TestLock()).why == "another test is running"
    bench.plug_in()
    bench.run(0.2)
    cut = next(e for e in bench.events if isinstance(e, CommandDone) and e.request_id == 78)
    assert (cut.result, cut.why) == (False, "cut short: an EV has come")
    assert bench.faults() == []
    assert "only without an EV" in bench.ask(c.TestLock()).why
    assert "no lock" in make(Settings(socket=False)).ask(c.TestLock()).why


LEFT = c.OpenSession("left", in_transaction=True, id_tag=TOKEN, start_wh=0.0)
GIVEN_UP = "SessionResumed TransactionFinished(PowerLoss) SessionFinished"


def restarted(make: MakeBench, disabled: bool = False) -> Bench:
    """A new process finds the transaction of the last one; the EV stays plugged and wants power."""
    bench = charging(make, resume_after_power_loss=True)
    rows = (DISABLE.row,) if disabled else ()
    bench.restart(c.Restore(rows, LEFT))
    return bench


def a_transaction_is_resumed(make: MakeBench) -> None:
    bench = restarted(make)
    bench.run(6.0)
    told(
        bench,
        "SessionResumed Enabled PrepareCharging ChargingStarted",
        "Charging Charging Preparing Charging",
    )
    bench.run(1.0)
    assert bench.powered
    assert bench.charger.snapshot().session_uuid == "left"
    assert bench.ask(c.PresentToken(TOKEN)).result
    bench.run(4.0)
    told(bench, finished("Local"), "Charging Finished FinishedEVSE")


def a_transaction_whose_ev_has_left_is_not_resumed(make: MakeBench) -> None:
    bench = make(Settings(resume_after_power_loss=True), restore=c.Restore((), LEFT))
    bench.run(3.0)
    told(bench, f"{GIVEN_UP} Enabled", "Unknown Finished Unplugged Unplugged")


def a_disabled_evse_resumes_nothing(make: MakeBench) -> None:
    bench = restarted(make, disabled=True)
    bench.run(1.0)
    told(bench, f"{GIVEN_UP} Disabled", "Charging Finished Unplugged Disabled")


def nothing_is_resumed_unless_so_configured(make: MakeBench) -> None:
    bench = charging(make)
    bench.restart(c.Restore((), LEFT))
    bench.run(3.0)
    told(
        bench, f"{GIVEN_UP} Enabled {STARTED}", "Charging Finished Unplugged Unplugged Preparing AuthRequired"
    )


def a_planned_stop_leaves_a_transaction_to_resume(make: MakeBench) -> None:
    bench = charging(make, resume_after_power_loss=True)
    assert bench.charger.serving
    bench.ask(c.PlannedStop())
    assert not bench.charger.serving
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")
    bench.run(5.0)
    assert bench.session_events == []
    assert bench.charger.power_is_off
    bench.ask(c.ResumeCharging())
    bench.run(3.0)
    assert not bench.powered


def an_outage_is_followed_by_a_random_wait(make: MakeBench) -> None:
    bench = make(Settings(restart_delay_s=100.0))
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(0.1)
    assert bench.state is S.WAITING_FOR_ENERGY
    assert bench.charger.snapshot().limit_source == "restart_delay"
    bench.skip(100.0)
    bench.run(0.1)
    assert bench.state is S.PREPARE_CHARGING


def bad_mains_end_the_transaction(make: MakeBench) -> None:
    for voltage_v, fault in ((260.0, "+over_voltage"), (190.0, "+under_voltage")):
        bench = charging(make)
        bench.world.set_mains(voltage_v)
        bench.run(9.0)
        assert bench.faults() == []
        bench.run(3.0)
        assert bench.faults() == [fault]
        told(bench, finished("PowerQuality"), "Charging Finished Finished")
        bench.world.set_mains(230.0)
        bench.unplug()
        bench.run(1.0)
        assert bench.faults() == [f"-{fault[1:]}"]


def a_rail_that_sags_takes_power_away(make: MakeBench) -> None:
    bench = charging(make)
    bench.world.set_rail("12V", 10.5)
    bench.run(0.1)
    assert bench.faults() == ["+rails"]
    assert not bench.powered
    bench.world.set_rail("12V", 12.0)
    bench.run(0.1)
    assert bench.faults() == ["+rails", "-rails"]


def answered(bench: Bench, command: c.Command) -> tuple[bool, str]:
    """What a command that takes its time is answered in the end."""
    bench.tick(c.Request(99, command))
    for _ in range(1200):
        bench.tick()
        done = [e for e in bench.events if isinstance(e, CommandDone) and e.request_id == 99]
        if done:
            bench.events.remove(done[0])
            return done[0].result, done[0].why
    raise AssertionError("no answer")


def notes(bench: Bench) -> list[str]:
    return [e.text for e in bench.events if isinstance(e, Note)]


SERVICE_SCENARIOS: tuple[Scenario, ...] = (
    reserve_and_cancel,
    a_reservation_is_used_by_its_token,
    a_reservation_is_used_after_the_plug,
    a_reservation_lets_nobody_else_in,
    a_reservation_lets_its_group_in,
    a_reservation_for_anybody_is_used_by_the_first,
    a_reservation_expires,
    a_reservation_outlives_an_ev_without_its_token,
    a_reservation_comes_back_after_a_restart,
    a_disable_ends_a_reservation,
    a_fault_ends_a_reservation,
    what_stands_against_a_reservation,
    free_charging_keeps_a_reservation,
    the_same_token_stops,
    a_token_of_the_same_group_stops,
    another_token_does_not_stop,
    the_master_group_stops_and_starts_nothing,
    a_card_asks_the_authorizer,
    replug_in_a_transaction,
    replug_waits_for_a_stubborn_ev,
    replug_without_a_transaction,
    replug_after_a_stop_begins_a_new_session,
    an_ev_that_leaves_during_a_replug,
    a_stop_ends_a_replug_early,
    an_ev_that_leaves_in_a_replug_after_a_stop,
    set_faulted_and_cleared,
    wait_for_external_ready,
    wait_for_external_ready_disabled,
    nobody_waits_for_external_ready,
    the_stop_button_stops,
    the_rcd_is_tested_between_sessions,
    a_broken_rcd_gives_no_power,
    an_rcd_that_stays_tripped_fails,
    the_lock_is_tested,
    tests_are_refused_with_an_ev_or_without_the_parts,
    a_transaction_is_resumed,
    a_transaction_whose_ev_has_left_is_not_resumed,
    a_disabled_evse_resumes_nothing,
    nothing_is_resumed_unless_so_configured,
    a_planned_stop_leaves_a_transaction_to_resume,
    an_outage_is_followed_by_a_random_wait,
    bad_mains_end_the_transaction,
    a_rail_that_sags_takes_power_away,
)
