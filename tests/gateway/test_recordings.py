"""Recordings as files: whole, bounded, found again by their session."""

import threading
from pathlib import Path

import pytest

from evsed.gateway.recordings import FILES_N, Recordings
from evsed.link.messages import Recording
from evsed.recording.tape import Tape
from tests.recording.recorded import RecordedBench

SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


class Keeper:
    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.recordings = Recordings(folder, lambda priority, text, fields: self.told.append(text))

    def take(self, *pieces: Recording) -> None:
        for piece in pieces:
            self.recordings.take(piece)
        self.wait()

    def wait(self) -> None:
        for thread in threading.enumerate():
            if thread.name == "recording":
                thread.join()

    @property
    def files(self) -> list[Path]:
        return sorted(self.recordings.folder.iterdir())


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "recordings")


def piece(n: int, data: bytes, last: bool = True, session: str = SESSION) -> Recording:
    return Recording(n, "fault rcd", session, float(n), data, last)


def test_a_recording_of_control_is_a_file_that_can_be_replayed(keeper: Keeper) -> None:
    bench = RecordedBench()
    bench.charge()
    bench.world.rcd.leak(30.0)
    bench.run(5.0)
    keeper.take(*bench.pieces)
    (path,) = keeper.files
    assert path.name.endswith("-fault-rcd.evrec")
    assert len(list(Tape(path).steps())) > 100
    assert keeper.recordings.of(bench.session_events[-1].uuid) == path
    assert path.stat().st_mode & 0o777 == 0o640
    assert str(path) in keeper.told[0]


def test_a_recording_that_ends_early_is_kept_as_far_as_it_came(keeper: Keeper) -> None:
    bench = RecordedBench()
    bench.run(20.0)
    pieces = bench.record()
    keeper.take(*pieces[:-10])
    keeper.recordings.end()
    keeper.wait()
    assert list(Tape(keeper.files[0]).steps())


def test_the_oldest_go(keeper: Keeper) -> None:
    for n in range(FILES_N + 5):
        keeper.take(piece(n, b"data"))
    assert len(keeper.files) == FILES_N


def test_the_next_recording_begins_anew(keeper: Keeper) -> None:
    keeper.take(piece(1, b"first", last=False), piece(2, b"second"))
    assert len(keeper.files) == 1


def test_one_without_a_session_is_found_by_none(keeper: Keeper) -> None:
    keeper.take(piece(1, b"data", session=""))
    assert "-none-" in keeper.files[0].name
    assert keeper.recordings.of(SESSION) is None


def test_a_full_disk_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way")
    keeper = Keeper(tmp_path / "recordings")
    keeper.take(piece(1, b"data"))
    assert "could not be written" in keeper.told[0]
