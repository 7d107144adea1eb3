"""What a recording is made of: each cause once, and none hides another."""

import pytest

from evsed.control.causes import SAME_AGAIN_S
from evsed.core.commands import SetFaulted
from evsed.core.events import FaultRaised, SessionEvent
from evsed.core.faults import BY_NAME
from evsed.core.states import EventKind, StopReason
from tests.recording.recorded import RecordedBench


def told(bench: RecordedBench) -> list[str]:
    return [piece.cause for piece in bench.pieces if piece.last]


def raised(bench: RecordedBench, name: str, uuid: str = "") -> None:
    """As if the core had said it in the newest step."""
    fault, last = BY_NAME[name], bench.recorder._steps[-1]
    event = FaultRaised(name, fault.mrec, fault.severity, fault.text, uuid)
    bench.recorder.step(last.now_s, last.inputs, last.outputs, [event])


def test_a_fault_soon_after_another_is_recorded_too() -> None:
    bench = RecordedBench()
    bench.run(1.0)
    raised(bench, "pilot")
    bench.run(4.0)
    raised(bench, "rcd")
    bench.run(4.0)
    assert told(bench) == ["fault pilot", "fault rcd"]


def test_a_fault_while_another_is_being_told_is_recorded_afterwards() -> None:
    bench = RecordedBench()
    bench.run(20.0)
    raised(bench, "pilot")
    bench.run(1.05)
    assert bench.pieces
    assert not told(bench)
    raised(bench, "rcd")
    bench.run(8.0)
    assert told(bench) == ["fault pilot", "fault rcd"]


def test_a_fault_that_comes_and_goes_is_recorded_once() -> None:
    bench = RecordedBench()
    bench.run(1.0)
    for _ in range(30):
        raised(bench, "pilot")
        bench.run(5.0)
    assert told(bench) == ["fault pilot"]
    bench.run(SAME_AGAIN_S)
    raised(bench, "pilot")
    bench.run(5.0)
    assert len(told(bench)) == 2


def test_the_same_fault_in_another_session_is_recorded() -> None:
    bench = RecordedBench()
    bench.run(1.0)
    for uuid in ("one", "two"):
        raised(bench, "pilot", uuid)
        bench.run(5.0)
    assert len(told(bench)) == 2


def test_what_only_reports_is_not_recorded() -> None:
    bench = RecordedBench()
    bench.run(1.0)
    raised(bench, "meter_silent")
    bench.ask(SetFaulted(False))
    bench.run(5.0)
    assert told(bench) == []


@pytest.mark.parametrize(
    ("reason", "recorded"),
    [
        *((reason, False) for reason in (StopReason.LOCAL, StopReason.DE_AUTHORIZED, StopReason.MASTER_PASS)),
        *((reason, False) for reason in (StopReason.EVSE_DISABLED, StopReason.LOCAL_OUT_OF_CREDIT)),
        *((reason, True) for reason in (StopReason.OTHER, StopReason.GROUND_FAULT, StopReason.POWER_LOSS)),
    ],
)
def test_an_end_that_somebody_wanted_is_not_recorded(reason: StopReason, recorded: bool) -> None:
    bench = RecordedBench()
    bench.run(1.0)
    last = bench.recorder._steps[-1]
    event = SessionEvent(EventKind.TRANSACTION_FINISHED, "one", None, stop_reason=reason)
    bench.recorder.step(last.now_s, last.inputs, last.outputs, [event])
    bench.run(4.0)
    assert bool(told(bench)) is recorded
