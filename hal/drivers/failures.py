"""What a failed system call on a device file means, and since when a sensor cannot be read."""

import errno
from collections.abc import Callable

from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy
from hal.types import Missing

# fmt: off
_OPEN_FAILURES = {
    # errno:        what it is, and what to do
    errno.ENOENT:  (DeviceMissing, "{path} does not exist; enable its bus in the device tree"),
    errno.ENXIO:   (DeviceMissing, "there is no hardware behind {path}"),
    errno.ENODEV:  (DeviceMissing, "there is no hardware behind {path}"),
    errno.EACCES:  (DeviceFailed,  "no permission to read and write {path}; join the group {group}"),
    errno.EPERM:   (DeviceFailed,  "no permission to read and write {path}; join the group {group}"),
    errno.ENOTTY:  (DeviceMissing, "{path} is a file of another kind; check the path"),
    errno.EBUSY:   (LineBusy,      "{path} is in use by another process or by a kernel driver"),
}
# fmt: on


def open_failure(error: OSError, device: str, path: str, group: str) -> HalError:
    """Why a device file cannot be opened or set up; group is the one that may use it."""
    kind, text = _OPEN_FAILURES.get(error.errno or 0, (DeviceFailed, "{path} cannot be opened: {error}"))
    return kind(f"{device}: {text.format(path=path, group=group, error=error.strerror or error)}")


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
