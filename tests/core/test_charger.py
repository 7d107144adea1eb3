"""step() as a whole: duty, lock, garbage, snapshot, and a session on noisy bursts."""

import msgspec
import pytest

from evsed.core import commands as c
from evsed.core.charger import DUTY_SPACING_S, Charger
from evsed.core.events import StateChanged
from evsed.core.inputs import Inputs, Outputs
from evsed.core.settings import Settings
from evsed.core.states import Ampacity, CpState, StopReason
from evsed.core.states import EvseState as S
from hal.types import CpReading, LockDrive, Missing
from tests.bench import TICK_S, Bench
from tests.core.scenarios import ACCEPT, charging, limit
from tests.core.state_scenarios import prepared, stubborn


def seconds_to_duty(bench: Bench, duty: float, limit_s: float = 20.0) -> float:
    for n in range(round(limit_s / TICK_S)):
        if bench.outputs.duty == pytest.approx(duty):
            return n * TICK_S
        bench.tick()
    raise AssertionError(f"duty {bench.outputs.duty} after {limit_s} s, not {duty}")


# The duty.


@pytest.mark.parametrize("new_a", [10.0, 6.0])
def test_a_changed_limit_waits_until_the_ev_has_had_its_five_seconds(new_a: float) -> None:
    bench = charging(Bench)
    bench.run(DUTY_SPACING_S)
    bench.ask(limit(20.0))
    assert bench.outputs.duty == pytest.approx(20 / 60)
    bench.ask(limit(new_a))
    assert bench.outputs.duty == pytest.approx(20 / 60)
    assert seconds_to_duty(bench, new_a / 60) == pytest.approx(DUTY_SPACING_S, abs=2 * TICK_S)


def test_of_several_limits_meanwhile_the_last_is_offered() -> None:
    bench = charging(Bench)
    bench.run(DUTY_SPACING_S)
    seen = set()
    for n in range(40):
        bench.ask(limit(10.0 + n % 7))
        bench.run(0.1)
        seen.add(bench.outputs.duty)
    assert len(seen) == 1
    assert seconds_to_duty(bench, (10 + 39 % 7) / 60) < DUTY_SPACING_S


@pytest.mark.parametrize("command", [limit(0.0), c.PauseCharging(), c.StopTransaction(StopReason.REMOTE)])
def test_taking_the_offer_away_waits_for_nothing(command: c.Command) -> None:
    bench = charging(Bench)
    bench.run(DUTY_SPACING_S)
    bench.ask(limit(20.0))
    bench.ask(command)
    assert bench.outputs.duty == 1.0


def test_a_new_offer_after_x1_waits_for_nothing() -> None:
    bench = charging(Bench)
    bench.ask(c.PauseCharging())
    bench.ask(limit(10.0))
    bench.ask(c.ResumeCharging())
    assert bench.outputs.duty == pytest.approx(10 / 60)


def test_the_cable_limits_what_is_offered_until_the_ev_has_left() -> None:
    bench = Bench()
    bench.world.cable.set_ampacity(20)
    bench.charge()
    snapshot = bench.charger.snapshot()
    assert (snapshot.offered_a, snapshot.limit_source) == (pytest.approx(20.0), "cable")
    bench.unplug()
    assert bench.charger.snapshot().limit_source == "installation"


def test_a_tethered_cable_limits_always() -> None:
    bench = Bench(Settings(socket=False, cable_ampacity_a=16.0))
    assert bench.charger.snapshot().limit_source == "cable"
    bench.charge()
    assert bench.charger.snapshot().offered_a == pytest.approx(16.0)
    bench.unplug()
    assert bench.charger.snapshot().limit_a == 16.0


def test_without_a_known_cable_nothing_starts() -> None:
    bench = Bench()
    bench.world.cable.set_coding(1e6)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(2.0)
    assert bench.state is S.WAITING_FOR_AUTHENTICATION
    bench.world.cable.set_coding(220.0)
    bench.run(0.1)
    assert bench.state is S.PREPARE_CHARGING


# Steps between two samples.


def test_a_step_without_a_new_sample_takes_power_away_for_a_trip() -> None:
    bench = charging(Bench)
    bench.world.rcd.leak(30.0)
    bench.world.advance(bench.clock.now_s() + 0.001)
    bench.ask(c.ClearLimit("nothing"))
    assert not bench.outputs.contactor_closed


def test_a_step_without_a_new_sample_does_not_close_the_contactor() -> None:
    bench = stubborn(Bench)
    bench.ask(c.PauseCharging())
    bench.run(9.0)
    assert not bench.outputs.contactor_closed
    bench.ask(c.ResumeCharging())
    for _ in range(5):
        bench.ask(c.ResumeCharging())
    assert bench.state is S.CHARGING
    assert not bench.outputs.contactor_closed
    bench.tick()
    assert bench.outputs.contactor_closed


# What others may know.


def test_garbage_may_be_collected_only_while_nobody_is_served_and_power_is_off() -> None:
    bench = Bench()
    assert bench.charger.may_collect_garbage
    bench.plug_in()
    assert not bench.charger.may_collect_garbage
    bench.unplug()
    assert bench.charger.may_collect_garbage
    bench.world.contactor.weld(True)
    bench.tick()
    assert not bench.charger.may_collect_garbage


