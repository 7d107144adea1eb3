import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.evsectl.charging_point import UUID, Gateway, running

EVENT = {"n": 1, "at": "2026-01-02T03:04:05.678Z", "event": "SessionStarted", "uuid": UUID}


@pytest.fixture
def gateway(tmp_path) -> Iterator[Gateway]:
    with running(tmp_path) as gateway:
        yield gateway


@contextmanager
def evsectl(gateway: Gateway, *argv: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    without = ("NO_COLOR", "PYTHONUNBUFFERED")
    env = {name: value for name, value in os.environ.items() if name not in without}
    env |= {"RUNTIME_DIRECTORY": str(gateway.path.parent), "TERM": "xterm", "COLUMNS": "60", "LINES": "30"}
    process = subprocess.Popen(
        [sys.executable, "-m", "evsed.evsectl", *argv],
        stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def followed(gateway: Gateway) -> None:
    assert gateway.charger.subscribed.acquire(timeout=10)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    return process.wait(10), process.stderr.read()


def test_the_program_prints_and_ends_with_its_exit_code(gateway):
    with evsectl(gateway, "pause") as process:
        assert ended(process) == (1, "evsectl: not paused: no transaction is active\n")
    with evsectl(gateway, "disable") as process:
        assert process.stdout.read() == "disabled by LocalAPI, priority 100\n"
        assert ended(process) == (0, "")


def test_events_are_written_as_they_come_and_ctrl_c_ends_them_quietly(gateway):
    with evsectl(gateway, "events") as process:
        followed(gateway)
        gateway.publish("events", EVENT)
        assert process.stdout.readline() == f"{EVENT['at']}  SessionStarted       1b4e28ba\n"
        process.send_signal(signal.SIGINT)
        assert ended(process) == (0, "")


def test_events_as_json_are_passed_on_as_they_are(gateway):
    with evsectl(gateway, "events", "--json") as process:
        followed(gateway)
        gateway.publish("events", EVENT)
        assert json.loads(process.stdout.readline()) == EVENT


def test_a_reader_that_goes_away_ends_the_program_quietly(gateway):
    with evsectl(gateway, "events") as process:
        followed(gateway)
        process.stdout.close()
        gateway.publish("events", EVENT)
        assert ended(process) == (0, "")


def test_a_reader_that_has_gone_before_the_answer_is_no_error(gateway):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with evsectl(gateway, "status", stdout=write_end) as process:
        os.close(write_end)
        assert ended(process) == (0, "")


def test_watch_without_a_terminal_prints_a_line_for_each_status(gateway):
    with evsectl(gateway, "watch") as process:
        assert "  Idle, C, +6.0 V" in process.stdout.readline()
        gateway.publish("status", {"state": "Charging"})
        assert process.stdout.readline().rstrip().endswith("Z  Charging")
    with evsectl(gateway, "watch", "--json") as process:
        assert json.loads(process.stdout.readline()) == gateway.charger.status()


class Screen:
    def __init__(self, fd: int) -> None:
        self._fd, self.text = fd, ""

    def read_until(self, text: str) -> None:
        while text not in self.text:
            self.text += os.read(self._fd, 65536).decode().replace("\r\n", "\n")


@pytest.fixture
def terminal() -> Iterator[tuple[Screen, int]]:
    controller, terminal = pty.openpty()
    yield Screen(controller), terminal
    os.close(controller)
    os.close(terminal)


def test_watch_on_a_terminal_redraws_in_place_and_gives_the_cursor_back(gateway, terminal):
    screen, stdout = terminal
    gateway.charger.charge()
    with evsectl(gateway, "watch", stdout=stdout) as process:
        screen.read_until("board sim\n")
        assert screen.text.startswith("\x1b[?25l\x1b[J")
        assert "\x1b[32mCharging: the EV may take power" in screen.text
        assert all(len(line) <= 60 for line in screen.text.split("\n") if "\x1b" not in line)
        gateway.publish("status", {"state": "Idle", "board": "second"})
        screen.read_until("board second\n")
        assert "\n\x1b[12F\x1b[JState       Idle" in screen.text
        process.send_signal(signal.SIGINT)
        assert ended(process) == (0, "")
        screen.read_until("\x1b[?25h")


def test_a_status_on_a_terminal_is_coloured(gateway, terminal):
    screen, stdout = terminal
    gateway.charger.faults = ["rcd"]
    with evsectl(gateway, "status", stdout=stdout) as process:
        assert ended(process) == (0, "")
    screen.read_until("board sim\n")
    assert "\x1b[31mrcd (the residual" in screen.text


def test_the_program_loads_nothing_that_takes_long():
    heavy = "{'asyncio', 'paho', 'tomllib', 'sqlite3', 'subprocess'}"
    code = f"import sys, evsed.evsectl.__main__; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
