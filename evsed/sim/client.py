"""The way to a running world, and how to start one. Blocking, quickly imported.

Rule: a started world is its own session and outlives us; while we live we are its parent and may reap it.
"""

import os
import signal
import socket
import sys
from pathlib import Path

import msgspec

from evsed.clock import SystemClock
from evsed.config import Config
from evsed.sim.instance import PID_FILE_NAME
from evsed.sim.wire import LINE_MAX_BYTES, Answer, Request, attach_of
from evsed.sockets import world_path

ANSWER_S = 5.0
START_S = 5.0
STOP_S = 5.0
POLL_S = 0.02
OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "EVSED_LAUNCHER_PID")  # not for the world


class SimError(Exception):
    """The world refuses, or does not start; the text says what to do."""


class SimUnreachable(SimError):
    """No world answers in this run directory."""


def attach(run_dir: Path, config: Config) -> Answer:
    """Hand our settings to the running world. Answer.kept names those that it cannot take over any more."""
    answer = _ask(run_dir, Request(attach=attach_of(config)))
    if not answer.ok:
        raise SimError(answer.why)
    return answer


def start_or_attach(run_dir: Path, config: Config, argv_settings: list[str]) -> int:
    """Pid of the world, attached; started with argv_settings if there is none. Raises SimError."""
    clock = SystemClock()
    give_up_s = clock.now_s() + START_S
    child: int | None = None
    while True:
        ended = child is not None and _ended(child)
        try:
            return attach(run_dir, config).pid
        except SimUnreachable as error:
            if ended:
                raise SimError(
                    "the simulated world (evsed-sim) ended at once; its reason is on stderr"
                ) from error
            if clock.now_s() > give_up_s:
                raise SimError(f"{error}, {START_S:g} s after its start") from error
        child = _start(run_dir, argv_settings) if child is None else child
        clock.sleep(POLL_S)


def stop(run_dir: Path) -> bool:
    """End the world and wait until it has; false if there was none. Raises SimError if it does not end."""
    clock = SystemClock()
    give_up_s = clock.now_s() + STOP_S
    try:
        pid = _ask(run_dir, Request(stop=True)).pid
    except SimUnreachable:
        return False
    while _holder(run_dir) == pid:
        if clock.now_s() > give_up_s:
            raise SimError(f"the simulated world (pid {pid}) does not end; kill {pid}")
        clock.sleep(POLL_S)
    return True


def _ask(run_dir: Path, request: Request) -> Answer:
    path = world_path(run_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ANSWER_S)
        try:
            sock.connect(str(path))
            sock.sendall(msgspec.json.encode(request) + b"\n")
            with sock.makefile("rb") as stream:
                line = stream.readline(LINE_MAX_BYTES)
        except OSError as error:
            raise SimUnreachable(f"{path}: no simulated world answers ({error})") from error
    if not line:
        raise SimUnreachable(f"{path}: the simulated world ended before it answered")
    return msgspec.json.decode(line, type=Answer)


def _holder(run_dir: Path) -> int:
    """Pid in the pid file; 0 without one."""
    try:
        return int((run_dir / PID_FILE_NAME).read_text() or 0)
    except FileNotFoundError:
        return 0


def _start(run_dir: Path, argv_settings: list[str]) -> int:
    env = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
    null = os.devnull
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "evsed.sim", *argv_settings],
        {**env, "RUNTIME_DIRECTORY": str(run_dir.absolute())},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    )


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True  # reaped by somebody else
