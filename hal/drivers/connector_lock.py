"""Plug lock of a socket: an H bridge on two lines, and the position switch.

Rule 1: the two motor lines are never active together, not even between two writes.
"""

from hal.drivers.gpio_lines import Input, InputLine, Output, OutputLine, PinFactory, closing_on_error
from hal.types import LockDrive


class GpioConnectorLock:
    """hal.interfaces.ConnectorLock; how long a pulse lasts is the core's business."""

    def __init__(
        self, factory: PinFactory, lock: OutputLine, unlock: OutputLine, position: InputLine
    ) -> None:
        """position is active while the plug is locked."""
        self._lock = Output(factory, lock)
        with closing_on_error(self._lock):
            self._unlock = Output(factory, unlock)
        with closing_on_error(self._lock, self._unlock):
            self._position = Input(factory, position)

    def drive(self, direction: LockDrive) -> None:
        if direction is not LockDrive.LOCK:
            self._lock.drive(False)
        self._unlock.drive(direction is LockDrive.UNLOCK)
        if direction is LockDrive.LOCK:
            self._lock.drive(True)

    def locked(self) -> bool:
        """Raises DeviceFailed."""
        return self._position.active()

    def close(self) -> None:
        """Motor still, wherever the bolt is; then let go. Idempotent."""
        for line in (self._lock, self._unlock, self._position):
            line.close()
