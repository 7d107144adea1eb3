import json
from collections.abc import Callable
from typing import Any

import pytest

from evsed.api.encoding import encode
from evsed.api.errors import ActiveErrors
from evsed.api.router import EventContext, EventPublications, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.api.stamp import Stamp
from evsed.api.wire_extensions import ErrorObject, ErrorSeverity, ErrorState
from evsed.core.events import FaultCleared, FaultRaised
from evsed.core.faults import FAULTS

E2M = "everest_api/1/evse_manager_consumer/evse/e2m"
RAISED_AT = Stamp(100.0, 1769847332.481, "boot-1", 17)
CLEARED_AT = Stamp(200.0, 1769847432.481, "boot-1", 18)
MREC17 = "evse_board_support/MREC17EVSEContactorFault"
WELDED = FaultRaised("contactor_welded", MREC17, "High", "it is welded")
NOT_CLOSED = FaultRaised("contactor_not_closed", MREC17, "High", "it does not close")
WELDED_GONE = FaultCleared("contactor_welded", MREC17)

Problems = Callable[..., list[str]]


def published(router: Router, event: FaultRaised | FaultCleared, stamp: Stamp, errors: ActiveErrors) -> Any:
    return router.publications_of(event, stamp, EventContext(SessionInfoProjector().info(0.0), errors))


def after(events: list[tuple[FaultRaised | FaultCleared, Stamp]]) -> ActiveErrors:
    errors = ActiveErrors("evse")
    for event, stamp in events:
        errors.on_event(event, stamp)
    return errors


def test_an_error_whole() -> None:
    (error,) = after([(WELDED, RAISED_AT)]).active()
    told = json.loads(encode(error))
    assert len(told.pop("uuid")) == 36
    assert told == {
        "type": MREC17,
        "sub_type": "contactor_welded",
        "description": "it is welded",
        "message": "it is welded",
        "severity": "High",
        "origin": {"module_id": "evse", "implementation_id": "evse_board_support"},
        "timestamp": "2026-01-31T08:15:32.481Z",
        "state": "Active",
    }


def test_a_cleared_error_is_the_raised_one() -> None:
    errors = after([(WELDED, RAISED_AT)])
    (raised,) = errors.active()
    cleared = errors.object_of(WELDED_GONE, CLEARED_AT)
    assert (cleared.uuid, cleared.timestamp, cleared.message) == (
        raised.uuid,
        raised.timestamp,
        raised.message,
    )
    assert (raised.state, cleared.state) == (ErrorState.ACTIVE, ErrorState.CLEARED_BY_MODULE)
    errors.on_event(WELDED_GONE, CLEARED_AT)
    assert errors.active() == ()
    assert errors.object_of(WELDED_GONE, CLEARED_AT) == cleared


def test_folding_an_event_again_changes_nothing() -> None:
    once = after([(WELDED, RAISED_AT)])
    twice = after([(WELDED, RAISED_AT), (WELDED, RAISED_AT)])
    assert once.active() == twice.active()
    gone = after([(WELDED, RAISED_AT), (WELDED_GONE, CLEARED_AT)])
    cleared = gone.object_of(WELDED_GONE, CLEARED_AT)
    gone.on_event(WELDED_GONE, CLEARED_AT)
    assert gone.active() == ()
    assert gone.object_of(WELDED_GONE, CLEARED_AT) == cleared


def test_two_faults_of_one_type_are_two_errors() -> None:
    errors = after([(WELDED, RAISED_AT), (NOT_CLOSED, CLEARED_AT)])
    errors.on_event(WELDED_GONE, Stamp(300.0, 1769847532.0, "boot-1", 19))
    (left,) = errors.active()
    assert left.sub_type == "contactor_not_closed"


def test_every_raise_has_its_own_uuid() -> None:
    stamps = [Stamp(0.0, 0.0, boot, n) for boot in ("boot-1", "boot-2") for n in (1, 2)]
    uuids = {after([(WELDED, stamp)]).active()[0].uuid for stamp in stamps}
    assert len(uuids) == 4


