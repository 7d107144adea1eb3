"""The socket file of the local server: made in place of what a dead one has left there."""

import os
import socket
import stat
from pathlib import Path

from evsed.config import PathError

SOCKET_MODE = 0o660


def bound(path: Path) -> socket.socket:
    """A socket bound to `path`. Raises PathError."""
    _make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(sock.fileno(), SOCKET_MODE)  # the file is born with it, less the umask
        sock.bind(str(path))
        path.chmod(SOCKET_MODE)
    except OSError as error:
        sock.close()
        raise PathError(f"{path}: cannot be made ({error.strerror})") from error
    return sock


def _make_way(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise PathError(f"{path}: is not a socket; remove it")
    if _is_served(path):
        raise PathError(f"{path}: another gateway listens there; end it or set RUNTIME_DIRECTORY")
    path.unlink()


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.connect(str(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
    return True
