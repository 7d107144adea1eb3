"""Second contactor: L2 and L3 join L1. Without a coil current the EV has one phase."""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory


class GpioPhaseSwitch:
    """hal.interfaces.PhaseSwitch; the coil line is active for three phases."""

    def __init__(self, factory: PinFactory, coil: OutputLine) -> None:
        self._coil = Output(factory, coil)

    def drive(self, three_phases: bool) -> None:
        self._coil.drive(three_phases)

    def close(self) -> None:
        """Back to one phase, then let go. Idempotent. The contactor is to be closed (opened) before it."""
        self._coil.close()
