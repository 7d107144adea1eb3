"""The end of the simulated world, which evsed has started and which outlives it."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from evsed.sim import client

_MODULE = b"evsed.sim"


async def end_world(run_dir: Path, hurry: asyncio.Event) -> None:
    """None is left of this run directory, not even one that has not come to answer yet."""
    if not hurry.is_set():
        with suppress(client.SimError):
            await asyncio.to_thread(client.stop, run_dir)
    for pid in worlds_of(run_dir):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def worlds_of(run_dir: Path) -> list[int]:
    """Pids of the evsed-sim processes that were started for this run directory."""
    wanted = b"RUNTIME_DIRECTORY=" + os.fsencode(run_dir)
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if wanted in _words(process / "environ") and _MODULE in _words(process / "cmdline")
    ]


def _words(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []
