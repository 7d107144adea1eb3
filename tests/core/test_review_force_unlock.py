"""Only faults open under load: a forced unlock ends the transaction first (EVENTS.md, force_unlock)."""

from evsed.core import commands as c
from tests.bench import Bench


def test_a_forced_unlock_lets_the_ev_stop_drawing_before_the_contactor_opens() -> None:
    bench = Bench()
    bench.charge(32.0)
    bench.ask(c.ForceUnlock())
    while bench.world.ev.current_a > 1.0:
        assert bench.outputs.contactor_closed, f"opened at {bench.world.ev.current_a:g} A"
        bench.tick()
    bench.run(3.0)
    assert not bench.charger.snapshot().locked
