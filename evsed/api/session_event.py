"""A session event of the core as the contract wants to see it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from evsed.api import values, wire
from evsed.api.encoding import timestamp
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind, StartReason
from evsed.core.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken

# What a transaction without a token (one found after a power loss) shows in the field that has to be there.
NO_TOKEN = ProvidedIdToken(IdToken("", IdTokenType.NO_AUTHORIZATION), AuthorizationType.RFID)


class Stamp(msgspec.Struct, frozen=True):
    """When an event happened and which one it is: the sequence-th of that run of control.

    at_s (monotonic) and at_utc_s are the same instant; readings, which carry monotonic time, get their
    UTC from it.
    """

    at_s: float
    at_utc_s: float
    boot_id: str
    sequence: int
    clock_synchronised: bool = True

    def utc_of(self, monotonic_s: float) -> float:
        return self.at_utc_s + (monotonic_s - self.at_s)


def session_event(event: SessionEvent, stamp: Stamp) -> wire.SessionEvent:
    return wire.SessionEvent(
        uuid=event.uuid,
        timestamp=timestamp(stamp.at_utc_s),
        event=event.kind,
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
        clock_synchronised=stamp.clock_synchronised,
        connector_id=event.connector_id,
        source=event.source,
        **_details(event, stamp),
    )


def _details(event: SessionEvent, stamp: Stamp) -> dict[str, Any]:
    if event.kind not in DETAILS:
        return {}
    name, build = DETAILS[event.kind]
    if event.meter is None:
        return {name: build(event, values.no_powermeter(stamp.at_utc_s))}
    return {name: build(event, values.powermeter(event.meter, stamp.utc_of(event.meter.at_s)))}


def _session_started(event: SessionEvent, meter: wire.Powermeter) -> wire.SessionStarted:
    return wire.SessionStarted(event.start_reason or StartReason.EV_CONNECTED, meter, event.id_tag)


def _transaction_started(event: SessionEvent, meter: wire.Powermeter) -> wire.TransactionStarted:
    return wire.TransactionStarted(event.id_tag or NO_TOKEN, meter)


def _transaction_finished(event: SessionEvent, meter: wire.Powermeter) -> wire.TransactionFinished:
    return wire.TransactionFinished(meter, event.stop_reason, event.id_tag)


def _metered(event: SessionEvent, meter: wire.Powermeter) -> wire.Metered:
    return wire.Metered(meter)


# fmt: off
DETAILS: Mapping[EventKind, tuple[str, Callable[[SessionEvent, wire.Powermeter], object]]] = {
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
