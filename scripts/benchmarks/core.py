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
    charger, feed = bench.charger, Feed(bench)
    gc.collect()
    gc.freeze()
    yield _hour_row(feed, charger.step, plan)
    yield _step_row(feed, charger.step, plan)
    assert bench.state is EvseState.CHARGING, bench.state
    yield _world_row(plan)
    gc.unfreeze()


class Feed:
    """Steady charging: constant samples, each with its own number, and a fresh meter reading a second."""

    def __init__(self, bench: Bench) -> None:
        last = bench.sampler.resample(())
        assert last is not None
        self._last, self._seq, self._now_s = last, last.sample_seq, bench.clock.now_s()

    def samples(self, n: int) -> Iterator[tuple[Inputs, float]]:
        last, meter = self._last, self._last.meter
        assert meter is not None
        for _ in range(n):
            self._seq += 1
            self._now_s += TICK_S
            if self._seq % METER_EVERY_TICKS_N == 0:
                meter = msgspec.structs.replace(meter, at_s=self._now_s)
            inputs = Inputs(
                self._seq,
                last.cp,
                last.pp,
                last.mirror_closed,
                last.locked,
                meter=meter,
                stored_transaction=last.stored_transaction,
                spare_uuid=last.spare_uuid,
            )
            yield inputs, self._now_s


def _hour_row(feed: Feed, step: Step, plan: Plan) -> Row:
    ticks_n, scale = round(plan.simulated_s / TICK_S), HOUR_S / plan.simulated_s
    hour_s = _timed_s(feed, step, ticks_n) * scale
    bare = Reference("bare loop", (_timed_s(feed, _look, ticks_n) * scale,))
    note = "" if scale == 1.0 else f"{plan.simulated_s:g} s simulated, scaled"
    return row(GROUP, "an hour of charging, step() at 10 ms ticks", "s", [hour_s], HOUR_TARGET, bare, note)


def _look(inputs: Inputs, now_s: float) -> object:
    """What any loop over the same inputs must do."""
    return inputs.cp, inputs.meter, now_s


def _timed_s(feed: Feed, step: Step, ticks_n: int) -> float:
    start_s = time.perf_counter()
    for inputs, now_s in feed.samples(ticks_n):
        step(inputs, now_s)
    return time.perf_counter() - start_s


def _step_row(feed: Feed, step: Step, plan: Plan) -> Row:
    now_ns, values_us = time.perf_counter_ns, []
    for inputs, now_s in feed.samples(plan.steps_n):
        start_ns = now_ns()
        step(inputs, now_s)
        values_us.append((now_ns() - start_ns) / 1000.0)
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
