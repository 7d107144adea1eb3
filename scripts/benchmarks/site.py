"""Everything that runs while a measurement is taken: broker, world, evsed, reference programs.

Rule: all of it is ended by pid when the site is left, in whichever way.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from evsed.sim import client as world
from scripts.benchmarks.client import Client, TraceClient

API = "everest_api/1/evse_manager_consumer/evse/"
CARSIM = "everest_external/nodered/1/carsim/"
MODIFY, TRACE, READY = CARSIM + "cmd/modify_charging_session", CARSIM + "trace", API + "e2m/ready"
SESSION_EVENT, REPLY = API + "e2m/session_event", "bench/reply"
HEALTH = API + "e2m/control_health"

STOP_LIMIT_S = 15.0
LOG_LINES_N = 15
LATE = re.compile(r"tick (\d+) ms late")
SETTINGS = (
    "sim.trace=true",
    "sim.linger_s=30",  # should the bench itself be killed
    "core.reclose_min_s=0",  # or a cycle would take seconds
    "core.rcd_test_every_h=0",  # a tested RCD trips, too
    "core.wake_up=false",
)


class Site:
    """Context manager. The broker runs at once; evsed and the rest when asked for."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="evb-", dir="/tmp"))  # a socket's path must be short
        self.run_dir = self.root / "run"
        self._stack = ExitStack()
        self.port = _free_port()
        self.evsed: subprocess.Popen[bytes] | None = None
        self._tick_ms = 0

    def __enter__(self) -> "Site":
        self._stack.callback(shutil.rmtree, self.root)
        try:
            self._start_broker()
            self._stack.callback(self.stop_world)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            print(*self.log("evsed").splitlines()[-LOG_LINES_N:], sep="\n", file=sys.stderr)
        self._stack.close()

    def client(self, *topics: str) -> TraceClient:
        client = TraceClient(self.port, TRACE, READY, SESSION_EVENT, REPLY, HEALTH, *topics)
        self._stack.callback(client.close)
        return client

    def started(self, tick_ms: int) -> "subprocess.Popen[bytes]":
        """An evsed with this tick that is ready; the one that runs if it is such a one."""
        if self.evsed is None or self._tick_ms != tick_ms:
            self.stop_evsed()
            ready = Client(self.port, READY)
            self.start_evsed(tick_ms)
            wait_ready(ready)
            ready.close()
        assert self.evsed is not None
        return self.evsed

    def start_evsed(self, tick_ms: int) -> None:
        self._tick_ms = tick_ms
        self.evsed = self._spawn(
            "evsed", "-m", "evsed", "--board=sim", *self._sets(f"core.tick_ms={tick_ms}")
        )
        self._stack.callback(_end, self.evsed)

    def stop_evsed(self) -> None:
        if self.evsed is not None:
            _end(self.evsed)
            self.evsed = None

    def start_world(self) -> None:
        """An evsed that starts then finds one."""
        process = self._spawn("world", "-m", "evsed.sim", "--board=sim", *self._sets())
        self._stack.callback(_end, process)
        _wait(lambda: "ready" in self.log("world"), "the world is ready")

    def stop_world(self) -> None:
        self.stop_evsed()
        if self.run_dir.exists():
            world.stop(self.run_dir)

    @contextmanager
    def reference(self, name: str, *arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
        """One of the programs of reference.py."""
        command = ["-m", "scripts.benchmarks.reference", name, *map(str, arguments)]
        process = self._spawn(name, *command, stdout=subprocess.PIPE)
        try:
            yield process
        finally:
            _end(process)
            assert process.stdout is not None
            process.stdout.close()

    def pid_of(self, module: str) -> int:
        """A child of the launcher, by its module."""
        assert self.evsed is not None
        parent = self.evsed.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return next(int(pid) for pid in children if module in Path(f"/proc/{pid}/cmdline").read_text())

    def late_ticks_ms(self) -> list[int]:
        """Every tick that control has complained of so far (20 ms late and more), of all its processes."""
        return [int(ms) for ms in LATE.findall(self.log("evsed"))]

    def log(self, name: str) -> str:
        path = self.root / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def _sets(self, *more: str) -> list[str]:
        return [f"--set={setting}" for setting in (f"mqtt.port={self.port}", *SETTINGS, *more)]

    def _spawn(self, name: str, *arguments: str, stdout: int | None = None) -> "subprocess.Popen[bytes]":
        run, state = str(self.run_dir), str(self.root / "state")
        environment = {**os.environ, "RUNTIME_DIRECTORY": run, "STATE_DIRECTORY": state}
        with (self.root / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], env=environment, stdout=stdout or log, stderr=log
            )

    def _start_broker(self) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise FileNotFoundError("mosquitto is not installed; scripts/setup installs it")
        config = self.root / "mosquitto.conf"
        user = pwd.getpwuid(os.geteuid()).pw_name  # root would become a user who may not read here
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser {user}\n"
            "max_queued_messages 0\n"
        )
        with (self.root / "mosquitto.log").open("ab") as log:
            broker = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        self._stack.callback(_end, broker)
        _wait(lambda: _listens(self.port), "mosquitto listens")


def wait_ready(client: Client) -> float:
    """Monotonic time at which e2m/ready turned true."""
    while True:
        at_s, payload = client.next(READY)
        if payload == b"true":
            return at_s


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(holds: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    give_up_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
