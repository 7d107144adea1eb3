"""What a child process owes its parent, and the other way round."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # Linux <sys/prctl.h>


def die_with_parent(signum: signal.Signals) -> None:
    """Have the kernel send signum to this process when its parent ends; only below our own launcher."""
    launcher = os.environ.get("EVSED_LAUNCHER_PID")
    if launcher is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    if os.getppid() != int(launcher):
        os.kill(os.getpid(), signum)  # it had gone before we asked
