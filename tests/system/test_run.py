"""scripts/run for real; each test has its own broker, evsed and world, which the script makes and ends."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.bench import eventually

RUN = Path(__file__).parents[2] / "scripts/run"
ONE_SESSION_S = 40.0
EVENTS = [
    "SessionStarted",
    "AuthRequired",
    "Authorized",
    "TransactionStarted",
    "PrepareCharging",
    "ChargingStarted",
    "ChargingPausedEV",
    "ChargingResumed",
    "ChargingPausedEV",
    "StoppingCharging",
    "ChargingFinished",
    "TransactionFinished",
    "SessionFinished",
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RUN, *arguments], capture_output=True, text=True, timeout=ONE_SESSION_S, check=False
    )


def events_in(output: str) -> list[str]:
    return [name for name in re.findall(r"^\S+  (\w+) ", output, re.MULTILINE) if name != "Enabled"]


def place_in(output: str) -> Path:
    """The temporary directory that the output tells of."""
    found = re.search(r"(/\S*/evsed-\w+)/", output)
    assert found, output
    return Path(found[1])


def processes_of(place: Path) -> list[str]:
    """Command lines of what was started with this directory in its environment or its arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if os.fsencode(place) in told:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def assert_nothing_is_left(place: Path) -> None:
    assert processes_of(place) == []
    assert not place.exists()


class Interactive:
    """scripts/run on a terminal of its own, or with a file instead."""

    def __init__(self, output: Path, terminal: bool) -> None:
        self._output = output
        self._stream = output.open("wb")
        self.master = self._slave = -1
        if terminal:
            self.master, self._slave = pty.openpty()
        out = self._slave if terminal else self._stream
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_TERMINAL_OWNER, RUN] if terminal else [RUN],
            stdin=out if terminal else subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        if terminal:
            os.close(self._slave)
            os.set_blocking(self.master, False)

    def said(self) -> str:
        if self.master >= 0:
            with self._output.open("ab") as stream, suppress(OSError):  # nothing new
                stream.write(os.read(self.master, 65536))
        return self._output.read_text(errors="replace")

    def ended(self) -> int:
        return self.process.wait(12.0)

    def close(self) -> None:
        self._stream.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20.0)


# What a login does: the terminal is that of the session, so that its end is a SIGHUP.
_AS_TERMINAL_OWNER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Interactive]:
    interactive = Interactive(tmp_path / "output", terminal=False)
    yield interactive
    interactive.close()


@pytest.fixture
def on_terminal(tmp_path: Path) -> Iterator[Interactive]:
    interactive = Interactive(tmp_path / "output", terminal=True)
    yield interactive
    interactive.close()


def test_run_once_plays_a_whole_session_and_leaves_nothing_behind() -> None:
    ran = run("--once")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert events_in(ran.stdout) == EVENTS
    assert_nothing_is_left(place_in(ran.stdout))


def test_run_once_fails_and_says_why_when_nobody_authorizes() -> None:
    ran = run(
        "--once",
        *("--set", "auth.mode=tokens"),
        *("--set", 'auth.tokens=["OTHER"]'),
        *("--set", "auth.connection_timeout_s=1"),
    )
    place = place_in(ran.stdout)
    try:
        assert ran.returncode == 1
        assert "FAILED: PluginTimeout" in ran.stdout
        assert f"The last lines of {place}/evsed.log" in ran.stdout
        assert sorted(path.name for path in place.iterdir()) == ["evsed.log", "mosquitto.log"]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    assert_nothing_is_left(place)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "evse.max_current_a=1"], "evse.max_current_a: 1 is not allowed"),
        (["--config", "/does/not/exist.toml"], "/does/not/exist.toml"),
        (["--bogus"], "--bogus"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_starts(arguments: list[str], named: str) -> None:
    ran = run("--once", *arguments)
    assert ran.returncode == 2
    assert named in ran.stderr
    assert ran.stdout == ""


def test_help_starts_nothing() -> None:
    ran = run("--once", "--help")
    assert ran.returncode == 0
    assert "usage: scripts/run" in ran.stdout


def test_ctrl_c_while_charging_stops_in_order(background: Interactive) -> None:
    eventually(lambda: "ChargingStarted" in background.said(), "charging")
    background.process.send_signal(signal.SIGINT)
    assert background.ended() == 0
    assert events_in(background.said())[-3:] == [
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
    ]
    assert "Reboot" in background.said()
    assert_nothing_is_left(place_in(background.said()))


def test_a_second_ctrl_c_ends_everything_at_once(background: Interactive) -> None:
    eventually(lambda: "ChargingStarted" in background.said(), "charging")
    background.process.send_signal(signal.SIGINT)
    eventually(lambda: "ending evsed" in background.said(), "it ends")
    background.process.send_signal(signal.SIGINT)
    assert background.ended() == 0
    assert "evsed had to be killed" in background.said()
    assert_nothing_is_left(place_in(background.said()))


def test_a_terminal_that_closes_ends_everything(on_terminal: Interactive) -> None:
    eventually(lambda: "Contactor" in on_terminal.said() and "11.04 kW" in on_terminal.said(), "the panel")
    place = place_in(on_terminal.said())
    assert processes_of(place)
    os.close(on_terminal.master)
    on_terminal.master = -1
    assert on_terminal.ended() == 0
    assert_nothing_is_left(place)


def test_a_killed_broker_is_reported_with_its_last_lines(background: Interactive) -> None:
    eventually(lambda: "To try" in background.said(), "evsed is ready")
    place = place_in(background.said())
    pids = [p.name for p in Path("/proc").glob("[0-9]*") if f"{place}/mosquitto.conf" in _command_line(p)]
    os.kill(int(pids[0]), signal.SIGTERM)
    try:
        assert background.ended() == 1
        assert "FAILED: mosquitto ended by itself" in background.said()
        assert f"The last lines of {place}/mosquitto.log" in background.said()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    assert_nothing_is_left(place)


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""
