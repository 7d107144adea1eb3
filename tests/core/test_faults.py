"""Every row of FAULTS, provoked in the world while an EV charges: power off, pilot, transaction, latch."""

from collections.abc import Callable

import msgspec
import pytest

from evsed.core.charger import Charger
from evsed.core.commands import Restore
from evsed.core.events import FaultCleared, FaultRaised
from evsed.core.faults import BY_NAME, FAULTS, Clears, Fault
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from hal.sim.outlet import LOCK_TRAVEL_S
from hal.types import Missing
from tests.bench import TICK_S, Bench
from tests.core.scenarios import ACCEPT, charging, finished

Act = Callable[[Bench], None]
STATE_F_S = 0.3


class DeadPilot:
    """An ADC that does not answer."""

    def read(self) -> Missing:
        return Missing("no answer", 0.0)


def nothing(bench: Bench) -> None:
    """Undone by itself."""


def kill_adc(bench: Bench) -> None:
    bench.alive = bench.board.pilot_in
    bench.board.pilot_in = DeadPilot()


def revive_adc(bench: Bench) -> None:
    bench.board.pilot_in = bench.alive


def break_lock_open(bench: Bench) -> None:
    """By force, and it cannot be locked again."""
    bench.world.lock.step(LOCK_TRAVEL_S, -1.0)
    bench.world.lock.jam(True)


def want_fan(bench: Bench) -> None:
    bench.world.ev.ventilation = True


def no_fan_wanted(bench: Bench) -> None:
    bench.world.ev.ventilation = False


class Case(msgspec.Struct, frozen=True):
    """within_s: how long after provoke the fault must have been raised."""

    fault: str
    provoke: Act
    undo: Act
    within_s: float
    settings: Settings = Settings()


# fmt: off
RCD        = (lambda b: b.world.rcd.leak(30.0),             lambda b: b.world.rcd.leak(0.0))
STOP       = (lambda b: b.world.press_emergency_stop(True), lambda b: b.world.press_emergency_stop(False))
TOO_MUCH   = (lambda b: b.world.ev.draw_above_offer(10.0),  lambda b: b.world.ev.draw_above_offer(0.0))
NO_DIODE   = (lambda b: b.world.ev.short_diode(),           nothing)
STUCK_LOW  = (lambda b: b.world.ev.force_cp("F"),           lambda b: b.request_power())
DEAD_ADC   = (kill_adc,                                     revive_adc)
NO_CODING  = (lambda b: b.world.cable.set_coding(1e6),      lambda b: b.world.cable.set_coding(220.0))
SHORTED_PP = (lambda b: b.world.cable.set_coding(10.0),     lambda b: b.world.cable.set_coding(220.0))
FAN        = (want_fan,                                     no_fan_wanted)
CROWBAR    = (break_lock_open,                              lambda b: b.world.lock.jam(False))

CASES = {
    #                       fault             provoke, undo  within_s
    "rcd":             Case("rcd",            *RCD,          0.03),
    "emergency stop":  Case("emergency_stop", *STOP,         0.02),
    "over current":    Case("over_current",   *TOO_MUCH,     11.0),
    "diode":           Case("diode",          *NO_DIODE,     0.05),
    "pilot stuck low": Case("pilot",          *STUCK_LOW,    0.04),
    "pilot missing":   Case("pilot",          *DEAD_ADC,     0.03),
    "proximity":       Case("proximity",      *NO_CODING,    0.03),
    "plug shorted":    Case("proximity",      *SHORTED_PP,   0.03),
    "ventilation":     Case("ventilation",    *FAN,          0.03, Settings(has_ventilation=False)),
    "lock opened":     Case("lock_opened",    *CROWBAR,      0.02),
}
# fmt: on


def steps_until_raised(bench: Bench, fault: str, limit_s: float) -> FaultRaised:
    for _ in range(round(limit_s / TICK_S)):
        bench.tick()
        for event in bench.events:
            if isinstance(event, FaultRaised) and event.fault == fault:
                return event
    raise AssertionError(f"no {fault} within {limit_s} s, but {bench.faults()}")


def told_of(bench: Bench, fault: str) -> str:
    """+ for each time it was raised, - for each time it was cleared."""
    return "".join(line[0] for line in bench.faults() if line[1:] == fault)


