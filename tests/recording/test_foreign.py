"""Recordings of another evsed: a clear word and exit code 2, or the first difference; never a traceback."""

import gzip
from pathlib import Path

import msgspec
import pytest

from evsed.core.charger import Charger
from evsed.core.settings import Settings
from evsed.recording.__main__ import play
from evsed.recording.state import CHARGER_FIELDS, NotReadable, encode, freeze, thaw
from evsed.recording.steps import Unpacker
from evsed.recording.tape import MAGIC, Header, Tape, TapeError, frame
from tests.recording.recorded import RecordedBench, written


@pytest.mark.parametrize(
    "state",
    [
        {"p": 0, "o": "evsed.core.no_such_module:Thing", "v": {}},
        {"p": 0, "o": "evsed.core.situation:NoSuchClass", "v": {}},
        {"p": 0, "no such kind": []},
        {"r": 7},
        {"e": "evsed.core.states:CpState", "v": "Z"},
        {"p": 0, "o": "evsed.core.situation:Situation", "v": {"no_such_slot": 1}},
    ],
    ids=lambda state: "/".join(state),
)
def test_a_state_that_is_not_of_this_core_is_told_so(state: dict[str, object]) -> None:
    data = msgspec.msgpack.encode(dict.fromkeys(CHARGER_FIELDS, state))
    with pytest.raises(NotReadable):
        thaw(data, Charger(Settings()))


def tape_of(folder: Path, state: bytes, *steps: bytes) -> Path:
    header = Header("0.0.1", "fault rcd", "", 0.0, 0.0, Settings(), state)
    path = folder / "foreign.evrec"
    frames = (msgspec.msgpack.encode(header), *steps)
    path.write_bytes(MAGIC + gzip.compress(b"".join(frame(data) for data in frames)))
    return path


def test_an_input_that_this_core_does_not_have_is_told_so(tmp_path: Path) -> None:
    step = msgspec.msgpack.encode([1.0, {"no_such_input": 1}, None, []])
    tape = Tape(tape_of(tmp_path, encode(freeze(Charger(Settings()))), step))
    with pytest.raises(TapeError, match=r"step 1 cannot be read.*no_such_input"):
        list(tape.steps())


def test_a_state_of_an_older_core_ends_in_a_difference_not_in_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = RecordedBench()
    bench.charge()
    tape = Tape(written(bench.record(), tmp_path))
    del tape.charger._s.lock  # an older core had none
    assert play(tape, show=False) == 1
    told = capsys.readouterr().out
    assert "AttributeError" in told
    assert tape.header.version in told


def test_unpacking_needs_no_more_than_what_is_there() -> None:
    s = Charger(Settings())._s
    with pytest.raises(msgspec.MsgspecError):
        Unpacker(s.inputs, Charger(Settings())._outputs).unpack(b"\xff")
