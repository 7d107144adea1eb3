"""Bursts of the control pilot by chance: analogue front end, ADC, driver, classification of the core.

Strata: state, duty, noise, edges. By chance within each: phase of the PWM, spacing of the samples, level.
"""

import itertools
import random

import pytest

from evsed.core.control_pilot import classify
from evsed.core.states import CpState
from tests.hal.drivers.spi_bench import FAST_EDGES_S, SLOW_EDGES_S
from tests.hal.drivers.test_mcp3208 import Bench

STATES = {
    "A": (12.0, -12.0, CpState.A),
    "B": (8.98, -12.0, CpState.B),
    "C": (6.0, -12.0, CpState.C),
    "D": (2.93, -12.0, CpState.D),
    "E": (0.0, 0.0, CpState.E),
    "F": (-12.0, -12.0, CpState.F),
}
DUTIES = (0.0, 0.05, 0.08, 0.1, 0.16, 0.2667, 0.5333, 0.85, 0.89, 0.93, 0.96, 1.0)
NOISES_V = (0.0, 0.003, 0.008)  # at the pin; ten times that at the pilot
EDGES = {"fast": FAST_EDGES_S, "slow": SLOW_EDGES_S}
PILOTS = [
    (name, duty) for name in STATES for duty in DUTIES if duty > 0.0 or name == "F"
]  # -12 V is always F
STRATA = tuple((*pilot, noise_v, edges) for pilot in PILOTS for noise_v in NOISES_V for edges in EDGES)
DIODE_STATES = (CpState.A, CpState.B, CpState.C, CpState.D)
RUN_N = 5  # bursts of one pilot, the first without any before it
SPARSE_DUTY = 0.1  # below, one burst may see no more than edges
LEVEL = 0.02  # of the levels, either way


def is_wrong(reading, state, duty):
    """Another state, or a diode that looks shorted."""
    diode_lost = duty < 1.0 and state in DIODE_STATES and reading.low_v is not None and reading.low_v > -10.0
    return diode_lost or (
        reading.high_v is not None and classify(reading.high_v, CpState.MISSING) is not state
    )


def monte_carlo(tmp_path, bursts_n):
    """Counts (wrong, insufficient, all) by stratum."""
    rng, bench = random.Random(11), Bench(tmp_path)
    counts = dict.fromkeys(STRATA, (0, 0, 0))
    for _ in range(-(-bursts_n // (len(STRATA) * RUN_N))):
        for stratum in STRATA:
            name, duty, bench.adc.noise_v, edges = stratum
            high_v, low_v, state = STATES[name]
            scale = rng.uniform(1.0 - LEVEL, 1.0 + LEVEL)
            bench.adc.overhead_s = rng.uniform(1e-6, 9e-6)
            bench.forget()
            for _ in range(RUN_N):
                reading = bench.shows(high_v * scale, low_v * scale, duty, rng.random() * 1e-3, EDGES[edges])
                counted = (is_wrong(reading, state, duty), reading.high_v is None, 1)
                counts[stratum] = tuple(map(sum, zip(counts[stratum], counted, strict=True)))
    return counts


def summed(counts, wanted):
    chosen = [count for stratum, count in counts.items() if wanted(*stratum)]
    return tuple(map(sum, zip(*chosen, strict=True)))


def table(counts):
    """A line for each state and duty, then one for each noise and edge."""
    yield f"{'stratum':<28}{'bursts':>9}{'misread':>9}{'insufficient':>14}"
    margins = [(f"{n} at duty {d:g}", lambda s, u, v, e, n=n, d=d: (s, u) == (n, d)) for n, d in PILOTS]
    margins += [
        (f"noise {noise_v} V", lambda s, u, v, e, noise_v=noise_v: v == noise_v) for noise_v in NOISES_V
    ]
    margins += [(f"{edges} edges", lambda s, u, v, e, edges=edges: e == edges) for edges in EDGES]
    margins.append((f"all {len(STRATA)} strata", lambda *stratum: True))
    for label, wanted in margins:
        wrong_n, insufficient_n, all_n = summed(counts, wanted)
        yield f"{label:<28}{all_n:>9}{wrong_n:>9}{insufficient_n:>14}"


@pytest.mark.parametrize("bursts_n", [10_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_no_burst_is_read_as_a_wrong_state(tmp_path, bursts_n):
    counts = monte_carlo(tmp_path, bursts_n)
    print("\n".join(table(counts)))
    wrong_n, _, all_n = summed(counts, lambda *stratum: True)
    assert wrong_n == 0
    assert all_n >= bursts_n
    assert summed(counts, lambda s, duty, v, e: not 0.0 < duty < SPARSE_DUTY)[1] == 0
    _, insufficient_n, sparse_n = summed(counts, lambda s, duty, v, e: 0.0 < duty < SPARSE_DUTY and s != "F")
    assert insufficient_n < 0.5 * sparse_n


def test_the_strata_are_all_combinations():
    assert len(STRATA) == (len(STATES) * (len(DUTIES) - 1) + 1) * len(NOISES_V) * len(EDGES)
    assert set(STRATA) == set(itertools.product(STATES, DUTIES, NOISES_V, EDGES)) - {
        (name, 0.0, noise_v, edges) for name in "ABCDE" for noise_v in NOISES_V for edges in EDGES
    }
