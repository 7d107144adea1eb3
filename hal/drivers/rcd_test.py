"""Test winding of the residual current device."""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory


class GpioRcdTest:
    """hal.interfaces.RcdTest; the line is active while the test current flows."""

    def __init__(self, factory: PinFactory, line: OutputLine) -> None:
        self._line = Output(factory, line)

    def drive(self, on: bool) -> None:
        self._line.drive(on)

    def close(self) -> None:
        """No test current, then let go. Idempotent."""
        self._line.close()
