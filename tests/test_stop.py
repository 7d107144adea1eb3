"""evse-stop and evse-safe: what the unit of control calls besides control itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evsed.board_note import note_board, noted_board
from tests.system.bench import eventually

# A control process in what counts here: it tells the manager and evse-stop of its ticks.
TICKS = """
import signal, sys, time
from evsed.service import Notifier
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(time.monotonic()))
notifier = Notifier("", also=sys.argv[1])
print("up", flush=True)
while not stopping or time.monotonic() - stopping[0] < float(sys.argv[2]):
    notifier.notify("WATCHDOG=1")
    time.sleep(0.1)
"""


class Ticking:
    """A process that goes on for stops_after_s after SIGTERM."""

    def __init__(self, run_dir: Path, stops_after_s: float) -> None:
        self.run_dir = run_dir
        argv = [sys.executable, "-c", TICKS, str(run_dir / "stop.sock"), str(stops_after_s)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self.process.stdout
        assert self.process.stdout.readline() == b"up\n"

    def stop(self) -> "subprocess.CompletedProcess[str]":
        return run("evsed.stop", str(self.process.pid), run_dir=self.run_dir)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


def run(module: str, *arguments: str, run_dir: Path) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run_dir)}
    argv = [sys.executable, "-m", module, *arguments]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Ticking]:
    ticking = Ticking(tmp_path, 2.5)
    yield ticking
    ticking.end()


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Ticking]:
    ticking = Ticking(tmp_path, 600.0)
    yield ticking
    ticking.end()


def test_a_process_that_ticks_gets_its_time(patient: Ticking) -> None:
    ended = patient.stop()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert patient.process.wait(10) == 0
    assert not (patient.run_dir / "stop.sock").exists()


def test_one_that_hangs_is_killed_after_a_second(endless: Ticking) -> None:
    endless.process.send_signal(signal.SIGSTOP)
    began_s = time.monotonic()
    ended = endless.stop()
    assert ended.returncode == 0
    assert "not ticked for 1 s: killed" in ended.stderr
    assert endless.process.wait(10) == -signal.SIGKILL
    assert 1.0 < time.monotonic() - began_s < 10.0


def test_one_that_hangs_later_is_killed_too(endless: Ticking) -> None:
    env = {**os.environ, "RUNTIME_DIRECTORY": str(endless.run_dir)}
    with subprocess.Popen([sys.executable, "-m", "evsed.stop", str(endless.process.pid)], env=env) as stop:
        eventually((endless.run_dir / "stop.sock").exists, "evse-stop listens")
        time.sleep(1.5)  # longer than the watchdog: it ticks
        assert stop.poll() is None
        endless.process.send_signal(signal.SIGSTOP)
        assert stop.wait(10) == 0
    assert endless.process.wait(10) == -signal.SIGKILL


def test_one_that_has_gone_is_no_error(patient: Ticking) -> None:
    patient.end()
    ended = patient.stop()
    assert (ended.returncode, ended.stderr) == (0, "")


def test_none_at_all_is_no_error(tmp_path: Path) -> None:
    """systemd leaves out $MAINPID where control has ended by itself."""
    ended = run("evsed.stop", run_dir=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_evse_safe_takes_the_board_that_control_had_whatever_the_configuration(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[board]\nname = 'pi-hat-1p'\nnothing_like_it = 1\n")
    refused = run("evsed.safe", f"--config={broken}", run_dir=tmp_path)
    assert refused.returncode == 2
    note_board(tmp_path, "no-such-board")
    told = run("evsed.safe", f"--config={broken}", run_dir=tmp_path)
    assert told.returncode == 1
    assert "board 'no-such-board': unknown" in told.stderr
    given = run("evsed.safe", f"--config={broken}", "--board=another", run_dir=tmp_path)
    assert "board 'another': unknown" in given.stderr


def test_a_board_is_noted_and_a_directory_without_a_note_says_none(tmp_path: Path) -> None:
    assert noted_board(tmp_path) == ""
    note_board(tmp_path, "sim")
    assert noted_board(tmp_path) == "sim"
    note_board(tmp_path / "missing", "sim")
