"""The evsed command off systemd: does for the two processes what their units do, and starts the world.

Rule 1: control without a tick for a second is killed, the board is made safe by evse-safe, and a new control
starts a second later; a dead gateway starts again after 0.2 s, a hung one is killed after 10 s. There is no
limit to starts.
Rule 2: the end of the launcher, even by SIGKILL, is a planned stop of control (PR_SET_PDEATHSIG).
"""

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from evsed.link.channel import listen
from evsed.sockets import link_path

WATCHDOG_S = 1.0
START_LIMIT_S = 10.0  # until READY: imports on a cold disk
STOP_LIMIT_S = 15.0  # of a planned stop, as TimeoutStopSec=
GATEWAY_STOP_LIMIT_S = 5.0
CONTROL_RESTART_S = 1.0
GATEWAY_RESTART_S = 0.2
GATEWAY_WATCHDOG_S = 10.0
WRONG_CONFIGURATION = 2  # the exit code of a child that will never run like this


_HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class AlreadyRunning(Exception):
    """Another evsed has this run directory."""


class RunLock:
    """One evsed a run directory; the file holds the pid of whoever has it."""

    def __init__(self, run_dir: Path) -> None:
        path = run_dir / "evsed.pid"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self._fd, 32).decode().strip()
            os.close(self._fd)
            raise AlreadyRunning(f"evsed already runs in {run_dir} with pid {pid}; stop it first") from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._fd)


