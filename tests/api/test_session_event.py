import json
from collections.abc import Callable
from typing import Any

import pytest

from evsed.api.errors import ActiveErrors
from evsed.api.router import EventContext, EventPublications, Publication, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.api.stamp import Stamp
from evsed.core.commands import AvailabilityRow, EnableSource, EnableState, Reservation
from evsed.core.events import (
    AvailabilityChanged,
    LastingEvent,
    ReservationChanged,
    SessionEvent,
    SessionLimitsChanged,
)
from evsed.core.states import EventKind, PauseReason, StartReason, StopReason
from evsed.core.tokens import local_token
from hal.types import MeterReading, SignedValue

PREFIX = "everest_api/1/evse_manager_consumer/evse"
STAMP = Stamp(at_s=100.0, at_utc_s=1769847332.481, boot_id="b1", sequence=17)
NOW = "2026-01-31T08:15:32.481Z"
EARLIER = "2026-01-31T08:15:31.981Z"
READING = MeterReading(at_s=99.5, energy_import_wh=1234567.0)
METER = {"timestamp": EARLIER, "energy_Wh_import": {"total": 1234567.0}}
TOKEN = local_token("04A2")
TOKEN_JSON = {"id_token": {"value": "04A2", "type": "Local"}, "authorization_type": "RFID"}
START_SIGNED, SIGNED = SignedValue("OCMF|{}|{1}"), SignedValue("OCMF|{}|{2}", public_key="3059")
START_SIGNED_JSON = {"signed_meter_data": "OCMF|{}|{1}", "signing_method": "", "encoding_method": "OCMF"}
SIGNED_JSON = {**START_SIGNED_JSON, "signed_meter_data": "OCMF|{}|{2}", "public_key": "3059"}
ENABLED = AvailabilityRow(EnableSource.UNSPECIFIED, EnableState.ENABLE, 10000)

Problems = Callable[..., list[str]]


def published(router: Router, event: SessionEvent, stamp: Stamp = STAMP) -> EventPublications:
    projector = SessionInfoProjector()
    projector.on_event(event, stamp.at_utc_s)
    context = EventContext(projector.info(stamp.at_utc_s), ActiveErrors(), START_SIGNED, SIGNED)
    return router.publications_of(event, stamp, context)


def told(publications: EventPublications) -> Publication:
    assert publications.event is not None
    return publications.event


def body(router: Router, event: SessionEvent, stamp: Stamp = STAMP) -> dict[str, Any]:
    return dict(json.loads(told(published(router, event, stamp)).payload))


def details(router: Router, event: SessionEvent) -> dict[str, Any]:
    """The event's own fields, without those that every event has."""
    common = ("uuid", "timestamp", "event", "boot_id", "sequence")
    return {key: value for key, value in body(router, event).items() if key not in common}


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize("meter", [None, READING])
def test_every_event_is_sent_as_the_contract_wants_it(
    router: Router, problems_of: Problems, kind: EventKind, meter: MeterReading | None
) -> None:
    publications = published(router, SessionEvent(kind, "u1", meter, reservation=Reservation(7)))
    event = told(publications)
    assert event.topic == f"{PREFIX}/e2m/session_event"
    assert (event.qos, event.retain) == (2, False)
    for publication in (*publications.before, event, *publications.after):
        assert problems_of(publication.topic.removeprefix(f"{PREFIX}/"), publication.payload) == []


def test_an_event_says_which_one_it_is(router: Router) -> None:
    assert body(router, SessionEvent(EventKind.AUTH_REQUIRED, "u1")) == {
        "uuid": "u1",
        "timestamp": NOW,
        "event": "AuthRequired",
        "boot_id": "b1",
        "sequence": 17,
    }


def test_an_event_outside_a_session_has_an_empty_uuid(router: Router) -> None:
    assert body(router, SessionEvent(EventKind.ENABLED))["uuid"] == ""


