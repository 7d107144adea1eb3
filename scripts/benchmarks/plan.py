"""How much of everything is measured."""

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """The defaults are those of a full run."""

    cycles_n: int = 300  # of the EV through C, for each reaction row
    tail_cycles_n: int = 1000  # for those whose tail counts: at a 10 ms tick, idle and under messages
    unplugs_n: int = 100  # whole sessions
    tail_unplugs_n: int = 100  # at a 10 ms tick
    requests_n: int = 2000
    burst_n: int = 500
    bursts_n: int = 5
    tokens_n: int = 20
    faults_n: int = 20
    starts_n: int = 5
    rest_s: float = 10.0
    simulated_s: float = 3600.0
    world_simulated_s: float = 600.0
    steps_n: int = 50_000
    driver_calls_n: int = 5_000


FULL = Plan()
LONG = Plan(tail_cycles_n=20_000, tail_unplugs_n=2000)
QUICK = Plan(
    cycles_n=20,
    tail_cycles_n=20,
    unplugs_n=2,
    tail_unplugs_n=2,
    requests_n=20,
    burst_n=500,
    bursts_n=1,
    tokens_n=2,
    faults_n=1,
    starts_n=1,
    rest_s=1.0,
    simulated_s=360.0,
    world_simulated_s=20.0,
    steps_n=5_000,
    driver_calls_n=200,
)
