"""The processes that the demo starts: each in a session of its own, so that a Ctrl-C reaches only us.

Rule: a child ends with us, whatever becomes of us (PR_SET_PDEATHSIG).
"""

import asyncio
import ctypes
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which

from evsed.demo.workplace import Workplace

_PR_SET_PDEATHSIG = 1  # Linux <sys/prctl.h>
_POLL_S = 0.05
_LOG_TAIL_LINES = 20
_BROKER_START_S = 5.0
_KILL_LIMIT_S = 1.0  # an init that reaps nothing leaves dead ones in the session


class Failed(Exception):
    """The demo cannot go on; the text says why, `log` is the file that says more."""

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log


class Child:
    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Starts it. Raises Failed."""
        self.name, self._log = name, log
        with log.open("ab") as stream:
            try:
                self._process = subprocess.Popen(
                    command,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            except OSError as error:
                raise Failed(f"{name} cannot be started: {error}") from error

    def check(self) -> None:
        """Raises Failed if it has ended."""
        code = self._process.poll()
        if code is not None:
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise Failed(f"{self.name} ended by itself ({how})", self._log)

    async def stop(self, limit_s: float, hurry: asyncio.Event) -> bool:
        """SIGTERM and wait; after limit_s, or at once in a hurry, SIGKILL it and what it started.

        False if it had to be killed.
        """
        self._process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._process.poll() is None and not hurry.is_set():
                    await asyncio.sleep(_POLL_S)
        ended = self._process.poll() is not None
        await self._kill_session()
        return ended

    async def _kill_session(self) -> None:
        """Nothing is left of it; its processes are not all ours to wait for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_KILL_LIMIT_S):
                while members := _session(self._process.pid):
                    for pid in members:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    self._process.poll()
                    await asyncio.sleep(_POLL_S)


def _session(session_id: int) -> list[int]:
    """Pids of a session's processes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(process.name)) == session_id:
                found.append(int(process.name))
    return found


def log_tail(log: Path) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    except OSError as error:
        return [f"{log}: {error.strerror}"]


async def start_broker(workplace: Workplace) -> tuple[Child, int]:
    """mosquitto on a free loopback port. Raises Failed."""
    program = which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if program is None:
        raise Failed("mosquitto is not installed; scripts/setup installs it")
    port = _free_port()
    config = workplace.root / "mosquitto.conf"
    config.write_text(_broker_config(port))
    child = Child("mosquitto", [program, "-c", str(config)], os.environ, workplace.log("mosquitto"))
    with suppress(TimeoutError):
        async with asyncio.timeout(_BROKER_START_S):
            while not _listens(port):
                child.check()
                await asyncio.sleep(_POLL_S)
            return child, port
    await child.stop(0.0, asyncio.Event())
    raise Failed(f"mosquitto does not listen within {_BROKER_START_S:g} s", workplace.log("mosquitto"))


def _broker_config(port: int) -> str:
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",  # without it every hop costs 40 ms
        "persistence false",
    ]
    with suppress(KeyError):  # as root it would become another user, which may not exist
        lines.append(f"user {pwd.getpwuid(os.geteuid()).pw_name}")
    return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
