"""The line that the service manager shows."""

import msgspec

from evsed.control.status_line import StatusLine, status_line
from evsed.core.inputs import Snapshot
from tests.bench import Bench
from tests.control.loop_rig import NotedNotifier, Notes


def charging() -> Snapshot:
    bench = Bench()
    bench.charge(16.0)
    bench.run(20.0)
    return bench.charger.snapshot()


def test_it_tells_state_current_energy_and_what_limits() -> None:
    snapshot = charging()
    assert snapshot.charged_wh
    told = status_line(snapshot)
    energy = f"{snapshot.charged_wh / 1000:.2f} kWh"
    assert told == f"Charging, 32 A offered, {energy}, limit 32 A by {snapshot.limit_source}"


def test_the_energy_is_that_of_the_transaction_and_grows() -> None:
    bench = Bench()
    bench.charge(16.0)
    before = bench.charger.snapshot().charged_wh
    bench.run(36.0)  # 3 x 16 A x 230 V for a hundredth of an hour
    after = bench.charger.snapshot().charged_wh
    assert before is not None
    assert after is not None
    assert 100.0 < after - before < 115.0


def test_without_a_transaction_there_is_no_energy_and_faults_are_named() -> None:
    bench = Bench()
    assert status_line(bench.charger.snapshot()) == "Idle, 0 A offered, limit 32 A by installation"
    bench.world.press_emergency_stop(True)
    bench.run(0.2)
    assert status_line(bench.charger.snapshot()).endswith("limit 0 A by fault, faults: emergency_stop")


def test_it_is_sent_when_it_has_changed_and_at_most_once_a_second() -> None:
    notes: Notes = []
    status = StatusLine(NotedNotifier(notes))
    snapshot = Bench().charger.snapshot()
    for tenth in range(100):
        shown = msgspec.structs.replace(snapshot, limit_a=float(tenth)) if tenth >= 50 else snapshot
        status.show(shown, tenth / 10)
    assert len(notes) == 6  # one while nothing changes, then one each second
    assert notes[-1] == ("status", "STATUS=Idle, 0 A offered, limit 90 A by installation")


def test_what_the_manager_could_not_take_is_sent_again() -> None:
    notes: Notes = []

    class Full(NotedNotifier):
        def notify(self, state: str) -> bool:
            super().notify(state)
            return len(notes) > 2

    status = StatusLine(Full(notes))
    snapshot = Bench().charger.snapshot()
    for tenth in range(5):
        status.show(snapshot, tenth / 10)
    assert len(notes) == 3