def provoked(name: str) -> tuple[Bench, Fault, Case]:
    """Charging, then in the step in which the fault is raised."""
    case = CASES[name]
    bench = Bench(case.settings)
    bench.charge(32.0)
    bench.forget()
    case.provoke(bench)
    raised = steps_until_raised(bench, case.fault, case.within_s)
    fault = BY_NAME[case.fault]
    assert (raised.mrec, raised.severity, raised.text) == (fault.mrec, fault.severity, fault.text)
    assert raised.uuid
    return bench, fault, case


def test_every_fault_is_provoked() -> None:
    elsewhere = {"contactor_welded", "contactor_not_closed", "lock", "unlock", "meter_silent"}
    assert {case.fault for case in CASES.values()} | elsewhere == {fault.name for fault in FAULTS}


@pytest.mark.parametrize("name", CASES)
def test_power_is_off_in_the_same_step(name: str) -> None:
    bench, _, _ = provoked(name)
    assert not bench.outputs.contactor_closed
    bench.run(0.03)
    assert not bench.powered
    bench.run(0.5)
    assert not bench.powered


@pytest.mark.parametrize("name", CASES)
def test_the_pilot_says_f_for_a_while_and_then_x1(name: str) -> None:
    bench, fault, _ = provoked(name)
    duties = [bench.outputs.duty]
    for _ in range(60):
        bench.tick()
        duties.append(bench.outputs.duty)
    f_n = round(STATE_F_S / TICK_S) if fault.reaction.f_pulse else 0
    assert duties.count(0.0) == pytest.approx(f_n, abs=1)
    assert duties[:f_n] == [0.0] * f_n
    assert set(duties[f_n + 1 :]) == {1.0}


@pytest.mark.parametrize("name", CASES)
def test_the_transaction_ends_with_the_reason_or_is_paused(name: str) -> None:
    bench, fault, _ = provoked(name)
    bench.run(0.5)
    assert bench.told() == (finished(fault.ends.value) if fault.ends else "ChargingPausedEVSE")


@pytest.mark.parametrize("name", CASES)
def test_it_clears_when_its_row_says_so(name: str) -> None:
    bench, fault, case = provoked(name)
    bench.run(1.0)
    case.undo(bench)
    bench.run(6.0)
    # A shorted diode is believed until the EV has left: at X1 it cannot be seen.
    at_once = fault.clears is Clears.AT_ONCE and case.fault != "diode"
    assert told_of(bench, case.fault) == ("+-" if at_once else "+")
    assert bench.powered is at_once
    bench.unplug()
    assert told_of(bench, case.fault) == "+-"
    cleared = next(e for e in bench.events if isinstance(e, FaultCleared) and e.fault == case.fault)
    assert cleared.mrec == fault.mrec
    assert bench.state is S.IDLE


@pytest.mark.parametrize("name", ["rcd", "emergency stop"])
def test_nothing_is_offered_in_idle_until_the_cause_is_gone(name: str) -> None:
    bench, _, case = provoked(name)
    bench.run(1.0)
    bench.unplug()
    assert bench.state is S.IDLE
    bench.run(5.0)
    assert bench.outputs.duty == 0.0
    assert bench.charger.snapshot().faults == (case.fault,)
    case.undo(bench)
    bench.run(0.1)
    assert bench.outputs.duty == 1.0
    assert bench.charger.snapshot().faults == ()


def test_an_emergency_stop_in_idle_offers_nothing_and_clears() -> None:
    bench = Bench()
    bench.world.press_emergency_stop(True)
    bench.run(1.0)
    assert bench.outputs.duty == 0.0
    bench.world.press_emergency_stop(False)
    bench.run(0.1)
    assert bench.outputs.duty == 1.0
    assert bench.faults() == ["+emergency_stop", "-emergency_stop"]


def test_a_trip_between_two_ticks_takes_power_away_at_once() -> None:
    bench = charging(Bench)
    bench.world.press_emergency_stop(True)
    bench.world.advance(bench.clock.now_s())
    bench.ask(ACCEPT)
    assert not bench.outputs.contactor_closed
    assert bench.outputs.duty == 0.0


