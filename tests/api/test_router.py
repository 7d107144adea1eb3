import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from evsed.api.codec import ApiError
from evsed.api.identity import Identity, Rules
from evsed.api.router import Answer, CoreCall, Router
from evsed.api.topics import OPERATIONS, VARIABLES, Operation
from evsed.core.commands import (
    AuthorizeResponse,
    AvailabilityRow,
    Command,
    EnableDisable,
    EnableSource,
    EnableState,
    ForceUnlock,
    PauseCharging,
    ResumeCharging,
    StopTransaction,
    WithdrawAuthorization,
)
from evsed.core.events import CommandDone
from evsed.core.states import StopReason
from evsed.core.tokens import (
    AuthorizationType,
    CertificateHashData,
    CustomIdToken,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
)

PREFIX = "everest_api/1/evse_manager_consumer/evse"
RFID = ProvidedIdToken(IdToken("04A2", IdTokenType.ISO14443), AuthorizationType.RFID)
RFID_JSON = {"id_token": {"value": "04A2", "type": "ISO14443"}, "authorization_type": "RFID"}
TECHNICIAN = AvailabilityRow(EnableSource.SERVICE_TECHNICIAN, EnableState.DISABLE, 0)
TECHNICIAN_JSON = {
    "enable_source": "ServiceTechnician",
    "enable_state": "Disable",
    "enable_priority": 0,
}

Call = Callable[..., CoreCall | Answer]


@pytest.fixture
def call(router: Router) -> Call:
    def ask(name: str, body: object = None) -> CoreCall | Answer:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return router.call(f"{PREFIX}/m2e/{name}", payload)

    return ask


def test_every_operation_is_subscribed_to_by_its_name(router: Router) -> None:
    assert dict(router.subscriptions()) == {
        f"{PREFIX}/m2e/{name}": 1
        for name in (
            "get_evse",
            "enable_disable",
            "authorize_response",
            "withdraw_authorization",
            "pause_charging",
            "resume_charging",
            "stop_transaction",
            "force_unlock",
        )
    }


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_operation_is_answered_here_or_by_the_core(row: Operation) -> None:
    assert (row.command is None) != (row.answer is None)


@pytest.mark.parametrize(
    ("name", "body", "command"),
    [
        (
            "enable_disable",
            {"payload": {"connector_id": 1, "source": TECHNICIAN_JSON}},
            EnableDisable(TECHNICIAN, 1),
        ),
        (
            "authorize_response",
            {"token": RFID_JSON, "result": {"authorization_status": "Accepted"}},
            AuthorizeResponse(RFID, True),
        ),
        (
            "authorize_response",
            {"token": RFID_JSON, "result": {"authorization_status": "Expired"}},
            AuthorizeResponse(RFID, False),
        ),
        ("withdraw_authorization", b"\x00", WithdrawAuthorization()),
        ("pause_charging", {}, PauseCharging()),
        ("resume_charging", {}, ResumeCharging()),
        ("stop_transaction", {"payload": {"reason": "Remote"}}, StopTransaction(StopReason.REMOTE)),
        (
            "stop_transaction",
            {"payload": {"reason": "Local", "id_tag": RFID_JSON}},
            StopTransaction(StopReason.LOCAL, RFID),
        ),
        ("force_unlock", {"payload": -7}, ForceUnlock()),
    ],
)
def test_an_operation_becomes_a_command(call: Call, name: str, body: object, command: Command) -> None:
    asked = call(name, body)
    assert isinstance(asked, CoreCall)
    assert asked.command == command
    assert asked.reply(CommandDone(1, True)) is None


def test_a_command_survives_the_link(call: Call) -> None:
    asked = call("stop_transaction", {"payload": {"reason": "Local", "id_tag": RFID_JSON}})
    assert isinstance(asked, CoreCall)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(asked.command), type=Command) == asked.command


