"""Errors of the gateway itself, told beside those of control."""

from collections.abc import Callable

from evsed.api.errors import ActiveErrors
from evsed.api.wire_extensions import ErrorSeverity
from evsed.clock import utc_s
from evsed.gateway.communication_check import ERROR_TYPE, Change
from evsed.service import INFO, WARNING, JournalLine


class OwnErrors:
    """Nothing of them is stored: a restarted gateway has none."""

    def __init__(
        self, errors: ActiveErrors, tell: Callable[[str, object], None], journal: JournalLine
    ) -> None:
        """tell publishes a variable's value."""
        self._errors, self._tell, self._journal = errors, tell, journal

    def communication(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if change.raised:
                self._raise(change)
            else:
                self._clear(change)

    def tell_active(self) -> None:
        self._tell("active_errors", self._errors.active())

    def _raise(self, change: Change) -> None:
        error = self._errors.raise_own(
            ERROR_TYPE, change.fault.value, change.message, at_utc_s=utc_s(), severity=ErrorSeverity.HIGH
        )
        if error is not None:
            self._journal(
                WARNING, f"MQTT: {change.fault.value}: {change.message}", {"EVSE_ERROR": ERROR_TYPE}
            )
            self._tell("error_raised", error)
            self.tell_active()

    def _clear(self, change: Change) -> None:
        error = self._errors.clear_own(ERROR_TYPE, change.fault.value)
        if error is not None:
            self._journal(INFO, f"MQTT: {change.fault.value}: cleared", {"EVSE_ERROR": ERROR_TYPE})
            self._tell("error_cleared", error)
            self.tell_active()
