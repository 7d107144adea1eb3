"""e2m/session_events of the older interface: what its clients hear of an event of the core.

Rule 1: an event without a row here has no counterpart there and is not told.
Rule 2: a fault that takes no power away is not told: there an Error is what stops charging.
"""

from collections.abc import Callable, Mapping
from typing import Any

from evsed.api import older_types as wire
from evsed.api.older_types import CancellationReason, Error, Event
from evsed.api.stamp import Stamp
from evsed.api.values import DECIMALS
from evsed.core.events import FaultRaised, LastingEvent, ReservationMismatch, SessionEvent
from evsed.core.states import EventKind, StopReason

# fmt: off
EVENTS: Mapping[EventKind, Event] = {
    EventKind.ENABLED:              Event.ENABLED,
    EventKind.DISABLED:             Event.DISABLED,
    EventKind.SESSION_STARTED:      Event.SESSION_STARTED,
    EventKind.AUTH_REQUIRED:        Event.AUTH_REQUIRED,
    EventKind.CHARGING_STARTED:     Event.CHARGING_STARTED,
    EventKind.CHARGING_PAUSED_EV:   Event.CHARGING_PAUSED_EV,
    EventKind.CHARGING_PAUSED_EVSE: Event.CHARGING_PAUSED_EVSE,
    EventKind.CHARGING_RESUMED:     Event.CHARGING_RESUMED,
    EventKind.TRANSACTION_FINISHED: Event.SESSION_CANCELLED,  # unless the EV left by itself
    EventKind.SESSION_FINISHED:     Event.SESSION_FINISHED,
    EventKind.RESERVATION_START:    Event.RESERVATION_START,
    EventKind.RESERVATION_END:      Event.RESERVATION_END,
    EventKind.REPLUG_STARTED:       Event.REPLUG_STARTED,
    EventKind.REPLUG_FINISHED:      Event.REPLUG_FINISHED,
}

# By error type (mrec) of the fault.
PERMANENT_FAULT = "evse_board_support/PermanentFault"  # by set_faulted
ERRORS: Mapping[str, Error] = {
    "ac_rcd/MREC2GroundFailure":                  Error.RCD,
    "evse_board_support/DiodeFault":              Error.CAR_DIODE_FAULT,
    "evse_board_support/MREC14PilotFault":        Error.CAR,
    "evse_board_support/MREC17EVSEContactorFault": Error.RELAIS,
    "evse_board_support/MREC23ProximityFault":    Error.CAR,
    "evse_board_support/VentilationNotAvailable": Error.VENTILATION_NOT_AVAILABLE,
    "evse_manager/MREC4OverCurrentFailure":       Error.OVER_CURRENT,
}
# fmt: on
STOPS_CHARGING = "High"  # severity of a fault that takes power away; one without a row above is Internal

_ENDED_BY_EV = (None, StopReason.EV_DISCONNECTED)
_REASONS: Mapping[StopReason | None, CancellationReason] = {
    StopReason(reason.value): reason for reason in CancellationReason
}


def session_events(event: LastingEvent, stamp: Stamp) -> tuple[wire.SessionEvents, ...]:
    """The messages for this event: one, or none where there is no counterpart."""
    told = _MAKERS.get(type(event), _nothing)(event, stamp)
    return () if told is None else (told,)


def _nothing(event: LastingEvent, stamp: Stamp) -> None:
    return None


def _session_event(event: SessionEvent, stamp: Stamp) -> wire.SessionEvents | None:
    kind = EVENTS.get(event.kind)
    if kind is None or (kind is Event.SESSION_CANCELLED and event.stop_reason in _ENDED_BY_EV):
        return None
    if kind not in DETAILS:
        return wire.SessionEvents(event.uuid, kind)
    name, build = DETAILS[kind]
    return wire.SessionEvents(event.uuid, kind, **{name: build(event, stamp)})


def _fault_raised(event: FaultRaised, stamp: Stamp) -> wire.SessionEvents | None:
    if event.mrec == PERMANENT_FAULT:
        return wire.SessionEvents(event.uuid, Event.PERMANENT_FAULT)
    if event.severity != STOPS_CHARGING:
        return None
    return wire.SessionEvents(event.uuid, Event.ERROR, error=ERRORS.get(event.mrec, Error.INTERNAL))


def _mismatch(event: ReservationMismatch, stamp: Stamp) -> wire.SessionEvents:
    return wire.SessionEvents("", Event.RESERVATION_AUTHTOKEN_MISMATCH)


_MAKERS: Mapping[type, Callable[[Any, Stamp], wire.SessionEvents | None]] = {
    SessionEvent: _session_event,
    FaultRaised: _fault_raised,
    ReservationMismatch: _mismatch,
}


def _started(event: SessionEvent, stamp: Stamp) -> wire.SessionStarted:
    number = event.reservation.reservation_id if event.reservation else None
    return wire.SessionStarted(**_counted(event, stamp), reservation_id=number)


def _finished(event: SessionEvent, stamp: Stamp) -> wire.Counted:
    return wire.Counted(**_counted(event, stamp))


def _cancelled(event: SessionEvent, stamp: Stamp) -> wire.SessionCancelled:
    """The newer reasons are Other here."""
    reason = _REASONS.get(event.stop_reason, CancellationReason.OTHER)
    return wire.SessionCancelled(**_counted(event, stamp), reason=reason)


def _counted(event: SessionEvent, stamp: Stamp) -> dict[str, Any]:
    """The contract wants an energy also before there has been a reading."""
    counted = {"utc_s": round(stamp.at_utc_s, DECIMALS), "energy_import_wh": 0.0}
    if event.meter is None:
        return counted
    counted["energy_import_wh"] = round(event.meter.energy_import_wh, DECIMALS)
    if event.meter.energy_export_wh is not None:
        counted["energy_export_wh"] = round(event.meter.energy_export_wh, DECIMALS)
    return counted


def _reservation_start(event: SessionEvent, stamp: Stamp) -> wire.ReservationStart | None:
    reserved = event.reservation
    if reserved is None:
        return None
    return wire.ReservationStart(reserved.reservation_id, reserved.id_token, reserved.parent_id)


def _reservation_end(event: SessionEvent, stamp: Stamp) -> wire.ReservationEnd | None:
    if event.reservation is None or event.reservation_end is None:
        return None
    return wire.ReservationEnd(event.reservation_end, event.reservation.reservation_id)


# fmt: off
DETAILS: Mapping[Event, tuple[str, Callable[[SessionEvent, Stamp], Any]]] = {
    # event                  field of the payload  made by; None: left out
    Event.SESSION_STARTED:   ("session_started",   _started),
    Event.SESSION_FINISHED:  ("session_finished",  _finished),
    Event.SESSION_CANCELLED: ("session_cancelled", _cancelled),
    Event.RESERVATION_START: ("reservation_start", _reservation_start),
    Event.RESERVATION_END:   ("reservation_end",   _reservation_end),
}
# fmt: on
