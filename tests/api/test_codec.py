import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.api.arguments import AuthorizationStatus
from evsed.api.codec import ApiError, Call, decode_request
from evsed.api.identity import Identity, Rules
from evsed.api.operations import Envelope, Moment, Operation
from evsed.api.router import Answer, CoreCall, Query, Router
from evsed.api.topics import OPERATIONS, PREFIX
from evsed.core.commands import Command, EnableSource, EnableState
from evsed.core.states import StopReason

OPERATION = {row.name: row for row in OPERATIONS}
DECODED = [row for row in OPERATIONS if row.envelope is not Envelope.NONE]
OBJECTS = [row for row in DECODED if row.name not in ("communication_check", "random_delay_set_duration_s")]
REQUESTS = [row for row in OPERATIONS if row.envelope is Envelope.REQUEST]
RULES = Rules()

TOKEN = {"id_token": {"value": "04A2B3C4D5E680", "type": "ISO14443"}, "authorization_type": "RFID"}
SOURCE = {"enable_source": "LocalKeyLock", "enable_state": "Disable", "enable_priority": 10}
WHEN = "2026-01-31T08:00:00.000Z"
LIMITS = {
    "ac_max_current_A": {"value": 16, "source": "grid"},
    "total_power_W": {"value": 11000.0, "source": "grid"},
    "ac_max_phase_count": {"value": 3, "source": "grid"},
}
TABLE = [{"frequency_Hz": 50.0, "total_power_W": 11000}, {"frequency_Hz": 49.8, "total_power_W": 0}]
EXAMPLES: dict[str, Any] = {
    "get_evse": {"headers": {"replyTo": "hmi/r/1"}},
    "enable_disable": {
        "headers": {"replyTo": "hmi/r/2"},
        "payload": {"connector_id": 1, "source": SOURCE},
    },
    "authorize_response": {
        "token": {**TOKEN, "connectors": [1]},
        "result": {"authorization_status": "Accepted", "tariff_messages": [], "evse_ids": [1]},
    },
    "withdraw_authorization": {},
    "pause_charging": {"headers": {"replyTo": "hmi/r/3"}},
    "resume_charging": {"headers": {"replyTo": "hmi/r/4"}},
    "stop_transaction": {
        "headers": {"replyTo": "hmi/r/5"},
        "payload": {"reason": "Local", "id_tag": TOKEN},
    },
    "force_unlock": {"headers": {"replyTo": "hmi/r/6"}, "payload": 1},
    "reserve": {"headers": {"replyTo": "ocpp/r/17"}, "payload": 4711},
    "cancel_reservation": {},
    "external_ready_to_start_charging": {"headers": {"replyTo": "boot/r/1"}},
    "random_delay_enable": {},
    "random_delay_disable": {},
    "random_delay_cancel": {},
    "random_delay_set_duration_s": 900,
    "communication_check": True,
    "get_id": {"headers": {"replyTo": "hmi/r/7"}},
    "enable": {"headers": {"replyTo": "hmi/r/8"}},
    "disable": {"headers": {"replyTo": "hmi/r/9"}},
    "set_faulted": {},
    "clear_faulted": {"headers": {"replyTo": "hmi/r/10"}},
    "set_external_limits": {
        "schedule_import": [{"timestamp": WHEN, "limits_to_root": LIMITS, "limits_to_leaves": {}}],
        "schedule_export": [],
        "schedule_setpoints": [
            {"timestamp": WHEN, "setpoint": {"priority": 0, "source": "dso", "frequency_table": TABLE}},
        ],
    },
    "set_session_limits": {"energy_Wh": 10000, "duration_s": 3600, "cost": 5.0, "price_per_kWh": 0.4},
    "switch_three_phases_while_charging": {
        "headers": {"replyTo": "hmi/r/11"},
        "payload": {"three_phases": False},
    },
    "replug": {"headers": {"replyTo": "hmi/r/12"}},
    "get_signed_meter_value": {"headers": {"replyTo": "hmi/r/13"}},
    "get_sessions": {"headers": {"replyTo": "hmi/r/14"}, "payload": {"since": WHEN, "limit": 5}},
    "get_active_errors": {"headers": {"replyTo": "hmi/r/15"}},
    "get_asyncapi": {"headers": {"replyTo": "hmi/r/16"}},
    "set_get_certificate_response": {
        "status": "Accepted",
        "certificate_action": "Install",
        "exi_response": "gJgC",
    },
    "set_plug_and_charge_configuration": {"pnc_enabled": True},
    "update_allowed_energy_transfer_modes": {
        "headers": {"replyTo": "hmi/r/17"},
        "payload": ["AC_single_phase_core", "AC_three_phase_core"],
    },
}


