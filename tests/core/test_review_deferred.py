"""Review: answers that come later than the step."""

import pytest

from evsed.core import commands as c
from evsed.core.events import CommandDone
from evsed.core.settings import Settings
from evsed.gateway.control_link import SELF_TEST_LIMIT_S
from tests.bench import TICK_S, Bench


@pytest.mark.parametrize("command", [c.TestLock(), c.TestRcd()])
def test_a_test_that_fails_answers_before_the_gateway_gives_up(command: c.Command) -> None:
    """Else evsectl hears "does not answer", not "failed"."""
    bench = Bench(Settings(has_rcd_test=True, rcd_test_every_s=0.0))
    bench.world.lock.jam(True)
    bench.tick(c.Request(77, command))
    waited_s = 0.0
    while not any(isinstance(e, CommandDone) and e.request_id == 77 for e in bench.events):
        if waited_s == 2 * TICK_S and isinstance(command, c.TestRcd):
            bench.world.rcd.leak(30.0)
        bench.tick()
        waited_s += TICK_S
        assert waited_s < SELF_TEST_LIMIT_S
