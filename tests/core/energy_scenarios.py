"""Stories about how much may be drawn: schedules, phases, random delay, session limits, heat.

Same form as tests.core.scenarios.
"""

from typing import Any

from evsed.core import commands as c
from evsed.core.inputs import LimitRow
from evsed.core.settings import Settings, SwitchMode
from evsed.core.states import EvseState as S
from hal.types import Temperature
from tests.bench import Bench
from tests.core.scenarios import ACCEPT, MakeBench, Scenario, charging, finished, limit, told

SWITCHING = {"phase_switching": True, "switch_delay_s": 3.0}
SWITCHED = ("SwitchingPhases PrepareCharging ChargingStarted", "Charging Preparing Charging")
ONE, THREE = c.SwitchPhases(False), c.SwitchPhases(True)


def watts(power_w: float, source: str = "external") -> c.SetLimit:
    return c.SetLimit(source, power_w=power_w)


def binding(bench: Bench) -> tuple[str, float]:
    now = bench.charger.snapshot()
    return now.limit_source, round(now.limit_a, 2)


def row(bench: Bench, source: str) -> LimitRow:
    return next(r for r in bench.charger.snapshot().limits if r.source == source)


def switched(bench: Bench, phases: int) -> None:
    """The break has been made, power is back on this many phases, and nothing was switched under load."""
    bench.run(12.0)
    told(bench, *SWITCHED)
    assert bench.powered
    assert bench.charger.snapshot().phases == phases
    assert bench.world.phases_switched_under_load_n == 0


def a_schedule_is_followed(make: MakeBench) -> None:
    bench = charging(make)
    now_s = bench.clock.now_s()
    entries = (
        c.ScheduleEntry(now_s + 100.0, 20.0, by="late"),  # entry 0 counts at once, whatever its date
        c.ScheduleEntry(now_s + 110.0, 10.0),
        c.ScheduleEntry(now_s + 120.0, None),
    )
    bench.ask(c.SetSchedule("external", entries))
    bench.tick()
    assert binding(bench) == ("external", 20.0)
    assert row(bench, "external").text == "late"
    bench.skip(111.0)
    assert binding(bench) == ("external", 10.0)
    bench.skip(10.0)
    assert binding(bench) == ("installation", 32.0)
    bench.ask(c.SetSchedule("external", ()))
    bench.tick()
    assert len(bench.charger.snapshot().limits) == 3


def a_silent_schedule_lapses(make: MakeBench) -> None:
    bench = make()
    entry = c.ScheduleEntry(0.0, 20.0)
    bench.ask(c.SetSchedule("external", (entry,), keepalive_s=10.0))
    bench.skip(9.0)
    assert binding(bench) == ("external", 20.0)
    bench.ask(c.SetSchedule("external", (entry,), keepalive_s=10.0))
    bench.skip(9.0)
    assert binding(bench) == ("external", 20.0)
    bench.skip(2.0)
    assert binding(bench) == ("external", 6.0)
    assert row(bench, "external").text == "fell silent"


def a_limit_in_watts_counts_by_phases(make: MakeBench) -> None:
    bench = charging(make)
    bench.ask(watts(6900.0))
    assert binding(bench) == ("external", 10.0)
    single = make(Settings(phases=1))
    single.ask(watts(2300.0))
    assert binding(single) == ("external", 10.0)


def a_setpoint_follows_the_frequency(make: MakeBench) -> None:
    bench = make()
    table = ((49.8, 0.0), (50.0, 6900.0), (50.2, 13800.0))
    bench.ask(c.SetSchedule("setpoint", (c.ScheduleEntry(0.0, frequency_w=table),)))
    bench.run(1.5)
    assert binding(bench) == ("setpoint", 10.0)


