"""A session event of the core as the contract wants to see it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from evsed.api import values, wire
from evsed.api.encoding import timestamp
from evsed.api.stamp import Stamp
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind, StartReason
from evsed.core.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from hal.types import SignedValue

# What a transaction without a token (one found after a power loss) shows in the field that has to be there.
NO_TOKEN = ProvidedIdToken(IdToken("", IdTokenType.NO_AUTHORIZATION), AuthorizationType.RFID)


def session_event(
    event: SessionEvent,
    stamp: Stamp,
    start_signed: SignedValue | None = None,
    signed: SignedValue | None = None,
) -> wire.SessionEvent:
    """start_signed: what the meter signed at the transaction's start; signed: at its end, both optional."""
    return wire.SessionEvent(
        uuid=event.uuid,
        timestamp=timestamp(stamp.at_utc_s),
        event=event.kind,
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
        clock_synchronised=stamp.clock_synchronised,
        connector_id=event.connector_id,
        source=event.source,
        charging_paused_evse=wire.Paused(event.pause_reasons) if event.pause_reasons else None,
        **_details(_Occasion(event, _meter_of(event, stamp), _signed(start_signed), _signed(signed))),
    )


class _Occasion(msgspec.Struct, frozen=True):
    """What the details of an event are made of."""

    event: SessionEvent
    meter: wire.Powermeter
    start_signed: wire.SignedMeterValue | None
    signed: wire.SignedMeterValue | None

    @property
    def reservation_id(self) -> int | None:
        reservation = self.event.reservation
        return None if reservation is None else reservation.reservation_id


def _details(occasion: _Occasion) -> dict[str, Any]:
    if occasion.event.kind not in DETAILS:
        return {}
    name, build = DETAILS[occasion.event.kind]
    return {name: build(occasion)}


def _meter_of(event: SessionEvent, stamp: Stamp) -> wire.Powermeter:
    if event.meter is None:
        return values.no_powermeter(stamp.at_utc_s)
    return values.powermeter(event.meter, stamp.utc_of(event.meter.at_s))


def _signed(value: SignedValue | None) -> wire.SignedMeterValue | None:
    return None if value is None else values.signed(value)


def _session_started(of: _Occasion) -> wire.SessionStarted:
    reason = of.event.start_reason or StartReason.EV_CONNECTED
    return wire.SessionStarted(reason, of.meter, of.event.id_tag, of.reservation_id)


def _transaction_started(of: _Occasion) -> wire.TransactionStarted:
    return wire.TransactionStarted(of.event.id_tag or NO_TOKEN, of.meter, of.reservation_id, of.start_signed)


def _transaction_finished(of: _Occasion) -> wire.TransactionFinished:
    return wire.TransactionFinished(
        of.meter, of.event.stop_reason, of.event.id_tag, of.start_signed, of.signed
    )


def _metered(of: _Occasion) -> wire.Metered:
    return wire.Metered(of.meter)


# fmt: off
DETAILS: Mapping[EventKind, tuple[str, Callable[[_Occasion], object]]] = {
    # event                         field of the payload            made by
    EventKind.SESSION_STARTED:      ("session_started",              _session_started),
    EventKind.SESSION_FINISHED:     ("session_finished",             _metered),
    EventKind.TRANSACTION_STARTED:  ("transaction_started",          _transaction_started),
    EventKind.TRANSACTION_FINISHED: ("transaction_finished",         _transaction_finished),
    EventKind.CHARGING_STARTED:     ("charging_state_changed_event", _metered),
    EventKind.CHARGING_RESUMED:     ("charging_state_changed_event", _metered),
    EventKind.CHARGING_PAUSED_EV:   ("charging_state_changed_event", _metered),
    EventKind.CHARGING_PAUSED_EVSE: ("charging_state_changed_event", _metered),
    EventKind.AUTHORIZED:           ("authorization_event",          _metered),
    EventKind.DEAUTHORIZED:         ("authorization_event",          _metered),
}
# fmt: on
