"""The older interface against its contract, where that is at hand."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evsed.api import older_types, values, wire
from evsed.api.encoding import encode
from evsed.api.identity import Identity
from evsed.api.older import OLDER
from evsed.api.older_session import session_events
from evsed.api.older_types import Event
from evsed.api.operations import Moment
from evsed.api.router import Answer, CoreCall, Query, Router
from evsed.api.stamp import Stamp
from evsed.api.wire_extensions import Telemetry
from evsed.core.commands import Reservation
from evsed.core.events import CommandDone, FaultRaised, LastingEvent, ReservationMismatch, SessionEvent
from evsed.core.faults import FAULTS
from evsed.core.states import (
    EventKind,
    PhaseSwitchResult,
    ReservationEndReason,
    ReservationResult,
    StopReason,
)
from hal.types import MeterReading

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contract" / "evse_manager-0.json"
PREFIX = "everest_api/0/evse_manager/evse"
MOMENT = Moment(now_s=100.0, utc_s=1769847332.0)
STAMP = Stamp(at_s=100.0, at_utc_s=1769847332.481, boot_id="b1", sequence=17)
READING = MeterReading(
    99.5, 1234.5, 5.0, 690.0, (230.0, 230.0, 230.0), (230.1, 230.2, 230.3), (1.0, 1.0, 1.0), 50.0, "m1"
)
RESERVED = Reservation(7, "04A2", "FLEET")

pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason=f"no contract of the older API at {CONTRACT}")

ARGUMENTS: dict[str, Any] = {
    "cancel_charging": {"reason": "Local"},
    "reserve_now": {
        "reservation_id": 7,
        "auth_token": "04A2",
        "parent_id": "",
        "expiry_date": "2026-01-31T09:00:00Z",
    },
    "set_local_max_current": {"max_current": 16.0},
    "switch_three_phases_while_charging": {"three_phases": True},
}
CODES: dict[str, tuple[str, ...]] = {
    "reserve_now": ("", *(code.value for code in ReservationResult)),
    "switch_three_phases_while_charging": ("", *(code.value for code in PhaseSwitchResult)),
}
VALUES: dict[str, object] = {
    "limits": wire.Limits(16.0, 3, "evse"),
    "powermeter": values.powermeter(READING, STAMP.at_utc_s),
    "evse_id": "DE*PNX*E1234567*1",
    "telemetry": Telemetry(
        evse_temperature_c=41.5,
        fan_rpm=0.0,
        supply_voltage_12_v=11.9,
        supply_voltage_minus_12_v=-12.1,
        relais_on=False,
        limit_source="installation",
        limit_a=16.0,
    ),
}
ENUMS = {
    "SessionEvent": older_types.Event,
    "Error": older_types.Error,
    "SessionCancellationReason": older_types.CancellationReason,
    "SetLocalMaxCurrentResult": older_types.LocalMaxCurrentResult,
    "ReservationResult": ReservationResult,
    "ReservationEndReason": ReservationEndReason,
    "SwitchThreePhasesWhileChargingResult": PhaseSwitchResult,
}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return dict(json.loads(CONTRACT.read_text()))


@pytest.fixture(scope="module")
def operations(contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By address."""
    return {operation["address"]: operation for operation in contract["operations"].values()}


def problems(contract: dict[str, Any], schema: dict[str, Any], payload: bytes) -> list[str]:
    validator = jsonschema.Draft202012Validator(
        {**schema, "$defs": contract["$defs"]}, format_checker=jsonschema.FormatChecker()
    )
    return [error.message for error in validator.iter_errors(json.loads(payload))]


def all_events() -> list[LastingEvent]:
    ends = [
        SessionEvent(EventKind.RESERVATION_END, reservation=RESERVED, reservation_end=reason)
        for reason in ReservationEndReason
    ]
    stops = [
        SessionEvent(EventKind.TRANSACTION_FINISHED, "u", READING, stop_reason=reason)
        for reason in StopReason
    ]
    kinds = [
        SessionEvent(kind, "u", meter, reservation=reserved)
        for kind in EventKind
        for meter in (None, READING)
        for reserved in (None, RESERVED, Reservation(0))
    ]
    faults = [FaultRaised(f.name, f.mrec, f.severity, f.text) for f in FAULTS]
    return [*kinds, *stops, *ends, *faults, ReservationMismatch(RESERVED)]


def test_prefix_and_addresses_are_those_of_the_contract(
    contract: dict[str, Any], operations: dict[str, Any]
) -> None:
    interface = OLDER.interface
    assert interface.prefix == contract["prefix"]
    addresses = [row.address for row in interface.operations] + [row.address for row in interface.variables]
    assert sorted(addresses) == sorted(operations)


@pytest.mark.parametrize("name", list(ENUMS))
def test_enums_have_the_values_of_the_contract(contract: dict[str, Any], name: str) -> None:
    assert [member.value for member in ENUMS[name]] == contract["$defs"][name]["enum"]


@pytest.mark.parametrize("name", [row.name for row in OLDER.interface.operations])
@pytest.mark.parametrize("result", [True, False])
def test_every_request_and_every_reply_keeps_to_the_contract(
    contract: dict[str, Any], operations: dict[str, Any], name: str, result: bool
) -> None:
    schemas = operations[f"m2e/{name}"]
    body = {"headers": {"replyTo": "client/1"}}
    payload = json.dumps({**body, "payload": ARGUMENTS[name]} if name in ARGUMENTS else body).encode()
    assert problems(contract, schemas["payload"], payload) == []
    called = Router(Identity(), older=OLDER).call(f"{PREFIX}/m2e/{name}", payload, MOMENT)
    if isinstance(called, Query):
        assert schemas["reply"] == {"type": "string"}
        return
    if isinstance(called, Answer):
        assert called.publication is not None
        assert problems(contract, schemas["reply"], called.publication.payload) == []
        return
    assert isinstance(called, CoreCall)
    for code in CODES.get(name, ("",)):
        reply = called.reply(CommandDone(1, result, code=code))
        assert reply is not None
        assert problems(contract, schemas["reply"], reply.payload) == []


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_what_the_contract_requires_we_require(
    contract: dict[str, Any], operations: dict[str, Any], name: str
) -> None:
    required = operations[f"m2e/{name}"]["payload"]["properties"]["payload"]["required"]
    assert sorted(required) == sorted(ARGUMENTS[name])


def test_every_event_is_told_as_the_contract_wants_it(
    contract: dict[str, Any], operations: dict[str, Any]
) -> None:
    schema = operations["e2m/session_events"]["payload"]
    messages = [message for event in all_events() for message in session_events(event, STAMP)]
    for message in messages:
        assert problems(contract, schema, encode(message)) == []
    assert {message.event for message in messages} == set(Event)


@pytest.mark.parametrize("name", list(OLDER.derived))
def test_every_variable_keeps_to_the_contract(
    contract: dict[str, Any], operations: dict[str, Any], name: str
) -> None:
    older_name, convert = OLDER.derived[name]
    schema = operations[f"e2m/{older_name}"]["payload"]
    assert problems(contract, schema, encode(convert(VALUES[name]))) == []
