"""Our AsyncAPI document: made of the tables, as the client sees it, and what is shipped is what is made."""

import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import evsed.api
from evsed.api.arguments import Bare, Integer, OptionalRequest, Request
from evsed.api.asyncapi import all_topics, document, reply_schemas
from evsed.api.codec import ApiError, decode_request
from evsed.api.encoding import encode
from evsed.api.identity import Rules
from evsed.api.older import OLDER
from evsed.api.operations import Envelope, Interface, Operation, Variable
from evsed.api.stamp import Stamp
from evsed.api.topics import V1
from evsed.api.wire import Evse, Powermeter, SessionEvent, Total
from evsed.core.states import EventKind

INTERFACES = (V1, OLDER.interface)
SHIPPED = Path(evsed.api.__file__).parent / "asyncapi.json"
FORCE_UNLOCK = Operation(
    "force_unlock", Envelope.REQUEST, OptionalRequest[Integer], reply_type=bool, help="Opens the lock."
)
SMALL = Interface(
    "everest_api/7/toy/{module_id}",
    (
        FORCE_UNLOCK,
        Operation("reserve", Envelope.REQUEST, Request[Integer], reply_type=bool),
        Operation("withdraw", Envelope.NONE, None, help="Takes it back."),
        Operation("get_evse", Envelope.REQUEST, Bare, reply_type=Evse),
    ),
    (
        Variable("session_event", SessionEvent, qos=2, retain=False, help="What has happened."),
        Variable("powermeter", Powermeter),
    ),
)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(INTERFACES, "0.1.0")


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return document([SMALL], "0.1.0")


def resolve(whole: dict[str, Any], node: dict[str, Any]) -> Any:
    """What a $ref points to; the node itself if it is none."""
    while "$ref" in node:
        found: Any = whole
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def payload_of(whole: dict[str, Any], operation: str) -> dict[str, Any]:
    """The schema of its message, by way of its references, complete with all definitions."""
    message = resolve(whole, resolve(whole, whole["operations"][operation]["messages"][0]))
    return {**message["payload"], "components": whole["components"]}


