"""Errors of the gateway itself, told beside those of control: one row each."""

from collections.abc import Callable
from typing import NamedTuple

from evsed.api.errors import ActiveErrors
from evsed.api.wire_extensions import ErrorSeverity
from evsed.clock import utc_s
from evsed.gateway.communication_check import Fault
from evsed.service import INFO, WARNING, JournalLine


class OwnError(NamedTuple):
    """raised, cleared: when, in words, for the documents."""

    type: str
    sub_type: str
    severity: ErrorSeverity
    where: str  # how the line in the journal begins
    raised: str
    cleared: str


_HIGH, _MEDIUM = ErrorSeverity.HIGH, ErrorSeverity.MEDIUM
_HEARD = "a client says communication_check"

_FIRST = OwnError(
    "generic/CommunicationFault",
    Fault.INITIAL.value,
    _HIGH,
    "MQTT",
    "`api.communication_check_required` is set and no client has said communication_check yet",
    _HEARD,
)
_LOST = OwnError(
    "generic/CommunicationFault",
    Fault.LOST.value,
    _HIGH,
    "MQTT",
    "a client that said communication_check has been silent for `api.communication_check_s`",
    _HEARD,
)
METER_START = OwnError(
    "evse_manager/PowermeterTransactionStartFailed",
    "meter",
    _MEDIUM,
    "meter",
    "a signed meter did not begin its record: the transaction ends without power",
    "the session is over",
)
INTERNAL = OwnError(
    "evse_manager/Internal",
    "control",
    _HIGH,
    "control",
    "the control process has died: the power is off",
    "the next one is there",
)
OWN_ERRORS = (_FIRST, _LOST, METER_START, INTERNAL)
COMMUNICATION = {Fault.INITIAL: _FIRST, Fault.LOST: _LOST}


class OwnErrors:
    """Nothing of them is stored: a restarted gateway has none."""

    def __init__(
        self, errors: ActiveErrors, tell: Callable[[str, object], None], journal: JournalLine
    ) -> None:
        """tell publishes a variable's value."""
        self._errors, self._tell, self._journal = errors, tell, journal

    def raise_(self, row: OwnError, message: str = "") -> None:
        """message: by default the row's. Where it is active nothing is done; by clear(), where it is not."""
        text = message or row.raised
        error = self._errors.raise_own(row.type, row.sub_type, text, at_utc_s=utc_s(), severity=row.severity)
        if error is not None:
            self._told("error_raised", error, row, WARNING, text)

    def clear(self, row: OwnError) -> None:
        error = self._errors.clear_own(row.type, row.sub_type)
        if error is not None:
            self._told("error_cleared", error, row, INFO, "cleared")

    def tell_active(self) -> None:
        self._tell("active_errors", self._errors.active())

    def _told(self, name: str, error: object, row: OwnError, priority: int, text: str) -> None:
        what = row.type.partition("/")[2]
        self._journal(priority, f"{row.where}: {what} ({row.sub_type}): {text}", {"EVSE_ERROR": row.type})
        self._tell(name, error)
        self.tell_active()
