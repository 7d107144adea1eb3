"""The loop is at its end: what is told of it holds the step that raised, and the newest steps."""

import math
from pathlib import Path

import pytest

from evsed.control.recorder import CRASH_S
from evsed.core import commands as c
from evsed.recording.__main__ import play
from evsed.recording.replay import replay
from evsed.recording.tape import Tape
from hal.types import Temperature
from tests.recording.recorded import RecordedBench, written


def crashed(bench: RecordedBench, error: Exception, *commands: c.Command) -> None:
    """The next step raises error, somewhere inside; the loop ends with it."""

    def raising(s, drive) -> None:
        raise error

    bench.charger._drive = raising
    with pytest.raises(type(error)) as raised:
        bench.tick(*(c.Request(0, command) for command in commands))
    bench.pieces.clear()
    bench.recorder.crash(raised.value, bench.clock.now_s(), bench.take, bench.clock.sleep)


def test_the_step_that_raised_is_in_the_recording(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    crashed(bench, ZeroDivisionError("x"))
    *before, last = Tape(written(bench.pieces, tmp_path)).steps()
    assert all(step.finished for step in before)
    assert not last.finished
    assert last.inputs.sample_seq == before[-1].inputs.sample_seq + 1


def test_an_exception_belongs_to_the_open_session(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    crashed(bench, ZeroDivisionError("x"))
    assert Tape(written(bench.pieces, tmp_path)).header.session_uuid == bench.session_events[-1].uuid


def test_an_exception_between_two_steps_leaves_no_step_open(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.recorder.crash(OSError("a line"), bench.clock.now_s(), bench.take, bench.clock.sleep)
    assert all(step.finished for step in Tape(written(bench.pieces, tmp_path)).steps())


def test_a_slow_link_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    begun_s, turns = bench.clock.now_s(), iter(range(10**6))
    bench.recorder.crash(
        OSError("x"), begun_s, lambda piece: next(turns) % 3 == 0 and bench.take(piece), bench.clock.sleep
    )
    assert bench.pieces[-1].last
    assert [now.difference for now in replay(Tape(written(bench.pieces, tmp_path))) if now.difference] == []

    dead = RecordedBench()
    begun_s = dead.clock.now_s()
    dead.recorder.crash(OSError("x"), begun_s, lambda piece: False, dead.clock.sleep)
    assert dead.clock.now_s() - begun_s == pytest.approx(CRASH_S, abs=0.05)


def test_a_mistake_of_the_core_is_replayed_to_the_same_exception(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.sampler.temperatures = (Temperature("plug", math.nan),)  # no driver says this; the core chokes
    with pytest.raises(ValueError, match="NaN") as raised:
        bench.tick()
    bench.recorder.crash(raised.value, bench.clock.now_s(), bench.take, bench.clock.sleep)
    tape = Tape(written(bench.pieces, tmp_path))
    assert play(tape, show=False) == 0
    assert "raised ValueError" in (told := capsys.readouterr().out)
    assert "as it did then" in told


def test_a_mistake_that_has_been_mended_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = RecordedBench()
    bench.charge()
    crashed(bench, ZeroDivisionError("x"), c.PauseCharging())  # what it would have done is not known
    assert play(Tape(written(bench.pieces, tmp_path)), show=True) == 0
    assert "has been mended" in capsys.readouterr().out