def message(value: object) -> bytes:
    return json.dumps(value).encode()


def call(name: str, value: object, rules: Rules = RULES) -> Call:
    return decode_request(OPERATION[name], value if isinstance(value, bytes) else message(value), rules)


def refusal(name: str, value: object, rules: Rules = RULES) -> str:
    with pytest.raises(ApiError) as error:
        call(name, value, rules)
    return str(error.value)


def stop(**payload: object) -> dict[str, object]:
    return {"payload": payload}


def enable(**changes: object) -> dict[str, object]:
    return {"payload": {"connector_id": 1, "source": {**SOURCE, **changes}}}


def authorize(token: object = TOKEN, **result: object) -> dict[str, object]:
    return {"token": token, "result": {"authorization_status": "Accepted", **result}}


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_operation_takes_the_example_of_the_contract(row: Operation) -> None:
    taken = call(row.name, EXAMPLES[row.name])
    example = EXAMPLES[row.name]
    assert taken.reply_to == (example["headers"]["replyTo"] if "headers" in message_keys(example) else None)


def message_keys(example: object) -> list[str]:
    return list(example) if isinstance(example, dict) else []


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_the_examples_are_of_the_contract(problems_of: Callable[..., list[str]], row: Operation) -> None:
    if row.name == "get_asyncapi":
        return  # ours alone
    assert problems_of(row.address, message(EXAMPLES[row.name])) == []


def test_an_argument_arrives_whole() -> None:
    wanted = call("enable_disable", EXAMPLES["enable_disable"]).argument
    assert wanted.connector_id == 1
    assert wanted.source.enable_source is EnableSource.LOCAL_KEY_LOCK
    assert wanted.source.enable_state is EnableState.DISABLE
    assert wanted.source.enable_priority == 10
    assert call("force_unlock", EXAMPLES["force_unlock"]).argument == 1
    assert call("get_evse", EXAMPLES["get_evse"]).argument is None
    assert call("force_unlock", {"headers": {}}) == Call()


@pytest.mark.parametrize("reason", [reason for reason in StopReason])
def test_every_stop_reason_is_taken(reason: StopReason) -> None:
    assert call("stop_transaction", stop(reason=reason.value)).argument.reason is reason


@pytest.mark.parametrize("status", [status for status in AuthorizationStatus])
def test_every_authorization_status_is_taken(status: AuthorizationStatus) -> None:
    body = {"token": TOKEN, "result": {"authorization_status": status.value, "tariff_messages": []}}
    assert call("authorize_response", body).argument.result.authorization_status is status


def test_a_response_without_tariff_messages_is_taken() -> None:
    body = {"token": TOKEN, "result": {"authorization_status": "Accepted"}}
    assert call("authorize_response", body).argument.result.tariff_messages == ()


def test_a_response_with_every_field_is_taken() -> None:
    result = {
        "tariff_messages": [{"content": "0.40 EUR/kWh", "format": "UTF8", "language": "en"}],
        "certificate_status": "Accepted",
        "expiry_time": "2026-01-31T08:15:30.123Z",
        "parent_id_token": TOKEN["id_token"],
        "evse_ids": [1],
        "reservation_id": 4711,
        "allowed_energy_transfer_modes": ["AC_three_phase_core"],
    }
    assert call("authorize_response", authorize(**result)).argument.result.reservation_id == 4711


def test_keys_that_nobody_knows_are_ignored() -> None:
    assert call("pause_charging", {"headers": {"replyTo": "a", "trace": 7}, "more": [1]}).reply_to == "a"
    assert call("stop_transaction", stop(reason="Local", why="tired")).argument.reason is StopReason.LOCAL


def test_a_payload_that_is_not_needed_is_ignored() -> None:
    assert call("pause_charging", {"payload": {"a": 1}}) == Call()


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"\xff\xfe", b"[" * 100000, b"x" * 1_000_000])
def test_an_operation_without_argument_takes_any_body(body: bytes) -> None:
    assert call("withdraw_authorization", body) == Call()


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: row.name)
@pytest.mark.parametrize("body", [b"null", b"true", b"1", b"[]", b'"x"'])
def test_a_request_needs_an_object(row: Operation, body: bytes) -> None:
    assert refusal(row.name, body).startswith(f"m2e/{row.name}: $: Expected `object`, got ")


