import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evsed.launcher import AlreadyRunning, RunLock, command_with_socket
from evsed.service import ERROR, INFO, Notifier, open_journal

LISTENS = """
import sys
from evsed.service import inherited_socket
sock = inherited_socket()
print(sock.getsockname() if sock else "none")
"""


@pytest.fixture
def manager(tmp_path: Path):
    """The service manager's end of NOTIFY_SOCKET."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "notify"))
    sock.settimeout(5.0)
    yield sock
    sock.close()


def test_what_is_notified_arrives(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    assert notifier.notify("READY=1")
    assert manager.recv(100) == b"READY=1"
    notifier.close()


def test_an_abstract_address_is_understood() -> None:
    name = f"evsed-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        notifier = Notifier("@" + name)
        assert notifier.notify("WATCHDOG=1")
        assert manager.recv(100) == b"WATCHDOG=1"
        notifier.close()


def test_without_a_manager_nothing_is_sent_and_nothing_fails() -> None:
    assert not Notifier("").notify("READY=1")


def test_a_manager_that_does_not_read_never_blocks(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    results = [notifier.notify("WATCHDOG=1" + "x" * 1000) for _ in range(10_000)]
    assert results[0]
    assert not results[-1]
    notifier.close()


def test_a_manager_that_has_gone_is_no_error(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    manager.close()
    assert not notifier.notify("WATCHDOG=1")
    notifier.close()


def said_by_child(command: list[str], sock: socket.socket) -> str:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, pass_fds=[sock.fileno()], capture_output=True, text=True, cwd=root, check=True
    )
    return done.stdout.strip()


def test_the_socket_that_the_launcher_hands_over_is_taken_whatever_its_number(tmp_path: Path) -> None:
    child = [sys.executable, "-c", LISTENS]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.bind(str(tmp_path / "link.sock"))
        assert said_by_child(child, sock) == "none"
        for number in (170, 1000):
            with socket.socket(fileno=os.dup2(sock.fileno(), number)) as same:
                assert said_by_child(command_with_socket(child, same), same) == str(tmp_path / "link.sock")


def test_off_journald_a_line_tells_time_program_and_severity(capsys: pytest.CaptureFixture[str]) -> None:
    journal = open_journal("gateway")
    journal(INFO, "Idle -> Charging", {"EVSE_STATE": "Charging"})
    journal(ERROR, "the store is full", {})
    info, error = capsys.readouterr().err.splitlines()
    assert info[8:] == " gateway: Idle -> Charging"
    assert error[8:] == " gateway: error: the store is full"


def test_a_run_directory_has_one_evsed_and_the_second_is_told_the_first(tmp_path: Path) -> None:
    first = RunLock(tmp_path)
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        RunLock(tmp_path)
    first.release()
    RunLock(tmp_path).release()