def test_a_transaction_and_power_are_told_apart() -> None:
    bench = stubborn(Bench)
    assert (bench.charger.serving, bench.charger.power_is_off) == (True, False)
    bench.ask(c.PauseCharging())
    bench.run(7.0)
    assert (bench.charger.serving, bench.charger.power_is_off) == (True, True)
    bench.unplug()
    assert (bench.charger.serving, bench.charger.power_is_off) == (False, True)


def test_a_snapshot_tells_the_whole_charger() -> None:
    bench = charging(Bench)
    bench.run(5.0)
    s = bench.charger.snapshot()
    assert (s.state, s.cp, s.enabled, s.authorized, s.paused, s.in_transaction) == (
        S.CHARGING, CpState.C, True, True, False, True,
    )  # fmt: skip
    assert (s.ampacity, s.phases, s.limit_a, s.limit_source) == (Ampacity.A_32, 3, 32.0, "installation")
    assert (s.contactor_closed, s.mirror_closed, s.locked, s.faults) == (True, True, True, ())
    assert s.duty == bench.outputs.duty
    assert s.cp_high_v == pytest.approx(6.0, abs=0.1)
    assert s.cp_low_v == pytest.approx(-12.0)
    assert s.meter is not None
    assert s.session_uuid
    assert s.led == bench.outputs.led


def test_a_snapshot_has_no_volts_where_there_is_no_reading() -> None:
    s = Charger(Settings()).snapshot()
    assert (s.cp, s.cp_high_v, s.cp_low_v, s.id_token, s.session_uuid) == (
        CpState.MISSING,
        None,
        None,
        "",
        "",
    )


def test_outputs_that_do_not_change_are_the_same_object() -> None:
    bench = charging(Bench)
    bench.run(1.0)
    before = bench.outputs
    bench.run(1.0)
    assert bench.outputs is before


@pytest.mark.parametrize("field", Outputs.__struct_fields__)
def test_the_outputs_at_birth_are_the_safe_ones(field: str) -> None:
    safe = {"duty": 1.0, "contactor_closed": False, "lock": LockDrive.OFF, "shunt_trip": False}
    outputs, _ = Charger(Settings()).step(Inputs(1, Missing("no answer", 0.0)), 100.0)
    if field in safe:
        assert getattr(Outputs(), field) == safe[field] == getattr(outputs, field)


def test_a_charger_that_sees_nothing_after_boot_is_blocked() -> None:
    charger = Charger(Settings())
    for n in range(1, 4):
        charger.step(Inputs(n, Missing("no answer", 0.0)), n * TICK_S)
    assert charger.snapshot().faults == ("pilot",)


def test_the_first_bursts_after_boot_are_no_fault() -> None:
    charger = Charger(Settings())
    for n in range(1, 10):
        charger.step(Inputs(n, CpReading(12.0, 12.0, 64, 64)), n * TICK_S)
    assert charger.snapshot().faults == ()
    assert charger.snapshot().cp is CpState.A


def test_the_offer_must_have_stood_for_its_time_without_a_break_before_a_wake_up() -> None:
    bench = prepared(Bench)
    bench.run(20.0)
    bench.ask(limit(0.0))
    bench.ask(c.ClearLimit("test"))
    bench.run(29.0)
    assert bench.state is S.PREPARE_CHARGING
    bench.run(1.5)
    assert bench.state is S.WAKE_UP_F


def test_no_wake_up_where_it_is_switched_off() -> None:
    bench = Bench(Settings(wake_up=False))
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(60.0)
    assert bench.state is S.PREPARE_CHARGING


# The real burst path.


@pytest.mark.parametrize(("offered_a", "noise_v"), [(6.0, 0.1), (16.0, 0.05), (32.0, 0.02), (63.0, 0.1)])
def test_a_session_on_noisy_bursts_has_no_wrong_change_of_state(offered_a: float, noise_v: float) -> None:
    bench = Bench(Settings(max_current_a=offered_a), ideal_pilot=False)
    bench.world.set_noise(noise_v)
    bench.world.cable.set_ampacity(63)
    bench.forget()
    bench.charge(offered_a)
    bench.run(4.0)
    assert bench.world.meter_values().current_a[0] == pytest.approx(offered_a, abs=0.1)
    bench.world.ev.pause()
    bench.run(0.5)
    bench.request_power(offered_a)
    bench.run(3.0)
    bench.unplug()
    assert [e.because for e in bench.events if isinstance(e, StateChanged)] == [
        "EV_CONNECTED", "AUTHORIZED", "READY_TO_CHARGE", "EV_OPENED_S2", "READY_TO_CHARGE",
        "EV_UNPLUGGED", "METERED", "EV_UNPLUGGED",
    ]  # fmt: skip
    assert bench.faults() == []


def test_a_step_leaves_its_inputs_alone() -> None:
    inputs = Inputs(1, CpReading(12.0, 12.0, 64, 64), requests=(c.Request(1, c.Restore()),))
    before = msgspec.json.encode(inputs)
    Charger(Settings()).step(inputs, 1.0)
    assert msgspec.json.encode(inputs) == before