@pytest.mark.parametrize("row", OBJECTS, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a" 1}', b"NaN", b"\xef\xbb\xbf{}", b"{'headers': 1}", b"hello"]
)
def test_what_is_not_json_is_refused(row: Operation, body: bytes) -> None:
    assert refusal(row.name, body).startswith(f"m2e/{row.name}: not JSON: ")


@pytest.mark.parametrize("row", DECODED, ids=lambda row: row.name)
def test_what_is_not_utf8_is_refused_even_where_nobody_looks(row: Operation) -> None:
    assert refusal(row.name, b'{"x": "\xff"}') == f"m2e/{row.name}: not UTF-8 (byte 7)"


@pytest.mark.parametrize("row", DECODED, ids=lambda row: row.name)
def test_a_megabyte_is_refused_before_it_is_decoded(row: Operation) -> None:
    text = refusal(row.name, b"[" * 1_000_000)
    assert text == f"m2e/{row.name}: 1000000 bytes, at most 65536 are taken (mqtt.max_payload_bytes)"


def test_a_message_of_the_greatest_length_is_taken() -> None:
    body = b'{"headers": {"replyTo": "a"}}'
    assert call("get_evse", body + b" " * (65536 - len(body))).reply_to == "a"
    assert "65537 bytes" in refusal("get_evse", body + b" " * (65537 - len(body)))


