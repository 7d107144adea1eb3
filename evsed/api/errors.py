"""The active errors as a fold over FaultRaised and FaultCleared, and those of the gateway itself.

Rule 1: an error keeps its uuid and its time from raise to clear; both come from the stamp of the raise, so
that a restarted gateway gets the same ones from the stored events.
Rule 2: folding an event twice changes nothing.
"""

from uuid import NAMESPACE_OID, uuid5

import msgspec

from evsed.api.encoding import timestamp
from evsed.api.stamp import Stamp
from evsed.api.wire_extensions import ErrorObject, ErrorOrigin, ErrorSeverity, ErrorState
from evsed.core.events import FaultCleared, FaultRaised


class _Raised(msgspec.Struct, frozen=True):
    error: ErrorObject
    boot_id: str


class ActiveErrors:
    def __init__(self, module_id: str = "evse") -> None:
        self._module_id = module_id
        self._faults: dict[str, _Raised] = {}  # by name in FAULTS
        self._own: dict[tuple[str, str], ErrorObject] = {}  # by type and sub_type
        self._last_cleared: tuple[Stamp, ErrorObject] | None = None

    def on_event(self, event: FaultRaised | FaultCleared, stamp: Stamp) -> None:
        error = self.object_of(event, stamp)
        if isinstance(event, FaultRaised):
            self._faults[event.fault] = _Raised(error, stamp.boot_id)
        else:
            self._faults.pop(event.fault, None)
            self._last_cleared = (stamp, error)

    def object_of(self, event: FaultRaised | FaultCleared, stamp: Stamp) -> ErrorObject:
        """What error_raised or error_cleared says of this event, also right after it has been folded."""
        if isinstance(event, FaultRaised):
            return self._raised(event, stamp)
        if event.fault in self._faults:
            return _cleared(self._faults[event.fault].error, ErrorState.CLEARED_BY_MODULE)
        if self._last_cleared is not None and self._last_cleared[0] == stamp:
            return self._last_cleared[1]
        unknown = FaultRaised(event.fault, event.mrec, ErrorSeverity.LOW.value, "")
        return _cleared(self._raised(unknown, stamp), ErrorState.CLEARED_BY_MODULE)

    def active(self) -> tuple[ErrorObject, ...]:
        """In order of their raising, those of the gateway last."""
        return (*(raised.error for raised in self._faults.values()), *self._own.values())

    def reboot(self, boot_id: str) -> tuple[ErrorObject, ...]:
        """That run of control has begun: what another one raised is no more, and this is how it is told."""
        gone = {name: raised for name, raised in self._faults.items() if raised.boot_id != boot_id}
        for name in gone:
            del self._faults[name]
        return tuple(_cleared(raised.error, ErrorState.CLEARED_BY_REBOOT) for raised in gone.values())

    def raise_own(
        self,
        type: str,
        sub_type: str,
        message: str,
        *,
        at_utc_s: float,
        severity: ErrorSeverity = ErrorSeverity.MEDIUM,
        description: str = "",
    ) -> ErrorObject | None:
        """An error of the gateway itself, to be told; None if it is active already."""
        if (type, sub_type) in self._own:
            return None
        error = ErrorObject(
            type=type,
            sub_type=sub_type,
            description=description or message,
            message=message,
            severity=severity,
            origin=ErrorOrigin(self._module_id, type.partition("/")[0]),
            timestamp=timestamp(at_utc_s),
            uuid=str(uuid5(NAMESPACE_OID, f"{type} {sub_type} {at_utc_s}")),
        )
        self._own[type, sub_type] = error
        return error

    def clear_own(self, type: str, sub_type: str) -> ErrorObject | None:
        """To be told; None if it is not active."""
        error = self._own.pop((type, sub_type), None)
        return None if error is None else _cleared(error, ErrorState.CLEARED_BY_MODULE)

    def _raised(self, event: FaultRaised, stamp: Stamp) -> ErrorObject:
        """sub_type tells two faults of one EVerest error apart."""
        return ErrorObject(
            type=event.mrec,
            sub_type=event.fault,
            description=event.text,
            message=event.text,
            severity=ErrorSeverity(event.severity),
            origin=ErrorOrigin(self._module_id, event.mrec.partition("/")[0]),
            timestamp=timestamp(stamp.at_utc_s),
            uuid=str(uuid5(NAMESPACE_OID, f"{stamp.boot_id} {stamp.sequence}")),
        )


def _cleared(error: ErrorObject, state: ErrorState) -> ErrorObject:
    return msgspec.structs.replace(error, state=state)
