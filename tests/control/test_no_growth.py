"""A control process that runs for months: no tick may keep anything, with the garbage collector off."""

import gc
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.bench import Bench

WARM_UP_N = 3_000  # ticks: caches, interned numbers
KEPT_MAX_N = 300  # blocks: two objects a second would be more; the test runner itself keeps some
DEFAULT_TICKS_N, SOAK_TICKS_N = 20_000, 1_000_000


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept(act: Callable[[], None]) -> tuple[int, int]:
    """(blocks that are still there afterwards, objects that only the collector would have freed).

    The collection between the two also empties the interpreter's bounded free lists, which are no growth.
    """
    gc.collect()
    before_n = sys.getallocatedblocks()
    act()
    garbage_n = gc.collect()
    return sys.getallocatedblocks() - before_n, garbage_n


def run(bench: Bench, ticks_n: int) -> None:
    for _ in range(ticks_n):
        bench.tick()
        bench.forget()


def charging() -> Bench:
    bench = Bench()
    bench.charge()
    return bench


def idle() -> Bench:
    return Bench()


SOAK = pytest.param(SOAK_TICKS_N, marks=pytest.mark.soak, id="1,000,000 ticks")


@pytest.mark.parametrize("ticks_n", [pytest.param(DEFAULT_TICKS_N, id="20,000 ticks"), SOAK])
@pytest.mark.parametrize("begin", [idle, charging], ids=lambda begin: begin.__name__)
def test_a_tick_keeps_nothing(begin, ticks_n: int, no_collector: None) -> None:
    bench = begin()
    run(bench, WARM_UP_N)
    kept_n, garbage_n = kept(lambda: run(bench, ticks_n))
    assert kept_n <= KEPT_MAX_N, f"{kept_n} blocks kept over {ticks_n} ticks"
    assert garbage_n <= KEPT_MAX_N, f"{garbage_n} objects wait for the collector"


def test_a_session_keeps_nothing(no_collector: None) -> None:
    bench = Bench()

    def sessions(n: int) -> None:
        for _ in range(n):
            bench.charge()
            bench.unplug()
            bench.forget()
            bench.world.drain_trace()  # the world's own book, bounded

    sessions(3)
    kept_n, garbage_n = kept(lambda: sessions(20))
    assert kept_n <= KEPT_MAX_N, f"{kept_n} blocks kept over 20 sessions"
    assert garbage_n <= KEPT_MAX_N, f"{garbage_n} objects wait for the collector"
