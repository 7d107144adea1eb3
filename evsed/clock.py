"""The one place that reads a clock; everything else is told the time."""

import ctypes
import time

_TIME_ERROR = 5  # Linux <sys/timex.h>: the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64 bit
_LIBC = ctypes.CDLL(None)


class SystemClock:
    """Monotonic seconds, and sleeping in them."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def utc_s() -> float:
    """Wall clock, seconds since 1970."""
    return time.time()


def utc_synchronised() -> bool:
    """Whether the kernel has been told that the wall clock is right (adjtimex(2), STA_UNSYNC)."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state: int = _LIBC.adjtimex(timex)
    return is_synchronised(state)


def is_synchronised(state: int) -> bool:
    """What adjtimex(2) has returned; a refused call (-1) says nothing: the clock is not trusted."""
    return 0 <= state != _TIME_ERROR


def utc_of(monotonic_s: float) -> float:
    """The UTC of a monotonic instant, by the wall clock as it is now."""
    return time.time() - (time.monotonic() - monotonic_s)