def valid(schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_every_row_is_a_channel_and_an_operation(made: dict[str, Any]) -> None:
    addresses = {channel["address"] for channel in made["channels"].values()}
    for interface in INTERFACES:
        rows = [*interface.operations, *interface.variables]
        assert {f"{interface.prefix}/{row.address}" for row in rows} <= addresses
    assert len(made["operations"]) == len(all_topics(INTERFACES)) == len(addresses - {None})


def test_every_reference_leads_somewhere(made: dict[str, Any]) -> None:
    references = []

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            references.extend([node] if isinstance(node.get("$ref"), str) else [])
            for entry in node.values():
                collect(entry)
        elif isinstance(node, list):
            for entry in node:
                collect(entry)

    collect(made)
    assert len(references) > 300
    for reference in references:
        assert resolve(made, reference) is not None


def test_a_client_sends_what_it_asks_and_receives_variables(small: dict[str, Any]) -> None:
    actions = {name: operation["action"] for name, operation in small["operations"].items()}
    assert actions == {
        "send_request_force_unlock": "send",
        "send_request_reserve": "send",
        "send_withdraw": "send",
        "send_request_get_evse": "send",
        "receive_session_event": "receive",
        "receive_powermeter": "receive",
        "send_request_get_last_session_event": "send",
        "send_request_get_last_powermeter": "send",
    }


def test_qos_retain_and_help_come_from_the_row(small: dict[str, Any]) -> None:
    event, meter = small["operations"]["receive_session_event"], small["operations"]["receive_powermeter"]
    assert (event["bindings"]["mqtt"]["qos"], event["bindings"]["mqtt"]["retain"]) == (2, False)
    assert (meter["bindings"]["mqtt"]["qos"], meter["bindings"]["mqtt"]["retain"]) == (0, True)
    assert event["summary"] == small["channels"]["e2m_session_event"]["description"] == "What has happened."


def test_only_what_is_answered_has_a_reply_whose_topic_the_request_names(small: dict[str, Any]) -> None:
    replied = {name for name, operation in small["operations"].items() if "reply" in operation}
    assert replied == {name for name in small["operations"] if name.startswith("send_request_")}
    reply = small["operations"]["send_request_get_evse"]["reply"]
    assert reply["address"]["location"] == "$message.payload#/headers/replyTo"
    assert resolve(small, reply["channel"])["address"] is None
    assert resolve(small, resolve(small, reply["messages"][0]))["payload"]["$ref"].endswith("/Evse")


@pytest.mark.parametrize(
    ("operation", "body", "allowed"),
    [
        ("send_request_reserve", {"headers": {"replyTo": "r"}, "payload": 4711}, True),
        ("send_request_reserve", {"headers": None, "payload": 4711}, True),
        ("send_request_reserve", {"headers": {"replyTo": "r"}}, False),
        ("send_request_reserve", {"payload": 2**63}, False),
        ("send_request_reserve", {"payload": "4711"}, False),
        ("send_request_force_unlock", {"headers": {"replyTo": "r"}}, True),
        ("send_request_force_unlock", {"payload": 1, "more": True}, True),
        ("send_request_get_evse", {}, True),
        ("send_request_get_evse", [], False),
        ("send_withdraw", "whatever", True),
    ],
)
def test_the_schema_of_a_message_has_its_envelope_and_bounds(
    small: dict[str, Any], operation: str, body: object, allowed: bool
) -> None:
    assert valid(payload_of(small, operation), body) is allowed


def test_what_is_left_out_is_not_null(small: dict[str, Any]) -> None:
    reading = {"timestamp": "2026-01-31T08:15:30.123Z", "energy_Wh_import": {"total": 1.0}}
    assert valid(payload_of(small, "receive_powermeter"), reading)
    assert not valid(payload_of(small, "receive_powermeter"), {**reading, "power_W": None})


def test_the_last_value_may_be_null_before_there_is_one() -> None:
    schemas = reply_schemas([SMALL])
    assert valid(schemas["send_request_get_last_powermeter"], None)
    assert not valid(schemas["send_request_get_evse"], None)
    assert set(schemas) == {
        "send_request_force_unlock",
        "send_request_reserve",
        "send_request_get_evse",
        "send_request_get_last_session_event",
        "send_request_get_last_powermeter",
    }


def test_operations_of_the_older_interface_bear_its_version(made: dict[str, Any]) -> None:
    names = set(made["operations"])
    assert {"send_request_pause_charging", "v0_send_request_pause_charging"} <= names
    older = [op for name, op in made["operations"].items() if name.startswith("v0_")]
    assert len(older) == len(OLDER.interface.operations) + len(OLDER.interface.variables)
    for operation in older:
        assert resolve(made, operation["channel"])["address"].startswith("everest_api/0/")


def test_types_of_one_name_keep_apart(made: dict[str, Any]) -> None:
    """Both interfaces have a Telemetry, of different fields."""
    newer, older = (payload_of(made, f"{tag}receive_telemetry") for tag in ("", "v0_"))
    assert "evse_temperature_C" in resolve(made, newer)["properties"]
    assert "temperature" in resolve(made, older)["properties"]


def test_every_topic_has_a_help_text(made: dict[str, Any]) -> None:
    for name, operation in made["operations"].items():
        assert operation["summary"].endswith("."), name


def test_what_we_encode_fits_the_document(made: dict[str, Any]) -> None:
    meter = Powermeter("2026-01-31T08:15:30.123Z", Total(total=1.5))
    stamp = Stamp(1.0, 1_800_000_000.0, "boot", 1)
    event = SessionEvent("u", meter.timestamp, EventKind.ENABLED, stamp.boot_id, stamp.sequence)
    assert valid(payload_of(made, "receive_session_event"), json.loads(encode(event)))
    assert valid(payload_of(made, "receive_powermeter"), json.loads(encode(meter)))


def test_the_shipped_document_is_the_one_made_of_the_tables() -> None:
    """scripts/gen-docs makes it anew."""
    version = importlib.metadata.version("evsed")
    assert json.loads(SHIPPED.read_text()) == document(INTERFACES, version)


def messages_with_every_enum_value(whole: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """Small messages that the schema allows; together they have every value of every enum in it."""
    schema = resolve(whole, schema)
    if "enum" in schema:
        yield from schema["enum"]
    elif "anyOf" in schema:
        yield from messages_with_every_enum_value(whole, schema["anyOf"][0])
    elif schema.get("type") == "object":
        fields = schema.get("properties", {})
        ways = {name: list(messages_with_every_enum_value(whole, kind)) for name, kind in fields.items()}
        small = {name: ways[name][0] for name in schema.get("required", ())}
        yield small
        for name, values in ways.items():
            yield from ({**small, name: value} for value in values if len(values) > 1)
    elif schema.get("type") == "array":
        yield from ([value] for value in messages_with_every_enum_value(whole, schema["items"]))
    else:
        yield {"boolean": True, "integer": 1, "number": 1.0, "string": "2026-01-31T08:15:30Z"}[schema["type"]]


def taken(row: Operation, message: object) -> bool:
    try:
        decode_request(row, json.dumps(message).encode(), Rules())
    except ApiError:
        return False
    return True


# Fields of which one or another is required, which the schema does not say.
REQUIRED_BESIDE = {
    "authorize_response": {
        "token": {"id_token": {"value": "CAFE", "type": "Local"}, "authorization_type": "RFID"},
        "result": {"authorization_status": "Accepted"},
    }
}


@pytest.mark.parametrize(
    "row", [row for one in INTERFACES for row in one.operations if row.body], ids=lambda row: row.name
)
def test_every_enum_value_of_an_argument_is_taken(row: Operation) -> None:
    """As the document says."""
    unanswered = msgspec.structs.replace(row, reply_type=None)  # so that all schemas are of the argument
    alone = document([Interface("everest_api/7/toy/{module_id}", (unanswered,), ())], "0")
    schema = payload_of(alone, f"send_{row.name}")
    seen = set()
    for variant in messages_with_every_enum_value(alone, schema):
        message = {**REQUIRED_BESIDE[row.name], **variant} if row.name in REQUIRED_BESIDE else variant
        assert valid(schema, message), message
        assert taken(row, message), message
        seen |= set(re.findall(r'"([^"]*)"', json.dumps(message)))
    enums = [kind["enum"] for kind in alone["components"]["schemas"].values() if "enum" in kind]
    assert {value for values in enums for value in values} - seen == set()


def test_another_value_in_its_place_is_not() -> None:
    row = next(row for row in V1.operations if row.name == "stop_transaction")
    assert taken(row, {"payload": {"reason": "Local"}})
    assert not taken(row, {"payload": {"reason": "Whim"}})