def test_every_field_of_a_token_reaches_the_core(call: Call) -> None:
    body = {
        **RFID_JSON,
        "parent_id_token": {
            "value": "P",
            "type": "Central",
            "additional_info": [{"value": "v", "type": "t"}],
        },
        "prevalidated": False,
        "request_id": -3,
        "connectors": [1, 2],
        "certificate": "PEM",
        "iso15118CertificateHashData": [
            {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "n",
                "issuerKeyHash": "k",
                "serialNumber": "s",
                "responderURL": "u",
            }
        ],
    }
    asked = call("authorize_response", {"token": body, "result": {"authorization_status": "Accepted"}})
    token = ProvidedIdToken(
        RFID.id_token,
        RFID.authorization_type,
        parent_id_token=IdToken("P", IdTokenType.CENTRAL, (CustomIdToken("v", "t"),)),
        prevalidated=False,
        request_id=-3,
        connectors=(1, 2),
        certificate="PEM",
        iso15118_certificate_hash_data=(CertificateHashData("SHA256", "n", "k", "s", "u"),),
    )
    assert isinstance(asked, CoreCall)
    assert asked.command == AuthorizeResponse(token, True)
    assert json.loads(msgspec.json.encode(token)) == body


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("enable_disable", {"connector_id": 0, "source": TECHNICIAN_JSON}),
        ("pause_charging", None),
        ("resume_charging", None),
        ("stop_transaction", {"reason": "Other"}),
        ("force_unlock", 1),
    ],
)
@pytest.mark.parametrize("result", [True, False])
def test_the_reply_is_the_bare_result(
    call: Call, problems_of: Callable[..., list[str]], name: str, payload: object, result: bool
) -> None:
    asked = call(name, {"headers": {"replyTo": "hmi/r/1"}, "payload": payload})
    assert isinstance(asked, CoreCall)
    reply = asked.reply(CommandDone(1, result, "because"))
    assert reply is not None
    assert (reply.topic, reply.payload, reply.qos, reply.retain) == (
        "hmi/r/1",
        json.dumps(result).encode(),
        1,
        False,
    )
    assert problems_of(f"m2e/{name}", reply.payload, reply=True) == []


def test_what_has_no_reply_gets_none(call: Call) -> None:
    body = {"token": RFID_JSON, "result": {"authorization_status": "Accepted"}, "headers": {"replyTo": "a"}}
    asked = call("authorize_response", body)
    assert isinstance(asked, CoreCall)
    assert asked.reply(CommandDone(1, True)) is None
    addressed = msgspec.structs.replace(asked, reply_to="a")
    assert addressed.reply(CommandDone(1, True)) is None


def test_get_evse_is_answered_at_once(problems_of: Callable[..., list[str]]) -> None:
    router = Router(Identity(id=7, connector_id=2, connector_type="cType2"))
    answer = router.call(f"{PREFIX}/m2e/get_evse", b'{"headers": {"replyTo": "hmi/r/1"}}')
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert answer.publication.topic == "hmi/r/1"
    assert answer.publication.payload == b'{"id":7,"connectors":[{"id":2,"type":"cType2"}]}'
    assert (answer.publication.qos, answer.publication.retain) == (1, False)
    assert problems_of("m2e/get_evse", answer.publication.payload, reply=True) == []


def test_get_evse_without_a_reply_topic_answers_nobody(call: Call) -> None:
    assert call("get_evse", {}) == Answer(None)


@pytest.mark.parametrize("topic", ["x", f"{PREFIX}/m2e/nothing", f"{PREFIX}/m2e/get_evse/", "y" * 1000])
def test_a_topic_of_no_operation_is_refused(router: Router, topic: str) -> None:
    with pytest.raises(ApiError, match="no operation of this API") as error:
        router.call(topic, b"{}")
    assert len(str(error.value)) < 140


@pytest.mark.parametrize("address", [row.address for row in (*OPERATIONS, *VARIABLES)])
def test_no_reply_goes_to_a_topic_of_ours(call: Call, address: str) -> None:
    with pytest.raises(ApiError, match="is a topic of this API"):
        call("pause_charging", {"headers": {"replyTo": f"{PREFIX}/{address}"}})


def test_a_reply_below_our_prefix_is_the_way_of_the_contract(call: Call) -> None:
    asked = call("pause_charging", {"headers": {"replyTo": f"{PREFIX}/e2m/pause_charging/0b1f"}})
    assert isinstance(asked, CoreCall)
    assert asked.reply_to == f"{PREFIX}/e2m/pause_charging/0b1f"


def test_the_rules_of_the_configuration_hold() -> None:
    router = Router(Identity(), Rules(max_payload_bytes=10, reply_prefixes=("hmi/",)))
    with pytest.raises(ApiError, match="at most 10 are taken"):
        router.call(f"{PREFIX}/m2e/get_evse", b'{"headers": {"replyTo": "hmi/a"}}')


def test_two_modules_have_two_prefixes() -> None:
    topic = "everest_api/1/evse_manager_consumer/left/m2e/get_evse"
    assert Router(Identity(module_id="left")).call(topic, b"{}") == Answer(None)


def test_every_address_is_in_the_contract(contract: dict[str, Any]) -> None:
    assert {row.address for row in (*OPERATIONS, *VARIABLES)} <= set(contract)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_what_has_a_reply_in_the_contract_has_one_here(contract: dict[str, Any], row: Operation) -> None:
    _, reply, _ = contract[row.address]
    assert (reply is not None) == (row.reply is not None or row.answer is not None)
