"""What a client was told before a restart holds after it; the store between is the real one."""

from pathlib import Path

import pytest

from evsed.core import commands as c
from evsed.core.events import LASTING, SessionLimitsChanged
from evsed.core.settings import Settings
from evsed.core.states import EventKind, StopReason
from evsed.gateway.store import Store
from evsed.link.messages import NumberedEvent
from hal.types import MeterReading
from tests.bench import Bench

RESUMES = Settings(resume_after_power_loss=True)


def restarted(bench: Bench, path: Path, after_s: float = 0.0) -> None:
    """The UTC of what happened before is 0."""
    store = Store(path)
    lasting = [event for event in bench.events if isinstance(event, LASTING)]
    numbered = [NumberedEvent(n, 0.0, event) for n, event in enumerate(lasting, 1)]
    store.store("boot", [(event, 0.0) for event in numbered], synchronised=True)
    bench.restart(store.restore(after_s))
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


@pytest.mark.parametrize(
    ("limits", "before_s", "after_s", "reason"),
    [
        (c.SetSessionLimits(duration_s=100.0), 80.0, 30.0, "TimeLimitReached"),
        (c.SetSessionLimits(energy_wh=300.0), 80.0, 40.0, "EnergyLimitReached"),
        (c.SetSessionLimits(cost=0.3, price_per_kwh=1.0), 80.0, 40.0, "LocalOutOfCredit"),
    ],
)
def test_the_limits_of_a_client_and_what_is_used_of_them_hold_after_a_restart(
    tmp_path: Path, limits: c.SetSessionLimits, before_s: float, after_s: float, reason: str
) -> None:
    """3 x 16 A x 230 V are 3.07 Wh a second: neither part alone comes near the limit."""
    bench = Bench(RESUMES)
    bench.charge()
    assert bench.ask(limits).result
    bench.run(before_s)
    assert bench.powered
    restarted(bench, tmp_path / "store.db", before_s)
    bench.run(5.0)
    assert bench.powered, bench.told()
    bench.run(after_s)
    assert f"TransactionFinished({reason})" in bench.told(), bench.told()


def test_the_limits_of_a_session_that_is_over_are_forgotten_and_those_for_the_next_are_not(
    tmp_path: Path,
) -> None:
    bench = Bench()
    bench.charge()
    assert bench.ask(c.SetSessionLimits(duration_s=100.0)).result
    restarted(bench, tmp_path / "store.db")
    bench.run(1.0)
    assert [e.limits for e in bench.events if isinstance(e, SessionLimitsChanged)] == [None]
    assert bench.ask(c.SetSessionLimits(duration_s=50.0)).result
    restarted(bench, tmp_path / "other.db")
    bench.run(1.0)
    assert any("50 s" in row.text for row in bench.charger.snapshot().limits)


def test_a_left_over_transaction_ends_with_the_reading_that_came_just_before_what_the_store_knows() -> None:
    """Both in one batch, between two ticks."""
    bench = Bench(restored=False)
    bench.sampler.meter = MeterReading(bench.clock.now_s(), 4321.0)
    bench.ask(c.Restore(open_session=c.OpenSession("left", in_transaction=True)))
    finished = next(e for e in bench.session_events if e.kind is EventKind.TRANSACTION_FINISHED)
    assert finished.meter is not None
    assert finished.meter.energy_import_wh == 4321.0
