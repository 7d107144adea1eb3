"""The line that the coil gate watches: its edges, not its level, hold the contactor."""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory


class GpioHeartbeat:
    """hal.interfaces.Heartbeat; neither a thread nor hardware may make these edges."""

    def __init__(self, factory: PinFactory, line: OutputLine) -> None:
        self._line = Output(factory, line)
        self._active = False

    def toggle(self) -> None:
        active = not self._active
        self._line.drive(active)
        self._active = active

    def close(self) -> None:
        """Stand still, then let go. Idempotent."""
        self._line.close()
