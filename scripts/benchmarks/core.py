"""The core alone, in this process: an hour of steady charging, and one step."""

import gc
import time
from collections.abc import Callable, Iterator

import msgspec

from evsed.core.inputs import Inputs
from evsed.core.states import EvseState
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.rows import Reference, Row, Target, row
from scripts.benchmarks.site import Site
from tests.bench import TICK_S, Bench

GROUP = "core"
HOUR_S = 3600.0
METER_EVERY_TICKS_N = 100
HOUR_TARGET = (Target("p50", 5.0),)

Step = Callable[[Inputs, float], object]


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    bench = Bench()
    bench.charge()
    ticks_n = round(plan.simulated_s / TICK_S)
    gc.collect()
    gc.freeze()
    scale = HOUR_S / plan.simulated_s
    hour_s = _timed_s(bench, bench.charger.step, ticks_n) * scale
    bare = Reference("bare loop", (_timed_s(bench, _look, ticks_n) * scale,))
    assert bench.state is EvseState.CHARGING, bench.state
    note = "" if scale == 1.0 else f"{plan.simulated_s:g} s simulated, scaled"
    yield row(GROUP, "an hour of charging, step() at 10 ms ticks", "s", [hour_s], HOUR_TARGET, bare, note)
    yield _step_row(bench, plan)
    yield _world_row(plan)
    gc.unfreeze()


def _look(inputs: Inputs, now_s: float) -> object:
    """What any loop over the same inputs must do."""
    return inputs.cp, inputs.meter, now_s


def _inputs(bench: Bench, ticks_n: int) -> Iterator[tuple[Inputs, float]]:
    """Constant samples, each with its own number, and a fresh meter reading a second."""
    last = bench.sampler.resample(())
    assert last is not None
    assert last.meter is not None
    meter = last.meter
    start_s = bench.clock.now_s()
    for n in range(1, ticks_n + 1):
        now_s = start_s + n * TICK_S
        if n % METER_EVERY_TICKS_N == 0:
            meter = msgspec.structs.replace(meter, at_s=now_s)
        yield (
            Inputs(
                last.sample_seq + n,
                last.cp,
                last.pp,
                last.mirror_closed,
                last.locked,
                meter=meter,
                stored_transaction=last.stored_transaction,
                spare_uuid=last.spare_uuid,
            ),
            now_s,
        )
    bench.clock.sleep(ticks_n * TICK_S)  # the next one goes on from there


def _timed_s(bench: Bench, step: Step, ticks_n: int) -> float:
    start_s = time.perf_counter()
    for inputs, now_s in _inputs(bench, ticks_n):
        step(inputs, now_s)
    return time.perf_counter() - start_s


def _step_row(bench: Bench, plan: Plan) -> Row:
    step, now_ns, values_us = bench.charger.step, time.perf_counter_ns, []
    for inputs, now_s in _inputs(bench, plan.steps_n):
        start_ns = now_ns()
        step(inputs, now_s)
        values_us.append((now_ns() - start_ns) / 1000.0)
    assert bench.state is EvseState.CHARGING, bench.state
    return row(GROUP, "step() while charging", "us", values_us)


def _world_row(plan: Plan) -> Row:
    """ideal_pilot: without the samples of the ADC, which a real board does not compute."""
    bench = Bench()
    bench.charge()
    start_s = time.perf_counter()
    bench.run(plan.world_simulated_s)
    hour_s = (time.perf_counter() - start_s) * HOUR_S / plan.world_simulated_s
    note = f"{plan.world_simulated_s:g} s simulated, scaled"
    what = "an hour of charging with world, sampler, actuator"
    return row(GROUP, what, "s", [hour_s], note=note)
