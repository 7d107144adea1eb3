"""Status light: red, green and blue on a line each."""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory, closing_on_error
from hal.types import Led


class GpioStatusLed:
    """hal.interfaces.StatusLed; it does not blink by itself."""

    def __init__(self, factory: PinFactory, red: OutputLine, green: OutputLine, blue: OutputLine) -> None:
        self._red = Output(factory, red)
        with closing_on_error(self._red):
            self._green = Output(factory, green)
        with closing_on_error(self._red, self._green):
            self._blue = Output(factory, blue)

    def show(self, led: Led, lit: bool) -> None:
        self._red.drive(lit and led.red)
        self._green.drive(lit and led.green)
        self._blue.drive(lit and led.blue)

    def close(self) -> None:
        """Dark, then let go. Idempotent."""
        for line in (self._red, self._green, self._blue):
            line.close()