@pytest.mark.parametrize("row", OBJECTS, ids=lambda row: row.name)
def test_deep_nesting_is_refused(row: Operation) -> None:
    body = b'{"x": ' + b"[" * 30000 + b"]" * 30000 + b"}"
    assert refusal(row.name, body) == f"m2e/{row.name}: JSON nested too deeply"


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        ("enable_disable", {}, "$: Object missing required field `payload`"),
        ("enable_disable", {"payload": None}, "$.payload: Expected `object`, got `null`"),
        (
            "enable_disable",
            {"payload": {"connector_id": 1}},
            "$.payload: Object missing required field `source`",
        ),
        (
            "enable_disable",
            enable(enable_priority=10001),
            "$.payload.source.enable_priority: Expected `int` <= 10000",
        ),
        (
            "enable_disable",
            enable(enable_priority=-1),
            "$.payload.source.enable_priority: Expected `int` >= 0",
        ),
        (
            "enable_disable",
            enable(enable_priority="1"),
            "$.payload.source.enable_priority: Expected `int`, got `str`",
        ),
        (
            "enable_disable",
            enable(enable_priority=1.5),
            "$.payload.source.enable_priority: Expected `int`, got `float`",
        ),
        (
            "enable_disable",
            enable(enable_priority=True),
            "$.payload.source.enable_priority: Expected `int`, got `bool`",
        ),
        ("stop_transaction", {}, "$: Object missing required field `payload`"),
        ("stop_transaction", stop(), "$.payload: Object missing required field `reason`"),
        ("stop_transaction", stop(reason=5), "$.payload.reason: Expected `str`, got `int`"),
        (
            "stop_transaction",
            stop(reason="Local", id_tag=None),
            "$.payload.id_tag: Expected `object`, got `null`",
        ),
        ("force_unlock", {"payload": None}, "$.payload: Expected `int`, got `null`"),
        ("reserve", {}, "$: Object missing required field `payload`"),
        ("random_delay_set_duration_s", -1, "$: Expected `int` >= 0"),
        ("random_delay_set_duration_s", 86401, "$: Expected `int` <= 86400"),
        ("random_delay_set_duration_s", 0.5, "$: Expected `int`, got `float`"),
        ("communication_check", 1, "$: Expected `bool`, got `int`"),
        (
            "switch_three_phases_while_charging",
            {"payload": {"three_phases": 1}},
            "$.payload.three_phases: Expected `bool`, got `int`",
        ),
        ("get_sessions", {"payload": {"limit": 0}}, "$.payload.limit: Expected `int` >= 1"),
        ("get_sessions", {"payload": {"limit": 1001}}, "$.payload.limit: Expected `int` <= 1000"),
        (
            "get_sessions",
            {"payload": {"since": "2026-01-31T08:15:30"}},
            "$.payload.since: Expected `datetime` with a timezone component",
        ),
        ("set_session_limits", {"energy_Wh": -1}, "$.energy_Wh: Expected `float` >= 0.0"),
        ("set_session_limits", {"cost": None}, "$.cost: Expected `float`, got `null`"),
        (
            "set_get_certificate_response",
            {"status": "Accepted", "certificate_action": "Install", "exi_response": "x" * 5601},
            "$.exi_response: Expected `str` of length <= 5600",
        ),
        (
            "update_allowed_energy_transfer_modes",
            {"payload": []},
            "$.payload: Expected `array` of length >= 1",
        ),
        ("authorize_response", {"provided_token": TOKEN}, "$: Object missing required field `result`"),
        (
            "authorize_response",
            {"result": {"authorization_status": "Accepted"}},
            "$: Object missing required field `token`",
        ),
        ("force_unlock", {"payload": "1"}, "$.payload: Expected `int`, got `str`"),
        ("force_unlock", {"payload": 2**63}, "$.payload: Expected `int` <= 9223372036854775807"),
        ("force_unlock", b'{"payload": 1e300}', "$.payload: Expected `int` <= 9223372036854775807"),
        ("authorize_response", [], "$: Expected `object`, got `array`"),
        ("authorize_response", {"token": TOKEN}, "$: Object missing required field `result`"),
        ("authorize_response", authorize(evse_ids=[1, 0]), "$.result.evse_ids[1]: Expected `int` >= 1"),
        (
            "authorize_response",
            authorize(expiry_time="soon"),
            "$.result.expiry_time: Invalid RFC3339 encoded datetime",
        ),
        (
            "authorize_response",
            authorize(allowed_energy_transfer_modes=[]),
            "$.result.allowed_energy_transfer_modes: Expected `array` of length >= 1",
        ),
        (
            "authorize_response",
            authorize({**TOKEN, "id_token": {"value": "x" * 37, "type": "Local"}}),
            "$.token.id_token.value: Expected `str` of length <= 36",
        ),
        (
            "authorize_response",
            authorize({**TOKEN, "connectors": [0]}),
            "$.token.connectors[0]: Expected `int` >= 1",
        ),
        (
            "authorize_response",
            authorize({**TOKEN, "certificate": "x" * 5501}),
            "$.token.certificate: Expected `str` of length <= 5500",
        ),
        (
            "authorize_response",
            authorize({**TOKEN, "iso15118CertificateHashData": []}),
            "$.token.iso15118CertificateHashData: Expected `array` of length >= 1",
        ),
        ("get_evse", {"headers": []}, "$.headers: Expected `object | null`, got `array`"),
        ("get_evse", {"headers": {"replyTo": 5}}, "$.headers.replyTo: Expected `str | null`, got `int`"),
        ("get_evse", {"headers": {"replyTo": {}}}, "$.headers.replyTo: Expected `str | null`, got `object`"),
    ],
)
def test_a_bad_field_is_named_with_what_is_expected_there(name: str, body: object, text: str) -> None:
    assert refusal(name, body) == f"m2e/{name}: {text}"


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        (
            "enable_disable",
            enable(enable_state="Off"),
            "$.payload.source.enable_state: Invalid enum value 'Off', expected one of Unassigned, Disable",
        ),
        (
            "authorize_response",
            authorize({**TOKEN, "id_token": {"value": "x", "type": "Key"}}),
            "$.token.id_token.type: Invalid enum value 'Key', expected one of Central, eMAID, MacAddress",
        ),
        (
            "update_allowed_energy_transfer_modes",
            {"payload": ["DC", "AC"]},
            "$.payload[1]: Invalid enum value 'AC', expected one of AC_single_phase_core, AC_two_phase",
        ),
        (
            "set_get_certificate_response",
            {"status": "Accepted", "certificate_action": "Delete"},
            "$.certificate_action: Invalid enum value 'Delete', expected one of Install, Update",
        ),
        (
            "authorize_response",
            {"provided_token": {**TOKEN, "authorization_type": "Cash"}},
            "$.provided_token.authorization_type: Invalid enum value 'Cash', expected one of OCPP, RFID",
        ),
        (
            "stop_transaction",
            stop(reason="Local", id_tag={**TOKEN, "authorization_type": "Cash"}),
            "$.payload.id_tag.authorization_type: Invalid enum value 'Cash', expected one of OCPP, RFID",
        ),
        (
            "authorize_response",
            authorize(allowed_energy_transfer_modes=["DC", "steam"]),
            "$.result.allowed_energy_transfer_modes[1]: Invalid enum value 'steam', expected one of AC",
        ),
        (
            "authorize_response",
            authorize(tariff_messages=[{"content": "", "format": "XML"}]),
            "$.result.tariff_messages[0].format: Invalid enum value 'XML', expected one of ASCII, HTML, URI",
        ),
        (
            "stop_transaction",
            stop(reason="x` - at `$.y"),
            "$.payload.reason: Invalid enum value 'x` - at `$.y', expected one of EmergencyStop",
        ),
    ],
)
def test_an_unknown_enum_string_is_refused_with_the_known_ones(name: str, body: object, text: str) -> None:
    assert refusal(name, body).startswith(f"m2e/{name}: {text}")


HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "n",
    "issuerKeyHash": "k",
    "serialNumber": "s",
    "responderURL": "u",
}


def hashed(**changes: str) -> dict[str, object]:
    return {**TOKEN, "iso15118CertificateHashData": [{**HASHES, **changes}]}


def named(value: str = "x", **more: object) -> dict[str, object]:
    return {**TOKEN, "id_token": {"value": value, "type": "Local", **more}}


@pytest.mark.parametrize(
    ("longest", "token"),
    [
        (36, lambda text: named(text)),
        (36, lambda text: named(additional_info=[{"value": text, "type": "t"}])),
        (50, lambda text: named(additional_info=[{"value": "v", "type": text}])),
        (36, lambda text: {**TOKEN, "parent_id_token": {"value": text, "type": "Local"}}),
        (5500, lambda text: {**TOKEN, "certificate": text}),
        (128, lambda text: hashed(issuerNameHash=text)),
        (128, lambda text: hashed(issuerKeyHash=text)),
        (40, lambda text: hashed(serialNumber=text)),
        (512, lambda text: hashed(responderURL=text)),
    ],
)
def test_a_text_may_be_as_long_as_the_contract_says(
    longest: int, token: Callable[[str], dict[str, object]]
) -> None:
    assert call("stop_transaction", stop(reason="Local", id_tag=token("ü" * longest)))
    text = refusal("stop_transaction", stop(reason="Local", id_tag=token("ü" * (longest + 1))))
    assert f"Expected `str` of length <= {longest}" in text


def test_a_token_has_at_most_four_certificate_hashes() -> None:
    four = {**TOKEN, "iso15118CertificateHashData": [HASHES] * 4}
    five = {**TOKEN, "iso15118CertificateHashData": [HASHES] * 5}
    assert call("stop_transaction", stop(reason="Local", id_tag=four))
    assert "Expected `array` of length <= 4" in refusal("stop_transaction", stop(reason="Local", id_tag=five))


def test_a_time_without_a_zone_is_refused() -> None:
    text = refusal("authorize_response", authorize(expiry_time="2026-01-31T08:15:30"))
    assert "$.result.expiry_time: " in text


def test_an_integral_float_passes_for_an_integer() -> None:
    body = b'{"payload": {"connector_id": 1.0, "source": {"enable_source": "CSMS", "enable_state": "Enable", '
    wanted = call(
        "enable_disable", body + b'"enable_priority": 1e1}}, "headers": {"replyTo": "a"}, "x": 1.5}'
    )
    assert (wanted.argument.connector_id, wanted.argument.source.enable_priority) == (1, 10)
    assert isinstance(wanted.argument.connector_id, int)
    assert wanted.reply_to == "a"


def test_at_most_a_hundred_characters_of_a_message_are_echoed_and_no_control_character() -> None:
    text = refusal("stop_transaction", stop(reason="\n\x1b" + "Z" * 60000))
    assert text.count("Z") < 100
    assert text.isprintable()
    topic = refusal("get_evse", {"headers": {"replyTo": "$\n" + "Z" * 60000}})
    assert topic.count("Z") < 100
    assert topic.isprintable()


@pytest.mark.parametrize(
    "headers", [{}, None, {"replyTo": None}, {"replyTo": ""}, {"other": 1}], ids=lambda value: str(value)
)
def test_a_request_without_a_reply_topic_is_executed(headers: object) -> None:
    assert call("pause_charging", {"headers": headers}) == Call()
    assert call("pause_charging", {}) == Call()


