"""Every row of FAULTS, provoked in the world while an EV charges: power off, pilot, transaction, latch."""

import pytest

from evsed.core.events import FaultCleared
from evsed.core.faults import FAULTS, Clears
from evsed.core.states import EvseState as S
from tests.bench import TICK_S
from tests.core.provoking import CASES, provoked, told_of
from tests.core.scenarios import finished

STATE_F_S = 0.3


def test_every_fault_is_provoked() -> None:
    elsewhere = {"contactor_welded", "contactor_not_closed", "lock", "unlock", "meter_silent"}
    elsewhere |= {"set_faulted", "over_temperature", "rcd_self_test", "lock_self_test"}
    elsewhere |= {"over_voltage", "under_voltage", "rails"}
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
