"""Recordings as files: whole, bounded, found again by their session."""

import threading
from pathlib import Path

import pytest

from evsed.gateway.recordings import FILES_N, UNFINISHED, Recordings
from evsed.link.messages import Recording
from evsed.recording.tape import SUFFIX, Tape
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


def piece(n: int, data: bytes, last: bool = True, session: str = SESSION, part_n: int = 0) -> Recording:
    return Recording(n, "fault rcd", session, float(n), data, last, part_n)


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


def test_the_rest_of_what_another_gateway_was_told_is_left_out(keeper: Keeper) -> None:
    keeper.take(piece(1, b"middle", last=False, part_n=7), piece(1, b"", part_n=8))
    assert not keeper.recordings.folder.exists()


def test_control_begins_again_for_another_gateway(keeper: Keeper) -> None:
    bench = RecordedBench()
    bench.run(20.0)
    bench.recorder.ask("request", bench.clock.now_s())
    bench.run(0.1)
    assert bench.pieces
    bench.pieces.clear()  # they went down with the gateway
    bench.run(0.05)
    bench.recorder.begin_again()
    bench.run(5.0)
    keeper.take(*bench.pieces)
    (path,) = keeper.files
    assert len(list(Tape(path).steps())) > 1900


def test_what_a_killed_gateway_left_half_written_goes(keeper: Keeper) -> None:
    keeper.recordings.folder.mkdir()
    (keeper.recordings.folder / f"some{UNFINISHED}").write_bytes(b"half")
    keeper.take(piece(1, b"data"))
    (path,) = keeper.files
    assert path.suffix == SUFFIX
