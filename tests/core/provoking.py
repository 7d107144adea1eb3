"""Ways to provoke each fault in the world, and to undo it."""

from collections.abc import Callable

import msgspec

from evsed.core.events import FaultRaised
from evsed.core.faults import BY_NAME, Fault
from evsed.core.settings import Settings
from hal.sim.outlet import LOCK_TRAVEL_S
from hal.types import Missing
from tests.bench import TICK_S, Bench

Act = Callable[[Bench], None]


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
