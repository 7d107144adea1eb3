"""What makes the tick regular: scheduling class, locked memory, no garbage collector in the way."""

import ctypes
import gc
import os

FIFO_PRIORITY = 50
# Linux <sys/mman.h>: present and future pages, each locked once it has been touched.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4

COLLECT_EVERY_S = 60.0


def become_realtime() -> str:
    """Take SCHED_FIFO and locked memory as far as allowed; returns in words what was got."""
    return f"{_schedule()}, {_lock_memory()}"


def _schedule() -> str:
    """A unit gives the class itself and forbids to change it (CPUSchedulingPolicy=, RestrictRealtime=)."""
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO:
        return f"SCHED_FIFO {os.sched_getparam(0).sched_priority}"
    try:
        param = os.sched_param(FIFO_PRIORITY)
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, param)
    except PermissionError:
        return "ordinary scheduling (no CAP_SYS_NICE)"
    return f"SCHED_FIFO {FIFO_PRIORITY}"


def _lock_memory() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"memory not locked ({os.strerror(ctypes.get_errno())})"
    return "memory locked"


class Garbage:
    """Keeps the collector off and runs it only when nothing can be delayed by it."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        self._next_s = 0.0

    def collect_if_due(self, now_s: float) -> None:
        if now_s >= self._next_s:
            self._next_s = now_s + COLLECT_EVERY_S
            gc.collect()
