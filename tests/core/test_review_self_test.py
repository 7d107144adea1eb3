"""A self-test raises no fault that is none, and hides none that is one."""

import pytest

from evsed.core import commands as c
from evsed.core.settings import Settings
from tests.bench import TICK_S, Bench
from tests.core.scenarios import ACCEPT, DISABLE

FITTED = Settings(has_rcd_test=True, rcd_test_every_s=0.0)


@pytest.mark.parametrize("command", [ACCEPT, DISABLE, c.PlannedStop()])
def test_the_trip_of_a_test_that_is_cut_short_is_no_ground_fault(command: c.Command) -> None:
    """The device shows the trip that our own test current has caused."""
    bench = Bench(FITTED)
    bench.tick(c.Request(901, c.TestRcd()))
    bench.tick()
    bench.ask(command)
    bench.run(1.0)
    assert bench.faults() == []


def test_an_ev_that_comes_during_a_test_is_served() -> None:
    """The fault would be latched until it leaves."""
    bench = Bench(FITTED)
    bench.world.plug_in()
    for _ in range(round(0.15 / TICK_S)):
        bench.tick()
        if bench.charger.snapshot().cp.value != "A":
            break
        if bench.world.cable.connected and not bench.charger.snapshot().lines["rcd_test"]:
            bench.ask_later = None  # a test at any moment while the plug goes in
            bench._request_id += 1
            bench.tick(c.Request(bench._request_id, c.TestRcd()))
    bench.run(1.0)
    assert bench.faults() == []


def test_a_test_does_not_begin_while_the_device_has_tripped() -> None:
    """It would look away from a real trip, and clear its fault."""
    bench = Bench(FITTED)
    bench.world.rcd.test(True, bench.clock.now_s())  # as a residual current
    while "+rcd" not in bench.faults():
        bench.tick()
    bench.tick(c.Request(901, c.TestRcd()))
    bench.run(0.1)
    assert bench.faults() == ["+rcd"]
