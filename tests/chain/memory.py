"""A memory cgroup (version 1 or 2) that a process is put into; a test is skipped where we may make none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
LIMIT_FILES = {V1: "memory.limit_in_bytes", V2: "memory.max"}


@contextmanager
def limited(pid: int, limit_bytes: int) -> Iterator[None]:
    """What the process takes from now on counts; beyond the limit the kernel kills it."""
    parent = V1 if V1.is_dir() else V2
    group = parent / f"evsed-test-{os.getpid()}-{pid}"
    try:
        group.mkdir()
        (group / LIMIT_FILES[parent]).write_text(str(limit_bytes))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        pytest.skip(f"may not limit the memory of a process here: {error}")
    try:
        yield
    finally:
        with suppress(OSError):  # busy while the process lives
            group.rmdir()
