"""Files that are there whole or not at all, whenever the power is cut (write, fsync, rename, fsync).

Disk is made of the four things that a cut can fall between, each a method.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

Own = Callable[[int, str, str], None]  # file descriptor, user, group
NEW = ".new"


def own(fd: int, user: str, group: str) -> None:
    shutil.chown(fd, user, group)


class Disk:
    """Raises OSError."""

    def __init__(self, own: Own = own) -> None:
        self._own = own

    def write(
        self,
        path: Path,
        content: str | bytes,
        mode: int | None = 0o644,
        user: str = "root",
        group: str = "root",
    ) -> None:
        """mode None: on FAT, whose mount options say mode and owners."""
        self.directory(path.parent)
        fresh = path.with_name(path.name + NEW)
        self.create(fresh, content.encode() if isinstance(content, str) else content, mode, user, group)
        self.rename(fresh, path)

    def directory(self, path: Path, mode: int = 0o755) -> None:
        """`path`, with its parents, if it is not there."""
        if path.is_dir():
            return
        self.directory(path.parent)
        path.mkdir(mode)
        self.sync(path.parent)

    def create(self, path: Path, content: bytes, mode: int | None, user: str, group: str) -> None:
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            if mode is not None:
                self._own(fd, user, group)
                os.fchmod(fd, mode)  # whatever the umask is
            file.write(content)
            file.flush()
            os.fsync(fd)

    def rename(self, path: Path, to: Path) -> None:
        path.rename(to)
        self.sync(to.parent)

    def remove(self, path: Path) -> None:
        """Nothing if it is not there."""
        try:
            path.unlink()
        except FileNotFoundError:
            return
        self.sync(path.parent)

    def sync(self, path: Path) -> None:
        """A file's content or a directory's names."""
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that has nothing to sync
                raise
        finally:
            os.close(fd)


def read_text(path: Path) -> str:
    """ "" if it is not there."""
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""