def a_client_switches_phases_while_charging(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    done = bench.ask(ONE)
    assert (done.result, done.code) == (True, "Success")
    bench.run(0.1)
    assert bench.outputs.duty == 1.0
    assert bench.outputs.three_phases
    assert bench.powered  # no opening under load: the EV has its six seconds
    bench.run(1.9)
    assert bench.board.lock.locked()
    bench.run(10.0)
    told(bench, *SWITCHED)
    assert bench.powered
    assert not bench.outputs.three_phases
    assert bench.charger.snapshot().phases == 1
    assert row(bench, "phases").phases == 1
    bench.ask(THREE)
    switched(bench, 3)


def a_stubborn_ev_is_cut_off_for_its_phases(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.ask(ONE)
    bench.run(5.9)
    assert bench.powered
    bench.run(0.2)
    assert not bench.powered
    bench.run(6.0)
    assert bench.charger.snapshot().phases == 1
    assert bench.world.phases_switched_under_load_n == 0
    assert bench.powered


def phases_are_switched_in_state_f(make: MakeBench) -> None:
    bench = charging(make, switch_in_f=True, **SWITCHING)
    bench.ask(ONE)
    bench.tick()
    assert bench.outputs.duty == 1.0  # under load F would leave the EV no time
    bench.run(1.5)
    assert bench.outputs.duty == 0.0
    bench.run(10.5)
    told(bench, *SWITCHED)
    assert bench.powered


def a_change_of_mind_during_the_switch(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.ask(ONE)
    bench.run(1.0)
    bench.ask(THREE)
    switched(bench, 3)


def phases_are_switched_before_charging_without_a_word(make: MakeBench) -> None:
    bench = make(Settings(**SWITCHING))
    bench.plug_in()
    bench.forget()
    bench.ask(ONE)
    bench.run(0.5)
    assert bench.session_events == []
    assert not bench.outputs.three_phases


def phases_are_switched_without_energy(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.ask(limit(0.0))
    bench.run(1.0)
    bench.forget()
    bench.ask(ONE)
    bench.run(4.0)
    told(bench, "SwitchingPhases WaitingForEnergy", "WaitingForEnergy WaitingForEnergy")
    assert bench.charger.snapshot().phases == 1


def phases_come_back_with_the_next_ev(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.ask(ONE)
    bench.run(12.0)
    bench.unplug()
    bench.run(1.0)
    assert bench.charger.snapshot().phases == 3
    assert bench.outputs.three_phases


def a_limit_of_phases_is_followed(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.ask(c.SetLimit("external", phases=1))
    switched(bench, 1)
    bench.ask(c.ClearLimit("external"))
    switched(bench, 3)


def little_power_takes_one_phase_and_much_three(make: MakeBench) -> None:
    bench = charging(make, switch_mode=SwitchMode.BOTH, switch_time_hysteresis_s=20.0, **SWITCHING)
    bench.ask(watts(4000.0))
    switched(bench, 1)
    assert binding(bench) == ("external", 17.39)
    bench.ask(watts(4250.0))  # within the hysteresis
    bench.skip(30.0)
    bench.forget()
    bench.run(5.0)
    assert bench.charger.snapshot().phases == 1
    bench.ask(watts(5000.0))
    bench.run(18.0)
    assert bench.charger.snapshot().phases == 1
    bench.forget()
    bench.run(3.0)
    switched(bench, 3)


def oneway_switches_down_only(make: MakeBench) -> None:
    bench = charging(make, switch_mode=SwitchMode.ONEWAY, switch_time_hysteresis_s=0.0, **SWITCHING)
    bench.ask(watts(2000.0))
    switched(bench, 1)
    bench.ask(c.ClearLimit("external"))
    bench.run(5.0)
    assert bench.charger.snapshot().phases == 1


def switches_of_a_session_are_counted(make: MakeBench) -> None:
    mode = {"switch_mode": SwitchMode.BOTH, "switch_time_hysteresis_s": 0.0, "switch_max_n": 1}
    bench = charging(make, **mode, **SWITCHING)
    bench.ask(watts(2000.0))
    switched(bench, 1)
    bench.ask(c.ClearLimit("external"))
    bench.run(5.0)
    assert bench.charger.snapshot().phases == 1


def phases_that_cannot_be_switched(make: MakeBench) -> None:
    bench = charging(make)
    done = bench.ask(ONE)
    assert (done.result, done.code) == (False, "Error_NotSupported")
    bench.run(1.0)
    assert bench.session_events == []
    welded = charging(make, **SWITCHING)
    welded.world.contactor.weld(True)
    welded.ask(c.StopTransaction(c.StopReason.LOCAL))
    welded.run(8.0)
    assert welded.ask(ONE).code == "Error_Hardware"


def a_break_for_phases_ends_like_any_other(make: MakeBench) -> None:
    for end, events, info in (
        (c.PauseCharging(), "ChargingPausedEVSE", "ChargingPausedEVSE"),
        (c.StopTransaction(c.StopReason.LOCAL), finished("Local"), "Charging Finished FinishedEVSE"),
    ):
        bench = charging(make, **SWITCHING)
        bench.ask(ONE)
        bench.run(1.0)
        bench.forget()
        bench.ask(end)
        bench.run(1.0)
        told(bench, events, info)
        assert bench.charger.snapshot().phases == 1


def a_fault_ends_the_break_for_phases(make: MakeBench) -> None:
    bench = charging(make, **SWITCHING)
    bench.ask(ONE)
    bench.run(1.0)
    bench.forget()
    bench.ask(c.SetFaulted(True))
    bench.run(0.5)
    told(bench, "ChargingPausedEVSE", "ChargingPausedEVSE")


def delayed(make: MakeBench, **settings: Any) -> Bench:
    """Offering long after the start, with a random delay of up to 100 s."""
    bench = make(
        Settings(random_delay=True, random_delay_max_s=100.0, wake_up=False, **settings), settle_s=10.0
    )
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(0.1)
    bench.forget()
    return bench


def a_change_of_the_limit_is_delayed(make: MakeBench) -> None:
    bench = delayed(make)
    bench.ask(limit(10.0))
    bench.tick()
    assert binding(bench) == ("random_delay", 32.0)
    info = bench.charger.snapshot().random_delay
    assert info is not None
    assert 0 < info.countdown_s < 100
    assert (info.during_a, info.after_a) == (32.0, 10.0)
    bench.ask(limit(8.0))
    bench.skip(info.countdown_s - 2.0)
    assert binding(bench) == ("random_delay", 32.0)
    bench.skip(3.0)
    bench.tick()
    assert binding(bench) == ("test", 8.0)


def a_delay_holds_back_no_limit_of_our_own(make: MakeBench) -> None:
    bench = delayed(make)
    bench.ask(limit(10.0))
    bench.tick()
    bench.sampler.temperatures = (Temperature("evse", 80.0),)
    bench.tick()
    assert binding(bench) == ("derating", 22.0)


def a_delay_is_cancelled(make: MakeBench) -> None:
    for command in (c.CancelRandomDelay(), c.EnableRandomDelay(False)):
        bench = delayed(make)
        bench.ask(limit(10.0))
        bench.tick()
        bench.ask(command)
        bench.tick()
        assert binding(bench) == ("test", 10.0)


def a_delay_of_no_length_is_none(make: MakeBench) -> None:
    bench = delayed(make)
    bench.ask(c.SetRandomDelayDuration(0.0))
    bench.ask(limit(10.0))
    bench.tick()
    assert binding(bench) == ("test", 10.0)


def an_ev_found_at_the_start_waits(make: MakeBench) -> None:
    bench = make(Settings(random_delay=True), settle_s=0.2)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.forget()
    bench.run(1.0)
    assert binding(bench) == ("random_delay", 0.0)
    assert bench.state is S.WAITING_FOR_ENERGY
    bench.ask(c.CancelRandomDelay())
    bench.run(0.1)
    assert bench.state is S.PREPARE_CHARGING


def only_between_nothing_and_something(make: MakeBench) -> None:
    bench = delayed(make, random_delay_at_any_change=False)
    bench.ask(limit(10.0))
    bench.tick()
    assert binding(bench) == ("test", 10.0)
    bench.ask(limit(0.0))
    bench.tick()
    assert binding(bench) == ("random_delay", 10.0)


def enough_energy_ends_the_transaction(make: MakeBench) -> None:
    bench = charging(make)
    assert bench.ask(c.SetSessionLimits(energy_wh=50.0)).result
    assert row(bench, "session").text == "ends at 50 Wh"
    bench.run(22.0)
    told(bench, finished("EnergyLimitReached"), "Charging Finished Finished")


def enough_time_ends_the_transaction(make: MakeBench) -> None:
    bench = make(Settings(session_duration_s=8.0))
    bench.charge()
    bench.forget()
    bench.run(10.0)
    told(bench, finished("TimeLimitReached"), "Charging Finished Finished")


def enough_money_ends_the_transaction(make: MakeBench) -> None:
    bench = charging(make)
    assert not bench.ask(c.SetSessionLimits(cost=0.01)).result
    assert bench.ask(c.SetSessionLimits(cost=0.01, price_per_kwh=0.3)).result
    bench.run(22.0)
    told(bench, finished("LocalOutOfCredit"), "Charging Finished Finished")


def heat_takes_current_away(make: MakeBench) -> None:
    bench = charging(make)
    steps = ((69.0, 32.0), (70.4, 31.0), (75.0, 27.0), (71.5, 27.0), (70.9, 28.0), (66.0, 32.0), (99.0, 0.0))
    for temperature_c, limit_a in steps:
        bench.sampler.temperatures = (Temperature("plug", temperature_c), Temperature("evse", 20.0))
        bench.tick()
        assert binding(bench)[1] == limit_a, temperature_c
    assert bench.faults() == ["+over_temperature"]
    bench.run(0.2)
    assert not bench.powered
    for temperature_c in (83.0, 81.9):
        bench.sampler.temperatures = (Temperature("plug", temperature_c),)
        bench.tick()
    assert bench.faults() == ["+over_temperature", "-over_temperature"]


ENERGY_SCENARIOS: tuple[Scenario, ...] = (
    a_schedule_is_followed,
    a_silent_schedule_lapses,
    a_limit_in_watts_counts_by_phases,
    a_setpoint_follows_the_frequency,
    a_client_switches_phases_while_charging,
    a_stubborn_ev_is_cut_off_for_its_phases,
    phases_are_switched_in_state_f,
    a_change_of_mind_during_the_switch,
    phases_are_switched_before_charging_without_a_word,
    phases_are_switched_without_energy,
    phases_come_back_with_the_next_ev,
    a_limit_of_phases_is_followed,
    little_power_takes_one_phase_and_much_three,
    oneway_switches_down_only,
    switches_of_a_session_are_counted,
    phases_that_cannot_be_switched,
    a_break_for_phases_ends_like_any_other,
    a_fault_ends_the_break_for_phases,
    a_change_of_the_limit_is_delayed,
    a_delay_holds_back_no_limit_of_our_own,
    a_delay_is_cancelled,
    a_delay_of_no_length_is_none,
    an_ev_found_at_the_start_waits,
    only_between_nothing_and_something,
    enough_energy_ends_the_transaction,
    enough_time_ends_the_transaction,
    enough_money_ends_the_transaction,
    heat_takes_current_away,
)
