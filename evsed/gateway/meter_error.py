"""The error of a signed meter that could not begin a transaction's record."""

from collections.abc import Callable

from evsed.api.errors import ActiveErrors
from evsed.api.wire_extensions import ErrorSeverity
from evsed.clock import utc_s
from evsed.service import INFO, WARNING, JournalLine

ERROR_TYPE, SUB_TYPE = "evse_manager/PowermeterTransactionStartFailed", "meter"


class MeterStartError:
    """Raised until the end of the session. Nothing of it is stored: a restarted gateway has none."""

    def __init__(
        self, errors: ActiveErrors, tell: Callable[[str, object], None], journal: JournalLine
    ) -> None:
        """tell publishes a variable's value."""
        self._errors, self._tell, self._journal = errors, tell, journal

    def raise_(self, why: str) -> None:
        message = f"the signed meter did not begin a record, so the transaction ends without power: {why}"
        error = self._errors.raise_own(
            ERROR_TYPE, SUB_TYPE, message, at_utc_s=utc_s(), severity=ErrorSeverity.MEDIUM
        )
        if error is not None:
            self._journal(WARNING, f"meter: {message}", {"EVSE_ERROR": ERROR_TYPE})
            self._told("error_raised", error)

    def clear(self) -> None:
        error = self._errors.clear_own(ERROR_TYPE, SUB_TYPE)
        if error is not None:
            self._journal(INFO, "meter: PowermeterTransactionStartFailed cleared", {"EVSE_ERROR": ERROR_TYPE})
            self._told("error_cleared", error)

    def _told(self, name: str, error: object) -> None:
        self._tell(name, error)
        self._tell("active_errors", self._errors.active())
