"""The virtual replug keeps session and transaction, and never hides what happens meanwhile."""

from evsed.core import commands as c
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import EvseState, StopReason
from tests.bench import TOKEN, Bench
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE

SHORT = Settings(replug_s=1.0)


def test_a_contactor_that_welds_ends_the_transaction_in_a_replug_too() -> None:
    """Power never goes off, so that the replug never began: it must not wait for ever."""
    bench = Bench(SHORT)
    bench.charge()
    bench.world.contactor.weld(True)
    bench.ask(c.Replug())
    bench.run(10.0)
    assert "TransactionFinished(Other)" in bench.told()
    bench.unplug()
    assert bench.told().endswith("SessionFinished")


def test_a_withdrawal_within_a_replug_ends_the_session_once_and_no_event_is_without_one() -> None:
    bench = Bench(SHORT)
    bench.plug_in()
    bench.forget()
    bench.ask(c.Replug())
    bench.run(0.5)
    bench.ask(c.WithdrawAuthorization())
    bench.run(3.0)
    assert bench.charger.snapshot().session_uuid
    assert all(event.uuid for event in bench.session_events), bench.told()


def test_no_power_flows_without_a_session() -> None:
    """Free service, a cable whose coding comes late, a replug, a withdrawal within."""
    bench = Bench(Settings(replug_s=1.0, auth_mode=AuthMode.FREE))
    bench.world.cable.set_coding(1e6)
    bench.plug_in()
    bench.ask(c.Replug())
    bench.run(0.5)
    bench.ask(c.WithdrawAuthorization())
    bench.world.cable.set_coding(220.0)
    bench.request_power()
    for _ in range(800):
        bench.tick()
        assert not bench.powered or bench.charger.snapshot().session_uuid, bench.told()


def test_a_replug_that_could_not_begin_does_not_hit_the_next_ev() -> None:
    bench = Bench(SHORT)
    bench.plug_in()
    bench.tick(c.Request(901, DISABLE), c.Request(902, c.Replug()))
    bench.run(1.0)
    bench.unplug()
    bench.ask(ENABLE)
    bench.run(1.0)
    bench.forget()
    bench.plug_in()
    bench.run(1.0)
    assert bench.told() == "SessionStarted(EVConnected) AuthRequired"


def test_a_diode_fault_outlives_a_virtual_replug() -> None:
    """It is latched until the EV leaves, and the EV has not left."""
    bench = Bench(SHORT)
    bench.charge()
    bench.world.ev.short_diode()
    bench.run(1.0)
    bench.ask(c.Replug())
    bench.run(1.0)
    assert bench.state is EvseState.REPLUG
    assert "+diode" in bench.faults()
    assert "-diode" not in bench.faults()


def test_a_plug_unlocked_by_force_within_a_replug_stays_unlocked() -> None:
    bench = Bench()
    bench.charge()
    bench.ask(c.Replug())
    bench.run(3.0)
    assert bench.state is EvseState.REPLUG
    assert bench.ask(c.ForceUnlock()).result
    bench.run(8.0)
    assert "TransactionFinished(UnlockCommand)" in bench.told()
    assert not bench.charger.snapshot().locked


def test_an_ev_that_leaves_within_a_replug_after_a_stop_opens_no_new_session() -> None:
    bench = Bench(Settings(replug_s=2.0))
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.ask(c.StopTransaction(StopReason.REMOTE, TOKEN))
    bench.run(1.0)
    bench.forget()
    bench.ask(c.Replug())
    bench.run(0.5)
    bench.world.unplug()
    bench.run(6.0)
    assert bench.told() == "ReplugStarted ReplugFinished SessionFinished"
