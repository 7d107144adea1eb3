"""evsectl explain: words for every reason and fault, and what a recording adds."""

import math
from pathlib import Path
from typing import Any

import pytest

from evsed.core.faults import FAULTS
from evsed.core.states import StopReason
from evsed.evsectl.exits import Failure
from evsed.evsectl.explain import WHY, explain
from evsed.evsectl.faults import described
from hal.types import Temperature
from tests.recording.recorded import RecordedBench, written

UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def session(**more: Any) -> dict[str, Any]:
    return {"uuid": UUID, "session_start_time": "2026-01-01T08:00:00.000Z", "charged_energy_wh": 12.0} | more


def told(*sessions: dict[str, Any], recording: str | None = None, asked: str = "") -> str:
    return "\n".join(explain({"sessions": list(sessions), "recording": recording}, asked))


def test_there_are_words_for_every_reason_and_every_fault() -> None:
    assert set(WHY) == set(StopReason)
    assert all(described(fault.name) != fault.name for fault in FAULTS)


@pytest.mark.parametrize("reason", StopReason, ids=lambda reason: reason.value)
def test_each_reason_is_told(reason: StopReason) -> None:
    text = told(session(reason=reason.value, session_end_time="2026-01-01T09:00:00.000Z"))
    assert f"Stopped ({reason.value}): {WHY[reason]}." in text
    assert "No recording" in text


def test_an_open_session_has_not_stopped() -> None:
    text = told(session(transaction_start_time="2026-01-01T08:00:01.000Z"))
    assert "still open" in text
    assert "has not stopped" in text


def test_a_session_without_a_transaction_is_told_as_one() -> None:
    assert "without a transaction" in told(session(session_end_time="2026-01-01T09:00:00.000Z"))


def test_nothing_known_and_too_much_known_are_refused_with_what_to_do() -> None:
    with pytest.raises(Failure, match="evsectl sessions"):
        told()
    with pytest.raises(Failure, match="no session begins with 77"):
        told(asked="77")
    with pytest.raises(Failure, match="2 sessions begin with 1b"):
        told(session(), session(), asked="1b")


def test_a_recording_tells_what_tripped_and_when_the_contactor_was_opened(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.world.rcd.leak(30.0)
    bench.run(5.0)
    path = written(bench.pieces, tmp_path)
    text = told(session(reason="GroundFault"), recording=str(path))
    lines = text.splitlines()
    for words in (
        "RCD has tripped",
        "fault rcd",
        "contactor commanded open",
        "TransactionFinished (GroundFault)",
    ):
        assert any(words in line for line in lines), text
    tripped, opened = (
        next(line.split()[0] for line in lines if w in line) for w in ("RCD has", "commanded open")
    )
    assert tripped == opened


def test_a_recording_that_cannot_be_read_does_not_hide_the_reason(tmp_path: Path) -> None:
    (tmp_path / "x.evrec").write_text("no")
    text = told(session(reason="GroundFault"), recording=str(tmp_path / "x.evrec"))
    assert "RCD" in text
    assert "is no recording" in text


COURSE = [
    {"at": "2026-01-01T08:59:58.123Z", "event": "FaultRaised", "fault": "rcd", "text": "x"},
    {"at": "2026-01-01T08:59:58.123Z", "event": "ChargingPausedEVSE", "pause_reasons": ["Error"]},
    {"at": "2026-01-01T08:59:58.124Z", "event": "TransactionFinished", "stop_reason": "GroundFault"},
    {"at": "2026-01-01T08:59:59.000Z", "event": "FaultCleared", "fault": "rcd"},
]


def test_without_a_recording_the_store_tells_its_faults_and_how_it_ended() -> None:
    found = {"sessions": [session(reason="GroundFault")], "recording": None, "course": COURSE}
    told = "\n".join(explain(found, ""))
    for words in (
        f"08:59:58.123  fault {described('rcd')} raised",
        "told ChargingPausedEVSE (Error)",
        "08:59:58.124  told TransactionFinished (GroundFault)",
        "08:59:59.000  fault " + described("rcd") + " cleared",
    ):
        assert words in told


def test_a_recording_of_a_core_that_raises_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.sampler.temperatures = (Temperature("plug", math.nan),)
    with pytest.raises(ValueError, match="NaN") as raised:
        bench.tick()
    bench.recorder.crash(raised.value, bench.clock.now_s(), bench.take, bench.clock.sleep)
    text = told(session(), recording=str(written(bench.pieces, tmp_path)))
    assert "told ChargingStarted" in text
    assert "raised ValueError" in text
