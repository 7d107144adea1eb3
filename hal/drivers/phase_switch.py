"""Second contactor: L2 and L3 join L1. Without a coil current the EV has one phase.

Rule: beside closed power contacts the line does not move, whatever it is: not at the claim, not at the end.
"""

from hal.drivers.gpio_lines import Output, OutputLine, PinFactory


class GpioPhaseSwitch:
    """hal.interfaces.PhaseSwitch; the coil line is active for three phases."""

    def __init__(self, factory: PinFactory, coil: OutputLine, contacts_closed: bool = False) -> None:
        """contacts_closed: of the mains contactor, now; then the phases stay as somebody has left them."""
        self._coil = Output(factory, coil, as_is=contacts_closed)

    def drive(self, three_phases: bool) -> None:
        """Only beside open contacts: that is the caller's to know."""
        self._coil.drive(three_phases)

    def hold(self) -> None:
        """The contacts are closed: close() shall leave the phases as they are."""
        self._coil.hold()

    def close(self) -> None:
        """Back to one phase unless held, then let go. Idempotent."""
        self._coil.close()
