"""What a client was told before a restart holds after it; the store between is the real one."""

from pathlib import Path

import pytest

from evsed.core import commands as c
from evsed.core.settings import Settings
from evsed.core.states import StopReason
from evsed.gateway.store import Store
from evsed.link.messages import NumberedEvent
from tests.bench import Bench

RESUMES = Settings(resume_after_power_loss=True)


def restarted(bench: Bench, path: Path) -> None:
    store = Store(path)
    numbered = [NumberedEvent(n, 0.0, event) for n, event in enumerate(bench.session_events, 1)]
    store.store("boot", [(event, 0.0) for event in numbered], synchronised=True)
    bench.restart(store.restore())
    store.close()


@pytest.mark.parametrize("planned", [True, False])
def test_a_paused_transaction_is_still_paused_when_it_is_resumed(tmp_path: Path, planned: bool) -> None:
    bench = Bench(RESUMES)
    bench.charge()
    assert bench.ask(c.PauseCharging()).result
    bench.run(5.0)
    if planned:
        bench.ask(c.PlannedStop())
        bench.run(1.0)
    restarted(bench, tmp_path / "store.db")
    bench.run(10.0)
    assert not bench.powered, bench.told()


def test_a_transaction_that_was_being_stopped_is_not_resumed(tmp_path: Path) -> None:
    """stop_transaction was answered with true; the process died while the EV ramped down."""
    bench = Bench(RESUMES)
    bench.charge()
    assert bench.ask(c.StopTransaction(StopReason.REMOTE)).result
    bench.run(0.1)
    assert bench.told().endswith("StoppingCharging")
    restarted(bench, tmp_path / "store.db")
    bench.run(10.0)
    assert not bench.powered, bench.told()


def test_a_latched_fault_ends_a_transaction_that_is_resumed_into_it(tmp_path: Path) -> None:
    """Raised while still Booting, when there is no transaction to stop; it then waits in PrepareCharging."""
    bench = Bench(RESUMES)
    bench.charge()
    bench.world.press_emergency_stop(True)
    open_session = c.OpenSession(bench.charger.snapshot().session_uuid, in_transaction=True)
    bench.restart(c.Restore(open_session=open_session))
    bench.run(5.0)
    assert "TransactionFinished" in bench.told(), bench.told()
