"""The order of the first messages after a start of control or a connection to the broker (EVENTS, boot).

What was left to be told · limits · waiting_for_external_ready · (wait) · supported_energy_transfer_modes ·
Enabled or Disabled · ready true.
"""

from collections.abc import Callable

from evsed.core.events import LastingEvent, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind, EvseState

_AFTER_OPENING = frozenset((EventKind.ENABLED, EventKind.DISABLED))


class Opening:
    """limits and modes are called once after each begin(), in that order.

    A snapshot counts once control has been told what the store knows: before, left-over events may yet come.
    """

    def __init__(self, limits: Callable[[Snapshot], None], modes: Callable[[], None]) -> None:
        self._limits, self._modes = limits, modes
        self._limits_told = self._modes_told = False
        self._snapshot: Snapshot | None = None
        self.restored = False

    @property
    def may_tell(self) -> bool:
        """Whether events may go out: there is something to say about the limits when their turn comes."""
        return self._snapshot is not None

    @property
    def told(self) -> bool:
        return self._limits_told and self._modes_told

    def begin(self) -> None:
        self._limits_told = self._modes_told = False

    def control_gone(self) -> None:
        self.restored, self._snapshot = False, None
        self.begin()

    def snapshot(self, now: Snapshot) -> None:
        if self.restored:
            self._snapshot = now

    def next_event(self, event: LastingEvent, of_this_control: bool) -> None:
        """An event is about to go out."""
        if of_this_control and isinstance(event, SessionEvent) and event.kind in _AFTER_OPENING:
            self._tell_limits()
            self._tell_modes()

    def drained(self) -> None:
        """No event is left to be told."""
        self._tell_limits()
        if self._snapshot is not None and not _waits(self._snapshot):
            self._tell_modes()

    def _tell_limits(self) -> None:
        if not self._limits_told and self._snapshot is not None:
            self._limits_told = True
            self._limits(self._snapshot)

    def _tell_modes(self) -> None:
        if self._limits_told and not self._modes_told:
            self._modes_told = True
            self._modes()


def _waits(now: Snapshot) -> bool:
    return now.waits_for_external_ready and now.state is EvseState.BOOTING
