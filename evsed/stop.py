"""evse-stop: a planned stop of control, as ExecStop= of its unit.

Rule: a service manager's watchdog is off while it stops a service. Here the ticks go on being watched:
control that does not tick for a second is killed, and evse-safe comes next (ExecStopPost=).
"""

import argparse
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from evsed.config.paths import PathError, runtime_dir
from evsed.sockets import stop_path

WATCHDOG_S = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="evse-stop", description="Stop a control process; kill it if it does not tick for a second."
    )
    parser.add_argument("pid", type=int, nargs="?", help="of the control process ($MAINPID); none has ended")
    pid = parser.parse_args().pid
    if pid is None:
        return 0
    try:
        path = stop_path(runtime_dir(os.environ, os.getuid()))
        process = os.pidfd_open(pid)
    except PathError as error:
        print(f"evse-stop: {error}", file=sys.stderr)
        return 1
    except ProcessLookupError:
        return 0  # it has gone by itself
    with _listening(path) as ticks:
        if not stop(process, ticks):
            print(f"evse-stop: control has not ticked for {WATCHDOG_S:g} s: killed", file=sys.stderr)
    path.unlink(missing_ok=True)
    return 0


def stop(process: int, ticks: socket.socket) -> bool:
    """SIGTERM, then wait as long as it ticks; whether it went by itself. process is a pidfd."""
    signal.pidfd_send_signal(process, signal.SIGTERM)
    heard_s = time.monotonic()
    while (left_s := heard_s + WATCHDOG_S - time.monotonic()) > 0.0:
        ready, _, _ = select.select([process, ticks.fileno()], [], [], left_s)
        if process in ready:
            return True
        if ticks.fileno() in ready:
            ticks.recv(4096)
            heard_s = time.monotonic()
    signal.pidfd_send_signal(process, signal.SIGKILL)
    return False


def _listening(path: Path) -> socket.socket:
    """Control may have sent nothing there before: until now nobody listened."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    return sock


if __name__ == "__main__":
    sys.exit(main())