class Child:
    """One supervised process and the datagram socket on which it reports.

    Each has a process group of its own: Ctrl-C in the terminal is for the launcher, which stops them in turn.
    """

    def __init__(
        self, name: str, command: list[str], run_dir: Path, restart_s: float, watchdog_s: float
    ) -> None:
        self.name, self.restart_s, self.watchdog_s = name, restart_s, watchdog_s
        self._command, self._notify_path = command, run_dir / f"notify-{name}.sock"
        self._notify_path.unlink(missing_ok=True)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(str(self._notify_path))
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.heard_s = 0.0
        self.start_at_s = 0.0

    def fileno(self) -> int:
        return self._sock.fileno()

    def start(self, now_s: float, listening: socket.socket | None = None) -> None:
        env = {**os.environ, "NOTIFY_SOCKET": str(self._notify_path), "EVSED_LAUNCHER_PID": str(os.getpid())}
        self.ready, self.heard_s = False, now_s
        if listening is None:
            self.process = subprocess.Popen(self._command, env=env, process_group=0)
        else:
            command, fds = command_with_socket(self._command, listening), [listening.fileno()]
            self.process = subprocess.Popen(command, env=env, pass_fds=fds, process_group=0)

    def hear(self, now_s: float) -> None:
        """Take every waiting notification."""
        while True:
            try:
                message = self._sock.recv(4096)
            except BlockingIOError:
                return
            self.heard_s = now_s
            self.ready = self.ready or b"READY=1" in message.split(b"\n")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def signal(self, signum: signal.Signals) -> None:
        if self.process is not None and self.alive:
            self.process.send_signal(signum)

    def kill_and_reap(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def close(self) -> None:
        self._sock.close()
        self._notify_path.unlink(missing_ok=True)


def command_with_socket(command: list[str], listening: socket.socket) -> list[str]:
    """command, started with the listening socket as descriptor 3, as systemd hands it over.

    LISTEN_PID must be the pid of the process itself, which only it knows before it becomes the command.
    """
    return [sys.executable, "-I", "-S", "-c", _HAND_OVER, str(listening.fileno()), *command]


class Launcher:
    """settings: the command line's configuration arguments, handed on to every process."""

    def __init__(self, run_dir: Path, settings: list[str]) -> None:
        self._settings = settings
        path = link_path(run_dir)
        path.unlink(missing_ok=True)
        self._listening = listen(str(path))
        self._control = Child(
            "control", self._command("evsed.control"), run_dir, CONTROL_RESTART_S, WATCHDOG_S
        )
        self._gateway = Child(
            "gateway", self._command("evsed.gateway"), run_dir, GATEWAY_RESTART_S, GATEWAY_WATCHDOG_S
        )
        self.stop_requested = False

    def run(self) -> int:
        """Until SIGTERM or SIGINT, or until a child says that its configuration is wrong (exit code 2)."""
        code = 0
        try:
            self._start_due(time.monotonic())
            while not self.stop_requested and not code:
                code = self._turn()
        finally:
            self._stop()
        return code

    def _turn(self) -> int:
        children = (self._control, self._gateway)
        select.select(children, [], [], 0.1)
        now_s = time.monotonic()
        for child in children:
            child.hear(now_s)
            code = child.exit_code()
            if child.process is not None and code is not None:
                if code == WRONG_CONFIGURATION:
                    return code
                self._ended(child, code, now_s)
            self._watch(child, now_s)
        self._start_due(now_s)
        return 0

    def _ended(self, child: Child, code: int, now_s: float) -> None:
        _say(f"{child.name} ended ({_how(code)}); starting it again in {child.restart_s:g} s")
        child.process = None
        child.start_at_s = now_s + child.restart_s
        if child is self._control:
            self._make_safe()

    def _watch(self, child: Child, now_s: float) -> None:
        limit_s = child.watchdog_s if child.ready else START_LIMIT_S
        if child.process is not None and now_s - child.heard_s > limit_s:
            _say(f"{child.name} has not ticked for {limit_s:g} s: killing it")
            child.signal(signal.SIGKILL)
            child.heard_s = now_s

    def _start_due(self, now_s: float) -> None:
        self._start_gateway_if_due(now_s)
        if self._control.process is None and now_s >= self._control.start_at_s:
            self._control.start(now_s)

    def _start_gateway_if_due(self, now_s: float) -> None:
        if self._gateway.process is None and now_s >= self._gateway.start_at_s:
            self._gateway.start(now_s, self._listening)

    def _make_safe(self) -> None:
        try:
            subprocess.run(self._command("evsed.safe"), check=False, timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            _say(
                f"evse-safe did not end within {STOP_LIMIT_S:g} s: the coil gate must hold the contactor open"
            )

    def _stop(self) -> None:
        """Control first, so that the gateway can take its last events; a hung one does not get longer."""
        self._control.signal(signal.SIGTERM)
        self._await_control()
        if self._control.exit_code() not in (0, WRONG_CONFIGURATION):
            self._control.kill_and_reap()
            self._make_safe()
        self._gateway.signal(signal.SIGTERM)
        self._await_gateway()
        self._gateway.kill_and_reap()
        for child in (self._control, self._gateway):
            child.close()
        self._listening.close()

    def _await_control(self) -> None:
        """Until it has ended or hangs. A gateway that dies meanwhile comes back: the last events need it."""
        control = self._control
        end_s = time.monotonic() + STOP_LIMIT_S
        now_s = control.heard_s = time.monotonic()
        while control.alive and now_s < end_s and now_s - control.heard_s <= WATCHDOG_S:
            select.select([control], [], [], 0.05)
            now_s = time.monotonic()
            control.hear(now_s)
            self._keep_gateway(now_s)

    def _keep_gateway(self, now_s: float) -> None:
        gateway = self._gateway
        gateway.hear(now_s)
        code = gateway.exit_code()
        if code not in (None, WRONG_CONFIGURATION):
            self._ended(gateway, code, now_s)
        self._start_gateway_if_due(now_s)

    def _await_gateway(self) -> None:
        end_s = time.monotonic() + GATEWAY_STOP_LIMIT_S
        while self._gateway.alive and time.monotonic() < end_s:
            time.sleep(0.02)

    def _command(self, module: str) -> list[str]:
        return [sys.executable, "-m", module, *self._settings]


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _say(text: str) -> None:
    print(f"evsed: {text}", file=sys.stderr, flush=True)
