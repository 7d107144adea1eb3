"""The directories and sockets of evsed.

Rule: in a directory where anyone may write (/tmp), a directory of ours must be ours alone: a real directory,
owned by this user, not writable by others. Anything else there may be a trap.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

SOCKET_PATH_MAX_BYTES = 107  # sun_path holds 108 with the closing NUL (unix(7))
PRIVATE_MODE = 0o700
REMEDY = "set STATE_DIRECTORY and RUNTIME_DIRECTORY to directories of your own"


class PathError(Exception):
    """A directory or socket path that cannot be used; the text says what to do."""


def state_dir(env: Mapping[str, str], uid: int) -> Path:
    """What outlives a reboot: the store, availability, learnt values."""
    if given := _first(env, "STATE_DIRECTORY"):
        return given
    if uid == 0:
        return Path("/var/lib/evsed")
    if xdg := _absolute(env, "XDG_STATE_HOME"):
        return xdg / "evsed"
    home = _absolute(env, "HOME")
    return home / ".local/state/evsed" if home else _private(uid)


def runtime_dir(env: Mapping[str, str], uid: int) -> Path:
    """What ends with a reboot: sockets, the lock against a second evsed, the simulated lines."""
    if given := _first(env, "RUNTIME_DIRECTORY"):
        return given
    if uid == 0:
        return Path("/run/evsed")
    xdg = _absolute(env, "XDG_RUNTIME_DIR")
    return xdg / "evsed" if xdg else _private(uid)


def ensure_dir(path: Path) -> Path:
    """`path`, made (0700) if missing. Raises PathError."""
    try:
        path.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        if path.parent.stat().st_mode & stat.S_IWOTH:
            _refuse_trap(path, os.lstat(path))
    except FileExistsError:
        raise PathError(f"{path}: is not a directory; remove it or {REMEDY}") from None
    except OSError as error:
        raise PathError(f"{path}: cannot be made or used ({error.strerror}); {REMEDY}") from error
    return path


def socket_path(directory: Path, name: str) -> Path:
    """Raises PathError if the kernel would not take the path."""
    path = directory / name
    length_bytes = len(os.fsencode(path))
    if length_bytes > SOCKET_PATH_MAX_BYTES:
        raise PathError(
            f"{path}: a socket path of {length_bytes} bytes, the kernel takes {SOCKET_PATH_MAX_BYTES}; "
            "set RUNTIME_DIRECTORY to a shorter directory"
        )
    return path


def _first(env: Mapping[str, str], name: str) -> Path | None:
    """systemd separates several directories with colons; the first is ours."""
    first = env.get(name, "").partition(":")[0]
    return Path(first) if first else None


def _absolute(env: Mapping[str, str], name: str) -> Path | None:
    """A relative path counts as unset (XDG base directory specification)."""
    path = Path(env.get(name, ""))
    return path if path.is_absolute() else None


def _private(uid: int) -> Path:
    return Path(f"/tmp/evsed-{uid}")


def _refuse_trap(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise PathError(f"{path}: is a symbolic link in a directory open to all; remove it or {REMEDY}")
    if found.st_uid != os.geteuid():
        raise PathError(f"{path}: belongs to user id {found.st_uid}, not to {os.geteuid()}; {REMEDY}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PathError(f"{path}: others may write there; chmod 700 {path} or {REMEDY}")
