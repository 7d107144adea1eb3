"""A limit that lapses, and one set between two transactions."""

from evsed.core import commands as c
from evsed.core.settings import Settings
from evsed.core.states import StopReason
from tests.bench import Bench


def test_a_lapsed_keepalive_never_gives_more_power_than_the_last_value() -> None:
    """10 A on one phase is 2300 W; 6 A on three is 4140 W (DESIGN: never above the last value)."""
    bench = Bench(Settings(phase_switching=True, switch_delay_s=1.0))
    bench.ask(c.SetSchedule("ems", (c.ScheduleEntry(0.0, 10.0, phases=1),), 20.0))
    bench.charge(32.0)
    bench.run(5.0)
    last_w = bench.world.meter_values().power_w
    bench.run(40.0)
    assert last_w is not None
    assert (bench.world.meter_values().power_w or 0.0) <= last_w + 1.0


def test_a_lapsed_limit_in_watts_stays_one_in_watts() -> None:
    """2000 W on one phase are 8.7 A; its lapse must not become 6 A on three phases."""
    bench = Bench(Settings(phase_switching=True, switch_delay_s=1.0))
    bench.ask(c.SwitchPhases(False))
    bench.ask(c.SetLimit("ems", kind=c.LimitKind.KEEPALIVE, duration_s=20.0, power_w=2000.0))
    bench.charge(32.0)
    bench.run(25.0)
    bench.ask(c.SwitchPhases(True))
    bench.run(20.0)
    assert (bench.world.meter_values().power_w or 0.0) <= 2001.0


def test_session_limits_set_after_a_transaction_are_those_of_the_next() -> None:
    """SetSessionLimits: for the transaction that runs, or else for the next; it was answered with true."""
    bench = Bench()
    bench.charge()
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(4.0)
    assert bench.ask(c.SetSessionLimits(duration_s=5.0)).result
    bench.unplug()
    bench.run(1.0)
    bench.charge()
    bench.run(10.0)
    assert "TransactionFinished(TimeLimitReached)" in bench.told()
