"""One world for each run directory: a pid file that its process holds locked."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from evsed.clock import SystemClock

PID_FILE_NAME = "sim.pid"
HANDOVER_S = 0.5  # an ending world lets go within this
POLL_S = 0.02


class InstanceBusy(Exception):
    """Another evsed-sim runs in this run directory."""


class Instance:
    """Context manager: the pid file exists, locked and with our pid in it, from __init__ to the end."""

    def __init__(self, run_dir: Path, clock: SystemClock) -> None:
        """Raises InstanceBusy naming the other process."""
        self._path = run_dir / PID_FILE_NAME
        give_up_s = clock.now_s() + HANDOVER_S
        while (fd := _locked(self._path)) is None:
            if clock.now_s() > give_up_s:
                pid = self._path.read_text().strip() or "unknown"
                raise InstanceBusy(f"already running in {run_dir} with pid {pid}; attach to it or stop it")
            clock.sleep(POLL_S)
        self._fd = fd
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._fd)


def _locked(path: Path) -> int | None:
    """The locked file; None if another process has it, or has taken it away between our two calls."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == os.stat(path).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None