def test_a_clear_without_its_raise_is_told_all_the_same(problems_of: Problems) -> None:
    cleared = ActiveErrors().object_of(WELDED_GONE, CLEARED_AT)
    assert (cleared.type, cleared.state) == (MREC17, ErrorState.CLEARED_BY_MODULE)
    assert problems_of("e2m/error_cleared", encode(cleared)) == []
    other = after([(NOT_CLOSED, RAISED_AT), (FaultCleared("contactor_not_closed", MREC17), CLEARED_AT)])
    later = Stamp(300.0, 1769847532.0, "boot-1", 19)
    assert other.object_of(WELDED_GONE, later).sub_type == "contactor_welded"


def test_another_run_of_control_ends_the_errors_of_the_last(problems_of: Problems) -> None:
    errors = after([(WELDED, RAISED_AT), (NOT_CLOSED, Stamp(1.0, 2.0, "boot-2", 1))])
    raised = errors.active()[0]
    (gone,) = errors.reboot("boot-2")
    assert (gone.uuid, gone.state) == (raised.uuid, ErrorState.CLEARED_BY_REBOOT)
    assert [error.sub_type for error in errors.active()] == ["contactor_not_closed"]
    assert errors.reboot("boot-2") == ()
    assert problems_of("e2m/error_cleared", encode(gone)) == []


def own(errors: ActiveErrors, at_utc_s: float = 0.0) -> ErrorObject | None:
    return errors.raise_own("generic/CommunicationFault", "lost", "send it", at_utc_s=at_utc_s)


def test_an_error_of_the_gateway_itself(errors: ActiveErrors, problems_of: Problems) -> None:
    raised = own(errors)
    assert raised is not None
    assert (raised.severity, raised.description) == (ErrorSeverity.MEDIUM, "send it")
    assert raised.origin.implementation_id == "generic"
    assert errors.active() == (raised,)
    assert own(errors) is None
    assert errors.reboot("any") == ()
    cleared = errors.clear_own("generic/CommunicationFault", "lost")
    assert cleared is not None
    assert (cleared.uuid, cleared.state) == (raised.uuid, ErrorState.CLEARED_BY_MODULE)
    assert errors.active() == ()
    assert errors.clear_own("generic/CommunicationFault", "lost") is None
    again = own(errors, 1.0)
    assert again is not None
    assert again.uuid != raised.uuid
    for error in (raised, cleared):
        assert problems_of("e2m/error_raised", encode(error)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_told_as_the_contract_wants_it(
    router: Router, problems_of: Problems, errors: ActiveErrors, fault: Any
) -> None:
    raised = FaultRaised(fault.name, fault.mrec, fault.severity, fault.text)
    first: EventPublications = published(router, raised, RAISED_AT, errors)
    errors.on_event(raised, RAISED_AT)
    second: EventPublications = published(router, raised, RAISED_AT, errors)
    assert first.event is not None
    assert first.event == second.event
    assert (first.event.topic, first.event.qos, first.event.retain) == (f"{E2M}/error_raised", 2, False)
    (active,) = second.after
    assert (active.topic, active.qos, active.retain) == (f"{E2M}/active_errors", 0, True)
    assert json.loads(active.payload) == [json.loads(first.event.payload)]
    assert problems_of("e2m/error_raised", first.event.payload) == []
    assert problems_of("e2m/active_errors", active.payload) == []


def test_a_cleared_fault_is_told_with_what_is_left(router: Router) -> None:
    errors = after([(WELDED, RAISED_AT), (NOT_CLOSED, RAISED_AT), (WELDED_GONE, CLEARED_AT)])
    told: EventPublications = published(router, WELDED_GONE, CLEARED_AT, errors)
    assert told.before == ()
    assert told.event is not None
    assert told.event.topic == f"{E2M}/error_cleared"
    assert json.loads(told.event.payload)["state"] == "ClearedByModule"
    assert [error["sub_type"] for error in json.loads(told.after[0].payload)] == ["contactor_not_closed"]
