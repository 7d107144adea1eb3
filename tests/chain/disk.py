"""A small file system of its own that can be full or read-only; a test is skipped where we may not mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_KIB = 2048


class Disk:
    """A tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 4096)
            except OSError:  # ENOSPC
                return

    def free(self) -> None:
        self._filler.unlink()

    def make_read_only(self) -> None:
        """Refused by the kernel while a file is open for writing."""
        _mount("-o", "remount,ro", str(self.path))

    def make_writable(self) -> None:
        _mount("-o", "remount,rw", str(self.path))


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    path.mkdir(parents=True, exist_ok=True)
    made = _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k,mode=700", "evsed-test", str(path))
    if made.returncode:
        pytest.skip(f"may not mount a small disk here: {made.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        _run("umount", "--lazy", str(path))


def _mount(*arguments: str) -> None:
    done = _run("mount", *arguments)
    assert done.returncode == 0, done.stderr


def _run(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, check=False)
