"""e2m/session_events of the older interface, without a contract at hand."""

from typing import Any

import msgspec
import pytest

from evsed.api.older_session import DETAILS, ERRORS, EVENTS, session_events
from evsed.api.older_types import Event
from evsed.api.stamp import Stamp
from evsed.core.commands import Reservation
from evsed.core.events import (
    AvailabilityChanged,
    FaultCleared,
    FaultRaised,
    LastingEvent,
    ReservationChanged,
    ReservationMismatch,
    SessionEvent,
)
from evsed.core.faults import FAULTS, Fault
from evsed.core.states import EventKind, ReservationEndReason, StopReason
from hal.types import MeterReading

UTC_S = 1769847332.481
STAMP = Stamp(at_s=100.0, at_utc_s=UTC_S, boot_id="b1", sequence=17)
READING = MeterReading(at_s=99.5, energy_import_wh=1234.5678)
BOTH_WAYS = MeterReading(at_s=99.5, energy_import_wh=1234.0, energy_export_wh=5.0)
COUNTED = {"timestamp": UTC_S, "energy_Wh_import": 1234.568}
RESERVED = Reservation(7, "04A2", "FLEET")
END = ReservationEndReason


def told(event: LastingEvent, stamp: Stamp = STAMP) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(message) for message in session_events(event, stamp)]


@pytest.mark.parametrize("kind", list(EventKind))
def test_an_event_is_told_by_its_name_or_not_at_all(kind: EventKind) -> None:
    untold = {
        "Authorized",
        "Deauthorized",
        "TransactionStarted",
        "PrepareCharging",
        "WaitingForEnergy",
        "StoppingCharging",
        "ChargingFinished",
        "PluginTimeout",
        "SwitchingPhases",
        "SessionResumed",
    }
    names = {"TransactionFinished": "SessionCancelled"}
    messages = told(SessionEvent(kind, "u", READING, stop_reason=StopReason.LOCAL))
    assert [message["uuid"] for message in messages] == ([] if kind.value in untold else ["u"])
    for message in messages:
        assert message["event"] == names.get(kind.value, kind.value)


@pytest.mark.parametrize("kind", [kind for kind in EVENTS if EVENTS[kind] not in DETAILS])
def test_an_event_without_details_is_its_name_alone(kind: EventKind) -> None:
    (message,) = told(SessionEvent(kind, "u", READING, reservation=RESERVED))
    assert message == {"uuid": "u", "event": kind.value}


@pytest.mark.parametrize(
    ("event", "name", "details"),
    [
        (SessionEvent(EventKind.SESSION_STARTED, "u", READING), "session_started", COUNTED),
        (
            SessionEvent(EventKind.SESSION_STARTED, "u", READING, reservation=RESERVED),
            "session_started",
            {**COUNTED, "reservation_id": 7},
        ),
        (SessionEvent(EventKind.SESSION_FINISHED, "u", READING), "session_finished", COUNTED),
        (
            SessionEvent(EventKind.SESSION_FINISHED, "u", BOTH_WAYS),
            "session_finished",
            {"timestamp": UTC_S, "energy_Wh_import": 1234.0, "energy_Wh_export": 5.0},
        ),
        (
            SessionEvent(EventKind.SESSION_FINISHED, "u"),
            "session_finished",
            {"timestamp": UTC_S, "energy_Wh_import": 0.0},
        ),
        (
            SessionEvent(EventKind.RESERVATION_START, reservation=RESERVED),
            "reservation_start",
            {"reservation_id": 7, "id_tag": "04A2", "parent_id": "FLEET"},
        ),
        (
            SessionEvent(EventKind.RESERVATION_START, reservation=Reservation(-1)),
            "reservation_start",
            {"reservation_id": -1, "id_tag": ""},
        ),
        (
            SessionEvent(EventKind.RESERVATION_END, reservation=RESERVED, reservation_end=END.USED),
            "reservation_end",
            {"reason": "UsedToStartCharging", "reservation_id": 7},
        ),
    ],
)
def test_an_event_carries_its_details(event: SessionEvent, name: str, details: dict[str, Any]) -> None:
    (message,) = told(event)
    assert message == {"uuid": event.uuid, "event": message["event"], name: details}


@pytest.mark.parametrize("reservation", [None, RESERVED])
@pytest.mark.parametrize("kind", [EventKind.RESERVATION_START, EventKind.RESERVATION_END])
def test_what_is_not_known_of_a_reservation_is_left_out(
    kind: EventKind, reservation: Reservation | None
) -> None:
    (message,) = told(SessionEvent(kind, reservation=reservation))
    started = kind is EventKind.RESERVATION_START and reservation is not None
    assert set(message) == {"uuid", "event"} | ({"reservation_start"} if started else set())


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_transaction_that_did_not_end_with_the_ev_gone_is_a_cancelled_session(reason: StopReason) -> None:
    messages = told(SessionEvent(EventKind.TRANSACTION_FINISHED, "u", READING, stop_reason=reason))
    if reason is StopReason.EV_DISCONNECTED:
        assert messages == []
        return
    known = list(StopReason).index(reason) < 11
    cancelled = {**COUNTED, "reason": reason.value if known else "Other"}
    assert messages == [{"uuid": "u", "event": "SessionCancelled", "session_cancelled": cancelled}]


def test_a_transaction_that_nobody_has_stopped_is_no_cancelled_session() -> None:
    assert told(SessionEvent(EventKind.TRANSACTION_FINISHED, "u", READING)) == []


def raised(fault: Fault) -> FaultRaised:
    return FaultRaised(fault.name, fault.mrec, fault.severity, fault.text, "u")


EXPECTED_ERRORS = {
    "rcd": "RCD",
    "contactor_welded": "Relais",
    "contactor_not_closed": "Relais",
    "over_current": "OverCurrent",
    "diode": "CarDiodeFault",
    "pilot": "Car",
    "proximity": "Car",
    "ventilation": "VentilationNotAvailable",
}


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name != "set_faulted"], ids=lambda f: f.name)
def test_a_fault_that_takes_power_away_is_an_error(fault: Fault) -> None:
    messages = told(raised(fault))
    if not fault.reaction.blocks:
        assert messages == []
        return
    error = EXPECTED_ERRORS.get(fault.name, "Internal")
    assert messages == [{"uuid": "u", "event": "Error", "error": error}]


def test_a_fault_that_a_client_has_set_is_permanent() -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == "set_faulted")
    assert told(raised(fault)) == [{"uuid": "u", "event": "PermanentFault"}]


def test_every_error_has_a_fault_that_raises_it() -> None:
    assert set(ERRORS) <= {fault.mrec for fault in FAULTS}


def test_a_token_that_a_reservation_is_not_for_is_told() -> None:
    assert told(ReservationMismatch(RESERVED)) == [{"uuid": "", "event": "ReservationAuthtokenMismatch"}]


@pytest.mark.parametrize(
    "event",
    [
        AvailabilityChanged(()),
        ReservationChanged(None),
        FaultCleared("rcd", "ac_rcd/MREC2GroundFailure", "u"),
    ],
)
def test_what_had_no_message_then_has_none_now(event: LastingEvent) -> None:
    assert told(event) == []


def test_every_event_of_that_time_is_told_by_something() -> None:
    by_others = {Event.ERROR, Event.PERMANENT_FAULT, Event.RESERVATION_AUTHTOKEN_MISMATCH}
    assert set(EVENTS.values()) | by_others == set(Event)
