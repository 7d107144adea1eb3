"""Shunt release of the breaker upstream; a person closes the breaker again."""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory


class GpioShuntTrip:
    """hal.interfaces.ShuntTrip; the line is active while the release is energised."""

    def __init__(self, factory: PinFactory, line: OutputLine) -> None:
        self._line = Output(factory, line)

    def drive(self, on: bool) -> None:
        self._line.drive(on)

    def close(self) -> None:
        """Release de-energised, then let go. Idempotent."""
        self._line.close()
