"""A service manager for tests, where systemd is not process 1: it does what our unit files say.

From the real units it reads Type=notify, WatchdogSec=, WatchdogSignal=, ExecStart=, ExecStop=, ExecStopPost=,
Restart=, RestartSec=, TimeoutStopSec=, Environment=, StateDirectory=, LimitCORE=, CPUSchedulingPolicy= and
the listening socket. Users, cgroups and the sandbox are not its business: the booted image shows those.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from evsed.launcher import command_with_socket
from evsed.link.channel import listen
from tests.chain.units import PROGRAMS, Unit, module_of

TURN_S = 0.01
DropIns = Mapping[str, Mapping[str, str]]  # by unit: what a layer is removed with


class Place:
    """Where the units' paths lie in a test, and what stands in for /etc/evsed on the command line."""

    def __init__(self, run_dir: Path, state_dir: Path, log_path: Path, arguments: Sequence[str]) -> None:
        self.run_dir, self.state_dir, self.log_path = run_dir, state_dir, log_path
        self.arguments = list(arguments)

    def environment(self, unit: Unit) -> dict[str, str]:
        here = {
            name: value.replace("/run/evsed", str(self.run_dir)) for name, value in unit.environment().items()
        }
        if unit.all("StateDirectory"):
            here["STATE_DIRECTORY"] = str(self.state_dir)
        return {**os.environ, **here}


class Service:
    """One service unit. started_s: of each start so far. status: the newest STATUS=."""

    def __init__(self, unit: Unit, place: Place, listening: socket.socket | None) -> None:
        self.unit, self._place, self._listening = unit, place, listening
        self._notify_path = place.run_dir / f"{unit.name}.notify"
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(str(self._notify_path))
        self._watchdog_s = unit.seconds("WatchdogSec")
        self._heard_s = self._start_at_s = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = self.stopping = self.paused = False
        self.started_s: list[float] = []
        self.exits: list[int] = []
        self.status = ""

    def turn(self, now_s: float) -> None:
        self._hear(now_s)
        if self.stopping:
            return
        if self.process is None:
            if now_s >= self._start_at_s and not self.paused:
                self._start(now_s)
        elif self.process.poll() is not None:
            self._ended(now_s)
        else:
            self._watch(now_s)

    def stop(self) -> None:
        """systemctl stop: the watchdog is off from here on."""
        self.stopping = True
        process, limit_s = self.process, self.unit.seconds("TimeoutStopSec")
        if process is not None:
            if process.poll() is None:
                self._run("ExecStop", MAINPID=str(process.pid))
                process.terminate()
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
            self.exits.append(process.wait())
        self._run("ExecStopPost")

    def pause(self) -> None:
        """Start nothing before go_on(): a test changes something while the process is dead."""
        self.paused = True

    def go_on(self) -> None:
        self.paused = False

    def close(self) -> None:
        self._sock.close()

    def _start(self, now_s: float) -> None:
        program, environment = self.unit.one("ExecStart"), self._place.environment(self.unit)
        environment["NOTIFY_SOCKET"] = str(self._notify_path)
        command = _command(program, self._place.arguments)
        fds = []
        if self._listening is not None:
            command, fds = command_with_socket(command, self._listening), [self._listening.fileno()]
        with self._place.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, pass_fds=fds, process_group=0, stdout=log, stderr=log
            )
        self._set_up(self.process.pid)
        self.ready, self._heard_s = False, now_s
        self.started_s.append(now_s)

    def _hear(self, now_s: float) -> None:
        while True:
            try:
                message = self._sock.recv(4096).decode()
            except BlockingIOError:
                return
            for line in message.splitlines():
                self._take(line, now_s)

    def _take(self, line: str, now_s: float) -> None:
        name, _, value = line.partition("=")
        if name == "READY":
            self.ready, self._heard_s = True, now_s
        elif name == "WATCHDOG":
            self._heard_s = now_s
        elif name == "STATUS":
            self.status = value

    def _watch(self, now_s: float) -> None:
        limit_s = self._watchdog_s if self.ready else self.unit.seconds("TimeoutStartSec")
        if limit_s and now_s - self._heard_s > limit_s:
            self._say(f"watchdog of {limit_s:g} s: {self.unit.one('WatchdogSignal')}")
            os.kill(self._pid(), signal.Signals[self.unit.one("WatchdogSignal")])
            self._heard_s = now_s

    def _ended(self, now_s: float) -> None:
        assert self.process is not None
        self.exits.append(self.process.wait())
        self.process = None
        self._say(f"ended with {self.exits[-1]}")
        self._run("ExecStopPost")
        assert self.unit.one("Restart") == "always"
        self._start_at_s = now_s + self.unit.seconds("RestartSec")

    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _run(self, key: str, **variables: str) -> None:
        for line in self.unit.all(key):
            if not line:
                continue
            program, *arguments = line.split()
            values = [variables.get(word.removeprefix("$"), word) for word in arguments]
            with self._place.log_path.open("ab") as log:
                process = subprocess.Popen(
                    _command(program, values),
                    env=self._place.environment(self.unit),
                    stdout=log,
                    stderr=log,
                )
            self._set_up(process.pid)
            process.wait(self.unit.seconds("TimeoutStopSec"))

    def _set_up(self, pid: int) -> None:
        """What systemd does before it executes a program of the unit; here as far as we may."""
        core = int(self.unit.one("LimitCORE"))
        resource.prlimit(pid, resource.RLIMIT_CORE, (core, core))
        if self.unit.all("CPUSchedulingPolicy") == ["fifo"]:
            priority = os.sched_param(int(self.unit.one("CPUSchedulingPriority")))
            with suppress(PermissionError):
                os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, priority)

    def _say(self, text: str) -> None:
        with self._place.log_path.open("a") as log:
            log.write(f"manager: {self.unit.name} {text}\n")


class ServiceManager:
    """Both services and their socket, watched by a thread."""

    def __init__(self, place: Place, drop_ins: DropIns | None = None) -> None:
        drop_ins = drop_ins or {}
        link = Unit("evsed-gateway.socket").one("ListenSequentialPacket")
        self._listening = listen(link.replace("/run/evsed", str(place.run_dir)))
        units = {name: Unit(name, drop_ins.get(name)) for name in ("evsed.service", "evsed-gateway.service")}
        self.control = Service(units["evsed.service"], place, None)
        self.gateway = Service(units["evsed-gateway.service"], place, self._listening)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service manager", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Control first, as After= wants it; the gateway is kept up meanwhile."""
        self.control.stop()
        self.gateway.stop()

    def close(self) -> None:
        """Watch no more; whatever runs goes on."""
        self._closed.set()
        self._thread.join()
        for service in (self.control, self.gateway):
            service.close()
        self._listening.close()

    def _run(self) -> None:
        while not self._closed.wait(TURN_S):
            for service in (self.gateway, self.control):
                service.turn(time.monotonic())


def _command(program: str, arguments: Sequence[str]) -> list[str]:
    """A module that a drop-in names is taken as it is."""
    module = module_of(program) if program.startswith(PROGRAMS) else program
    return [sys.executable, "-m", module, *arguments]