def test_a_contactor_that_does_not_close_is_a_fault_until_the_ev_has_left() -> None:
    bench = Bench()
    bench.world.contactor.stick_open(True)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.request_power()
    bench.run_until(S.CHARGING)
    assert bench.outputs.contactor_closed
    bench.forget()
    steps_until_raised(bench, "contactor_not_closed", 0.28)
    assert not bench.outputs.contactor_closed
    assert bench.outputs.duty == 0.0
    bench.run(0.4)
    assert bench.outputs.duty == 1.0
    assert bench.told() == "ChargingPausedEVSE"
    bench.world.contactor.stick_open(False)
    bench.run(5.0)
    assert not bench.powered
    bench.unplug()
    assert bench.faults() == ["+contactor_not_closed", "-contactor_not_closed"]


def test_a_weld_in_idle_drives_f_until_a_restart() -> None:
    bench = Bench()
    bench.world.contactor.weld(True)
    bench.run(1.0)
    assert bench.faults() == ["+contactor_welded"]
    assert bench.outputs.shunt_trip
    assert bench.outputs.duty == 0.0
    bench.world.contactor.weld(False)
    bench.run(5.0)
    assert bench.outputs.duty == 0.0
    assert bench.outputs.shunt_trip


def test_a_jammed_lock_gives_no_power_until_it_is_freed() -> None:
    bench = Bench()
    bench.world.lock.jam(True)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.request_power()
    bench.run(6.0)
    assert bench.faults() == ["+lock"]
    assert bench.outputs.duty == 1.0
    assert not bench.powered
    bench.world.lock.jam(False)
    bench.run(8.0)
    assert bench.faults() == ["+lock", "-lock"]
    assert bench.powered


def test_a_lock_that_does_not_open_is_reported_and_tried_again() -> None:
    bench = charging(Bench)
    bench.world.lock.jam(True)
    bench.unplug()
    bench.run(5.0)
    assert bench.faults() == ["+unlock"]
    assert bench.outputs.duty == 1.0
    bench.world.lock.jam(False)
    bench.run(6.0)
    assert bench.faults() == ["+unlock", "-unlock"]
    assert not bench.board.lock.locked()


def test_a_silent_meter_caps_the_current_and_nothing_else() -> None:
    bench = charging(Bench)
    bench.world.silence_meter(True)
    bench.run(9.0)
    assert bench.faults() == []
    bench.run(2.0)
    assert bench.faults() == ["+meter_silent"]
    assert bench.powered
    assert bench.told() == ""
    bench.run(5.0)
    snapshot = bench.charger.snapshot()
    assert (snapshot.limit_a, snapshot.limit_source) == (6.0, "meter_silent")
    assert snapshot.offered_a == pytest.approx(6.0)
    bench.world.silence_meter(False)
    bench.run(6.5)
    assert bench.faults() == ["+meter_silent", "-meter_silent"]
    assert bench.charger.snapshot().offered_a == pytest.approx(32.0)


def test_a_meter_that_never_answers_is_waited_for_from_the_start_of_service() -> None:
    bench = Bench()
    bench.charger = Charger(Settings(meter_silent_s=2.0))
    bench.world.silence_meter(True)
    bench.sampler.meter = None
    bench.run(5.0)
    assert bench.faults() == []
    bench.ask(Restore())
    bench.run(1.9)
    assert bench.faults() == []
    bench.run(0.2)
    assert bench.faults() == ["+meter_silent"]


def test_a_second_fault_keeps_the_first_reason() -> None:
    bench = charging(Bench)
    bench.world.press_emergency_stop(True)
    bench.run(0.02)
    bench.world.rcd.leak(30.0)
    bench.run(0.5)
    assert bench.told() == finished("EmergencyStop")


def test_the_cause_gone_in_one_of_two_faults_frees_nothing() -> None:
    bench = charging(Bench)
    bench.world.cable.set_coding(1e6)
    bench.world.ev.short_diode()
    bench.run(1.0)
    bench.world.cable.set_coding(220.0)
    bench.run(5.0)
    assert bench.charger.snapshot().faults == ("diode",)
    assert not bench.powered


def test_an_ev_that_insists_on_ventilation_is_reported_once() -> None:
    bench = Bench(Settings(has_ventilation=False))
    want_fan(bench)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.request_power()
    bench.run(10.0)
    assert bench.faults() == ["+ventilation"]
    bench.unplug()
    assert bench.faults() == ["+ventilation", "-ventilation"]
