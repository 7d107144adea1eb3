"""The ring, the file, and the replay that says what the core said."""

import gc
import gzip
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from evsed.control.recorder import SEGMENT_S
from evsed.core import commands as c
from evsed.core.charger import Charger
from evsed.core.settings import Settings
from evsed.core.states import EvseState, StopReason
from evsed.recording.replay import replay
from evsed.recording.state import NotReadable, encode, freeze, thaw
from evsed.recording.tape import MAGIC, Tape, TapeError, frame
from tests.bench import TICK_S, Bench
from tests.core.scenarios import limit
from tests.recording.recorded import RecordedBench, written
from tests.tables.recorded import ALL_SCENARIOS


def replayed(bench: RecordedBench, folder: Path) -> int:
    """The number of steps, all of which were the same again."""
    n = 0
    for now in replay(Tape(written(bench.record(), folder))):
        assert now.difference is None
        n = now.n
    return n


def test_a_session_replays_to_the_same_outputs_and_events(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.ask(limit(10.0))
    bench.run(5.0)
    bench.unplug()
    assert replayed(bench, tmp_path) > 1000


@pytest.mark.parametrize("after_s", [5.0, 2.5 * SEGMENT_S])
def test_settings_that_have_changed_replay_too(after_s: float, tmp_path: Path) -> None:
    """In the recording itself, or before it begins."""
    bench = RecordedBench()
    bench.charge()
    bench.ask(c.Configure(Settings(session_duration_s=after_s + 1.0)))
    bench.run(after_s + 3.0)
    assert bench.session_events[-1].stop_reason is StopReason.TIME_LIMIT_REACHED
    assert replayed(bench, tmp_path) > 500


def test_a_fault_under_load_replays_and_names_its_cause(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.world.rcd.leak(30.0)
    bench.run(5.0)
    assert bench.pieces[-1].last
    tape = Tape(written(bench.pieces, tmp_path))
    assert tape.header.cause == "fault rcd"
    assert tape.header.session_uuid == bench.session_events[-1].uuid
    steps = list(replay(tape))
    assert all(now.difference is None for now in steps)
    raised = next(now for now in steps if "rcd" in now.snapshot.faults)
    assert steps[-1].step.now_s - raised.step.now_s == pytest.approx(1.0, abs=2 * TICK_S)


@pytest.mark.parametrize("scenario", ALL_SCENARIOS[::6], ids=lambda scenario: scenario.__name__)
def test_every_kind_of_story_replays(scenario, tmp_path: Path) -> None:
    benches: list[RecordedBench] = []

    def make(*args, **kwargs) -> RecordedBench:
        benches.append(RecordedBench(*args, **kwargs))
        return benches[-1]

    scenario(make)
    for bench in benches:
        assert replayed(bench, tmp_path)


def test_the_ring_keeps_at_least_one_segment_and_at_most_two(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.run(3.7 * SEGMENT_S)
    tape = Tape(written(bench.record(), tmp_path))
    steps = list(tape.steps())
    length_s = steps[-1].now_s - steps[0].now_s
    assert SEGMENT_S <= length_s <= 2 * SEGMENT_S + 1.0


def test_a_flood_of_steps_does_not_grow_the_ring() -> None:
    bench = RecordedBench()
    for _ in range(20_000):
        bench.ask(c.ClearLimit("test"))
        bench.recorder.pump(bench.clock.now_s(), bench.take)
        bench.forget()
    assert sum(len(segment.steps) for segment in bench.recorder._segments) <= 12_000


def test_a_step_costs_next_to_nothing() -> None:
    """Less than the step of the core that it notes, by far; both in one run, as machines are busy.

    Without the garbage collector, which control has at rest only: the heap of a test session is large.
    """
    bench = RecordedBench()
    bench.charge()
    last, steps_n = bench.recorder._steps[-1], 20_000
    gc.disable()
    times_s = [time.process_time()]
    for _ in range(steps_n):
        bench.recorder.step(last.now_s, last.inputs, last.outputs, [])
    times_s.append(time.process_time())
    for _ in range(steps_n):
        bench.charger.step(last.inputs, last.now_s)
    times_s.append(time.process_time())
    gc.enable()
    begun_s, noted_s, ended_s = times_s
    print(f"{(noted_s - begun_s) / (ended_s - noted_s):.2f} of the core's step")
    assert noted_s - begun_s < 2.0 * (ended_s - noted_s)


def test_a_link_that_takes_nothing_loses_no_piece(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.takes = False
    bench.recorder.ask("request", bench.clock.now_s())
    bench.run(1.0)
    bench.takes = True
    bench.run(60.0)
    assert all(now.difference is None for now in replay(Tape(written(bench.pieces, tmp_path))))


def test_an_exception_is_told_with_all_that_came_before(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.recorder.crash(ZeroDivisionError("x"), bench.clock.now_s(), bench.take, bench.clock.sleep)
    tape = Tape(written(bench.pieces, tmp_path))
    assert tape.header.cause == "exception ZeroDivisionError"
    assert [now.difference for now in replay(tape)][-1] is None


def test_the_same_object_is_the_same_after_thawing() -> None:
    bench = Bench()
    bench.charge()
    again = Charger(bench.settings)
    thaw(encode(freeze(bench.charger)), again)
    assert again.snapshot() == bench.charger.snapshot()
    assert again._s.meter is again._s.inputs.meter


def test_freezing_leaves_no_way_back_into_the_charger() -> None:
    bench = Bench()
    bench.charge()
    frozen = encode(freeze(bench.charger))
    later = freeze(bench.charger)
    bench.run(3.0)
    assert encode(later) == frozen


def test_only_classes_of_the_core_are_made() -> None:
    evil = msgspec.msgpack.encode({name: {"p": 0, "o": "subprocess:Popen", "v": {}} for name in ("_s",)})
    with pytest.raises(NotReadable, match="subprocess:Popen"):
        thaw(evil, Charger(Settings()))


def _text(path: Path) -> bytes:
    return b"hello"


def _cut(path: Path) -> bytes:
    return path.read_bytes()[:200]


def _no_header(path: Path) -> bytes:
    return MAGIC + gzip.compress(frame(b"\x01"))


@pytest.mark.parametrize(
    ("spoil", "why"), [(_text, "no recording"), (_cut, "damaged"), (_no_header, "header")]
)
def test_what_is_no_recording_is_told_so(spoil, why: str, tmp_path: Path) -> None:
    bench = RecordedBench()
    path = written(bench.record(), tmp_path)
    path.write_bytes(spoil(path))
    with pytest.raises(TapeError, match=why) as error:
        Tape(path)
    assert str(path) in str(error.value)


def test_replay_finds_the_first_difference_and_ends_with_1(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    step = bench.recorder._steps[-5]
    bench.recorder._steps[-5] = step._replace(outputs=msgspec.structs.replace(step.outputs, duty=0.123))
    path = written(bench.record(), tmp_path)
    command = [sys.executable, "-m", "evsed.recording", path]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stderr
    assert "other outputs" in told.stdout
    assert "0.123" in told.stdout


def test_replay_shows_what_changed_and_ends_with_0(tmp_path: Path) -> None:
    bench = RecordedBench()
    bench.charge()
    path = written(bench.record(), tmp_path)
    command = [sys.executable, "-m", "evsed.recording", "--show", path]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert EvseState.CHARGING.value in told.stdout
    assert "the same outputs and events" in told.stdout
    missing = subprocess.run([*command[:-1], tmp_path / "none"], capture_output=True, text=True, check=False)
    assert missing.returncode == 2
    assert "none" in missing.stderr
