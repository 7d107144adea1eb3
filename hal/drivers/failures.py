"""What a failed system call on a device means, and since when a sensor cannot be read.

Rule: an errno means the same in every driver; a driver may add words to what is in the table, no more.
"""

import errno
from collections.abc import Callable

from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy
from hal.types import Missing

_NO_HARDWARE = (DeviceMissing, "there is no hardware behind {path}; is its driver bound?")
_NO_PERMISSION = (DeviceFailed, "no permission to read and write {path}; join the group {group}")
# fmt: off
MEANINGS: dict[int, tuple[type[HalError], str]] = {
    # errno:          what it is, and what to do
    errno.ENOENT:    (DeviceMissing, "{path} does not exist; enable its bus in the device tree"),
    errno.ENXIO:     _NO_HARDWARE,
    errno.ENODEV:    _NO_HARDWARE,
    errno.ESHUTDOWN: _NO_HARDWARE,
    errno.EACCES:    _NO_PERMISSION,
    errno.EPERM:     _NO_PERMISSION,
    errno.ENOTTY:    (DeviceMissing, "{path} is a file of another kind; check the path"),
    errno.EBUSY:     (LineBusy,      "{path} is in use by another process or by a kernel driver"),
}
# fmt: on
GONE = frozenset((errno.ENODEV, errno.ESHUTDOWN, errno.EBADF))  # of a file that was open


def failure(
    number: int, said: str, device: str, path: str, group: str, otherwise: str = "{path}: {error}"
) -> HalError:
    """The error of errno `number`. said: the kernel's words, for `otherwise`, where no row means anything."""
    kind, text = MEANINGS.get(number, (DeviceFailed, otherwise))
    return kind(f"{device}: {text.format(path=path, group=group, error=said)}")


def open_failure(error: OSError, device: str, path: str, group: str) -> HalError:
    """Why a device file cannot be opened or set up; group is the one that may use it."""
    said = error.strerror or str(error)
    return failure(error.errno or 0, said, device, path, group, "{path} cannot be opened: {error}")


def went_away(device: str, path: str) -> HalError:
    """Of a file whose errno is one of GONE."""
    return DeviceMissing(f"{device}: {path} went away during a transfer")


class Outage:
    """Since when a sensor has not been read, over any number of failures."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._since_s: float | None = None

    def missing(self, error: HalError) -> Missing:
        if self._since_s is None:
            self._since_s = self._now_s()
        return Missing(str(error), self._since_s)

    def over(self) -> None:
        self._since_s = None
