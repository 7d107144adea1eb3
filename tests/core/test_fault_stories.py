"""Faults that need a story of their own: the contactor, the lock, the meter, Idle, two at a time."""

import pytest

from evsed.core.charger import Charger
from evsed.core.commands import Restore
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from tests.bench import Bench
from tests.core.provoking import steps_until_raised, want_fan
from tests.core.scenarios import ACCEPT, charging, finished


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