def test_an_unsynchronised_clock_is_told(router: Router) -> None:
    unsure = Stamp(0.0, 0.0, "b1", 1, clock_synchronised=False)
    assert body(router, SessionEvent(EventKind.ENABLED), unsure)["clock_synchronised"] is False
    assert "clock_synchronised" not in body(router, SessionEvent(EventKind.ENABLED))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            SessionEvent(EventKind.SESSION_STARTED, "u", READING, start_reason=StartReason.EV_CONNECTED),
            {"session_started": {"reason": "EVConnected", "meter_value": METER}},
        ),
        (
            SessionEvent(
                EventKind.SESSION_STARTED, "u", READING, start_reason=StartReason.AUTHORIZED, id_tag=TOKEN
            ),
            {"session_started": {"reason": "Authorized", "meter_value": METER, "id_tag": TOKEN_JSON}},
        ),
        (
            SessionEvent(EventKind.SESSION_FINISHED, "u", READING),
            {"session_finished": {"meter_value": METER}},
        ),
        (
            SessionEvent(EventKind.TRANSACTION_STARTED, "u", READING, id_tag=TOKEN),
            {
                "transaction_started": {
                    "id_tag": TOKEN_JSON,
                    "meter_value": METER,
                    "signed_meter_value": START_SIGNED_JSON,
                }
            },
        ),
        (
            SessionEvent(
                EventKind.TRANSACTION_FINISHED, "u", READING, stop_reason=StopReason.LOCAL, id_tag=TOKEN
            ),
            {
                "transaction_finished": {
                    "meter_value": METER,
                    "reason": "Local",
                    "id_tag": TOKEN_JSON,
                    "start_signed_meter_value": START_SIGNED_JSON,
                    "signed_meter_value": SIGNED_JSON,
                }
            },
        ),
        (
            SessionEvent(
                EventKind.TRANSACTION_FINISHED, "u", READING, stop_reason=StopReason.EV_DISCONNECTED
            ),
            {
                "transaction_finished": {
                    "meter_value": METER,
                    "reason": "EVDisconnected",
                    "start_signed_meter_value": START_SIGNED_JSON,
                    "signed_meter_value": SIGNED_JSON,
                }
            },
        ),
        (
            SessionEvent(EventKind.ENABLED, source=ENABLED, connector_id=1),
            {
                "connector_id": 1,
                "source": {
                    "enable_source": "Unspecified",
                    "enable_state": "Enable",
                    "enable_priority": 10000,
                },
            },
        ),
        (
            SessionEvent(
                EventKind.SESSION_STARTED,
                "u",
                READING,
                start_reason=StartReason.EV_CONNECTED,
                reservation=Reservation(-1),
            ),
            {"session_started": {"reason": "EVConnected", "meter_value": METER, "reservation_id": -1}},
        ),
        (
            SessionEvent(
                EventKind.CHARGING_PAUSED_EVSE,
                "u",
                READING,
                pause_reasons=(PauseReason.USER_PAUSE, PauseReason.NO_ENERGY),
            ),
            {
                "charging_state_changed_event": {"meter_value": METER},
                "charging_paused_evse": {"reasons": ["UserPause", "NoEnergy"]},
            },
        ),
        (SessionEvent(EventKind.STOPPING_CHARGING, "u", READING, ev_left=True), {}),
        (SessionEvent(EventKind.PREPARE_CHARGING, "u", READING), {}),
    ],
)
def test_an_event_carries_its_details(router: Router, event: SessionEvent, expected: dict[str, Any]) -> None:
    assert details(router, event) == expected


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (EventKind.CHARGING_STARTED, "charging_state_changed_event"),
        (EventKind.CHARGING_RESUMED, "charging_state_changed_event"),
        (EventKind.CHARGING_PAUSED_EV, "charging_state_changed_event"),
        (EventKind.CHARGING_PAUSED_EVSE, "charging_state_changed_event"),
        (EventKind.AUTHORIZED, "authorization_event"),
        (EventKind.DEAUTHORIZED, "authorization_event"),
    ],
)
def test_a_change_of_charging_or_authorization_carries_the_meter(
    router: Router, kind: EventKind, field: str
) -> None:
    assert details(router, SessionEvent(kind, "u", READING)) == {field: {"meter_value": METER}}


def test_before_the_first_reading_an_event_carries_its_own_time_and_no_energy(router: Router) -> None:
    event = SessionEvent(EventKind.CHARGING_STARTED, "u")
    nothing = {"timestamp": NOW, "energy_Wh_import": {"total": 0.0}}
    assert details(router, event) == {"charging_state_changed_event": {"meter_value": nothing}}


def test_a_transaction_without_a_token_says_so(router: Router) -> None:
    started = details(router, SessionEvent(EventKind.TRANSACTION_STARTED, "u"))["transaction_started"]
    assert started["id_tag"] == {
        "id_token": {"value": "", "type": "NoAuthorization"},
        "authorization_type": "RFID",
    }


@pytest.mark.parametrize("kind", list(EventKind))
def test_what_belongs_to_an_event_goes_out_around_it(router: Router, kind: EventKind) -> None:
    publications = published(router, SessionEvent(kind, "u"))
    before = [publication.topic.rpartition("/")[2] for publication in publications.before]
    after = [publication.topic.rpartition("/")[2] for publication in publications.after]
    whole = ("SessionStarted", "TransactionStarted", "TransactionFinished", "SessionResumed")
    without_protocol = kind.value in (*whole, "ReservationStart", "ReservationEnd")
    assert before == (["ev_info"] if kind.value in ("SessionStarted", "SessionFinished") else [])
    assert after == (["session_info"] if without_protocol else ["selected_protocol", "session_info"])
    for publication in (*publications.before, *publications.after):
        assert (publication.qos, publication.retain) == (0, True)


def test_ev_info_is_an_empty_object(router: Router) -> None:
    (ev_info,) = published(router, SessionEvent(EventKind.SESSION_FINISHED, "u")).before
    assert ev_info.payload == b"{}"


def test_selected_protocol_is_the_one_of_session_info(router: Router) -> None:
    projector = SessionInfoProjector()
    projector.on_event(SessionEvent(EventKind.SESSION_STARTED, "u"), 0.0)
    required = SessionEvent(EventKind.AUTH_REQUIRED, "u")
    context = EventContext(projector.info(0.0), ActiveErrors())
    assert router.publications_of(required, STAMP, context).after[0].payload == b'"IEC61851-1"'
    fresh = published(router, SessionEvent(EventKind.DISABLED))
    assert fresh.after[0].payload == b'"Unknown"'


def test_unsigned_values_are_left_out(router: Router) -> None:
    finished = SessionEvent(EventKind.TRANSACTION_FINISHED, "u", READING)
    context = EventContext(SessionInfoProjector().info(0.0), ActiveErrors())
    publication = told(router.publications_of(finished, STAMP, context))
    assert json.loads(publication.payload)["transaction_finished"] == {"meter_value": METER}


@pytest.mark.parametrize(
    "event", [AvailabilityChanged((ENABLED,)), ReservationChanged(None), SessionLimitsChanged(None)]
)
def test_what_is_only_kept_is_not_told(router: Router, event: LastingEvent) -> None:
    context = EventContext(SessionInfoProjector().info(0.0), ActiveErrors())
    assert router.publications_of(event, STAMP, context) == EventPublications((), None, ())