OURS = "everest_api/1/evse_manager_consumer/evse/m2e/pause_charging"


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        (OURS, "is a topic of this API"),
        ("$SYS/x", "starts with $"),
        ("$share/g/x", "starts with $"),
        ("a/+/b", "has a wildcard"),
        ("a/#", "has a wildcard"),
        ("a\x00", "has a character that MQTT forbids"),
        ("a\x01", "has a character that MQTT forbids"),
        ("a\x7f", "has a character that MQTT forbids"),
        ("a\x9f", "has a character that MQTT forbids"),
        ("a\ufdd0", "has a character that MQTT forbids"),
        ("a\ufffe", "has a character that MQTT forbids"),
        ("a\U0001ffff", "has a character that MQTT forbids"),
        ("a/" * 201, "has more than 200 slashes"),
        ("ä" * 32768, "is over 65535 bytes"),
    ],
)
def test_a_bad_reply_topic_executes_nothing(topic: str, problem: str) -> None:
    rules = Rules(max_payload_bytes=10**6, own_topics=frozenset({OURS}))
    text = refusal("pause_charging", {"headers": {"replyTo": topic}}, rules)
    assert text.startswith(f"m2e/pause_charging: $.headers.replyTo: {problem}, give another topic: '")


@pytest.mark.parametrize(
    "topic",
    [
        "a",
        "/",
        f"{OURS}/0b1f",
        "a$",
        "hmi/ü/\U0001f50c",
        "a/" * 200,
        "ä" * 32767 + "a",
        "everest_api/1/x/y/e2m/z",
    ],
)
def test_any_other_reply_topic_will_do(topic: str) -> None:
    rules = Rules(max_payload_bytes=10**6, own_topics=frozenset({OURS}))
    assert call("pause_charging", {"headers": {"replyTo": topic}}, rules).reply_to == topic


def test_a_half_surrogate_is_no_reply_topic() -> None:
    for half in (b"\\ud800", b"\\udc00", b"\\ud800x"):
        assert "not JSON" in refusal("get_evse", b'{"headers": {"replyTo": "a' + half + b'"}}')


def test_a_reply_topic_has_to_start_with_one_of_the_prefixes() -> None:
    rules = Rules(reply_prefixes=("hmi/", "ocpp/r/"))
    assert call("get_evse", {"headers": {"replyTo": "ocpp/r/1"}}, rules).reply_to == "ocpp/r/1"
    assert call("get_evse", {"headers": {"replyTo": "hmi/1"}}, rules).reply_to == "hmi/1"
    assert call("get_evse", {}, rules) == Call()
    assert "lies outside mqtt.reply_prefixes" in refusal(
        "get_evse", {"headers": {"replyTo": "ocpp/1"}}, rules
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def spoilt(value: Any, path: tuple[Any, ...], piece: object) -> Any:
    """value with piece put in at path, or left out if piece is Ellipsis."""
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if piece is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = piece
    return copy


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [found for key, entry in entries for found in ((*above, key), *paths(entry, (*above, key)))]


MOMENT = Moment(1000.0, 1769847332.481)
ROUTER = Router(Identity())
ASK = msgspec.msgpack.Decoder(Command)


def is_call_or_api_error(row: Operation, payload: bytes) -> bool:
    """What gets through survives the link to the core."""
    try:
        asked = ROUTER.call(f"{PREFIX}/{row.address}".format(module_id="evse"), payload, MOMENT)
    except ApiError as error:
        return str(error).startswith(row.address) and str(error).isprintable()
    if isinstance(asked, CoreCall):
        return all(ASK.decode(msgspec.msgpack.encode(command)) == command for command in asked.commands)
    return isinstance(asked, Answer | Query)


@given(row=st.sampled_from(OPERATIONS), payload=st.binary(max_size=200))
def test_any_bytes_become_a_call_or_an_api_error(row: Operation, payload: bytes) -> None:
    assert is_call_or_api_error(row, payload)


@given(row=st.sampled_from(OPERATIONS), value=json_values)
def test_any_json_becomes_a_call_or_an_api_error(row: Operation, value: Any) -> None:
    assert is_call_or_api_error(row, message(value))


@given(data=st.data(), piece=json_values | st.just(...))
def test_an_example_spoilt_at_any_place_becomes_a_call_or_an_api_error(
    data: st.DataObject, piece: Any
) -> None:
    row = data.draw(st.sampled_from([row for row in OPERATIONS if paths(EXAMPLES[row.name])]))
    path = data.draw(st.sampled_from(paths(EXAMPLES[row.name])))
    assert is_call_or_api_error(row, message(spoilt(EXAMPLES[row.name], path, piece)))
