"""Mains contactor: coil line (the coil gate is behind it) and mirror contact (IEC 60947-4-1 Annex F)."""

from hal.drivers.gpio_lines import Input, InputLine, Output, OutputLine, PinFactory, closing_on_error


class GpioContactor:
    """hal.interfaces.Contactor; the mirror line is active while the power contacts are closed."""

    def __init__(self, factory: PinFactory, coil: OutputLine, mirror: InputLine) -> None:
        self._coil = Output(factory, coil)
        with closing_on_error(self._coil):
            self._mirror = Input(factory, mirror)

    def drive(self, closed: bool) -> None:
        self._coil.drive(closed)

    def mirror_closed(self) -> bool:
        """Raises DeviceFailed: an unknown contactor is no open one."""
        return self._mirror.active()

    def close(self) -> None:
        """Open the contactor, then let go of both lines. Idempotent."""
        self._coil.close()
        self._mirror.close()
