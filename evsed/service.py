"""The door to systemd: notifications, inherited sockets, the journal.

Rule: notify() never blocks and never fails: a hung service manager must not hold up a tick.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping

ERROR, WARNING, INFO = 3, 4, 6  # syslog(3) priorities

JournalLine = Callable[[int, str, Mapping[str, str]], None]

_LEVELS = {ERROR: "error: ", WARNING: "warning: "}


class Notifier:
    """sd_notify(3) over one non-blocking datagram socket, opened once; silent without NOTIFY_SOCKET.

    libsystemd's own call blocks when the manager's queue is full, which a control tick cannot afford.
    also: another address that is told the same, if anybody listens there.
    """

    def __init__(self, address: str | None = None, also: str = "") -> None:
        address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._also = also
        self._sock = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            if address or also
            else None
        )

    def notify(self, state: str) -> bool:
        """Send e.g. "READY=1"; false if the manager does not listen or its queue is full."""
        if self._also:
            self._send(state, self._also)
        return self._send(state, self._address)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()

    def _send(self, state: str, address: str) -> bool:
        if self._sock is None:
            return False
        try:
            self._sock.sendto(state.encode(), address)
        except OSError:  # ECONNREFUSED, ENOENT: nobody there; EAGAIN: the queue is full; EINVAL: no address
            return False
        return True


def inherited_socket() -> socket.socket | None:
    """The first listening socket that the service manager (or our launcher) handed over."""
    if "LISTEN_FDS" not in os.environ:
        return None
    from systemd import daemon

    fds = daemon.listen_fds()
    return socket.socket(fileno=fds[0]) if fds else None


def open_journal(program: str) -> JournalLine:
    """journald with its fields where stderr leads there, else a readable line on stderr."""
    return _to_journald if "JOURNAL_STREAM" in os.environ else _to_stderr(program)


def _to_journald(priority: int, text: str, fields: Mapping[str, str]) -> None:
    from systemd import journal

    journal.send(text, PRIORITY=str(priority), SYSLOG_IDENTIFIER="evsed", **fields)


def _to_stderr(program: str) -> JournalLine:
    def line(priority: int, text: str, fields: Mapping[str, str]) -> None:
        at = time.strftime("%H:%M:%S")
        print(f"{at} {program}: {_LEVELS.get(priority, '')}{text}", file=sys.stderr, flush=True)

    return line
