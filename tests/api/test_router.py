import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from evsed.api.arguments import (
    Bare,
    EnergyTransferMode,
    PlugAndChargeConfiguration,
    ResponseExiStreamStatus,
    ResponseStatus,
    SessionsQuery,
)
from evsed.api.codec import ApiError
from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity, Rules
from evsed.api.operations import Interface, Moment, Older, Operation, Replied, Variable
from evsed.api.router import Answer, CoreCall, EventContext, Query, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.api.stamp import Stamp
from evsed.api.topics import OPERATIONS, V1, VARIABLES, getter
from evsed.api.wire_extensions import CertificateAction
from evsed.core.commands import (
    AuthorizeResponse,
    AvailabilityRow,
    CancelRandomDelay,
    CancelReservation,
    Command,
    EnableDisable,
    EnableRandomDelay,
    EnableSource,
    EnableState,
    ExternalReady,
    ForceUnlock,
    PauseCharging,
    Replug,
    Reservation,
    Reserve,
    ResumeCharging,
    SetFaulted,
    SetRandomDelayDuration,
    SetSessionLimits,
    StopTransaction,
    SwitchPhases,
    WithdrawAuthorization,
)
from evsed.core.events import CommandDone, ReservationMismatch
from evsed.core.states import PhaseSwitchResult, StopReason
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

Call = Callable[..., CoreCall | Answer | Query]


@pytest.fixture
def call(router: Router, moment: Moment) -> Call:
    def ask(name: str, body: object = None) -> CoreCall | Answer | Query:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return router.call(f"{PREFIX}/m2e/{name}", payload, moment)

    return ask


def test_every_operation_is_subscribed_to_by_its_name(router: Router) -> None:
    names = [row.name for row in OPERATIONS] + [f"{row.name}/get" for row in VARIABLES]
    assert list(router.subscriptions()) == [(f"{PREFIX}/m2e/{name}", 1) for name in names]
    assert not any(sign in topic for topic, _ in router.subscriptions() for sign in "+#")


GETTERS = tuple(getter(row) for row in VARIABLES)


@pytest.mark.parametrize("row", [*OPERATIONS, *GETTERS], ids=lambda row: row.name)
def test_every_operation_is_dealt_with_in_one_way_and_told_in_a_sentence(row: Operation) -> None:
    assert [row.command is not None, row.answer is not None, bool(row.query)].count(True) == 1
    assert row.help.endswith(".")


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_every_variable_is_told_in_a_sentence(row: Variable) -> None:
    assert row.help.endswith(".")


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_a_reply_has_a_type(row: Operation) -> None:
    replies = row.reply is not None or row.answer is not None
    assert (row.reply_type is not None) == (replies or row.query not in ("", *SILENT_QUERIES))


SILENT_QUERIES = ("communication_check", "certificate_response", "plug_and_charge")


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
            {"provided_token": RFID_JSON, "validation_result": {"authorization_status": "Accepted"}},
            AuthorizeResponse(RFID, True),
        ),
        (
            "authorize_response",
            {
                "token": {**RFID_JSON, "parent_id_token": {"value": "G1", "type": "Central"}},
                "result": {"authorization_status": "Accepted", "reservation_id": -4},
            },
            AuthorizeResponse(
                msgspec.structs.replace(RFID, parent_id_token=IdToken("G1", IdTokenType.CENTRAL)),
                True,
                IdToken("G1", IdTokenType.CENTRAL),
                -4,
            ),
        ),
        (
            "authorize_response",
            {
                "token": {**RFID_JSON, "parent_id_token": {"value": "G1", "type": "Central"}},
                "result": {
                    "authorization_status": "Accepted",
                    "parent_id_token": {"value": "G2", "type": "Central"},
                },
            },
            AuthorizeResponse(
                msgspec.structs.replace(RFID, parent_id_token=IdToken("G1", IdTokenType.CENTRAL)),
                True,
                IdToken("G2", IdTokenType.CENTRAL),
            ),
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
        ("force_unlock", {"headers": {}}, ForceUnlock()),
        ("reserve", {"payload": -1}, Reserve(Reservation(-1))),
        ("cancel_reservation", b"", CancelReservation()),
        ("external_ready_to_start_charging", {}, ExternalReady()),
        ("random_delay_enable", b"", EnableRandomDelay(True)),
        ("random_delay_disable", b"", EnableRandomDelay(False)),
        ("random_delay_cancel", b"", CancelRandomDelay()),
        ("random_delay_set_duration_s", 0, SetRandomDelayDuration(0.0)),
        ("random_delay_set_duration_s", 86400, SetRandomDelayDuration(86400.0)),
        ("set_faulted", b"", SetFaulted(True)),
        ("clear_faulted", {}, SetFaulted(False)),
        ("replug", {}, Replug()),
        ("enable", {}, EnableDisable(AvailabilityRow(EnableSource.LOCAL_API, EnableState.ENABLE, 100), 0)),
        ("disable", {}, EnableDisable(AvailabilityRow(EnableSource.LOCAL_API, EnableState.DISABLE, 100), 0)),
        ("switch_three_phases_while_charging", {"payload": {"three_phases": True}}, SwitchPhases(True)),
        (
            "set_session_limits",
            {"energy_Wh": 5000, "duration_s": 60.5, "cost": 3, "price_per_kWh": 0.4},
            SetSessionLimits(5000.0, 60.5, 3.0, 0.4),
        ),
        ("set_session_limits", {}, SetSessionLimits()),
    ],
)
def test_an_operation_becomes_a_command(call: Call, name: str, body: object, command: Command) -> None:
    asked = call(name, body)
    assert isinstance(asked, CoreCall)
    assert asked.commands == (command,)
    assert asked.note == ""
    assert asked.reply(CommandDone(1, True)) is None


def test_a_command_survives_the_link(call: Call) -> None:
    asked = call("stop_transaction", {"payload": {"reason": "Local", "id_tag": RFID_JSON}})
    assert isinstance(asked, CoreCall)
    assert (
        msgspec.msgpack.decode(msgspec.msgpack.encode(asked.commands[0]), type=Command) == asked.commands[0]
    )


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
    assert asked.commands == (AuthorizeResponse(token, True, token.parent_id_token),)
    assert json.loads(msgspec.json.encode(token)) == body


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("enable_disable", {"connector_id": 0, "source": TECHNICIAN_JSON}),
        ("pause_charging", None),
        ("resume_charging", None),
        ("stop_transaction", {"reason": "Other"}),
        ("force_unlock", 1),
        ("reserve", 7),
        ("external_ready_to_start_charging", None),
        ("clear_faulted", None),
        ("replug", None),
        ("enable", None),
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


def test_get_evse_is_answered_at_once(problems_of: Callable[..., list[str]], moment: Moment) -> None:
    router = Router(Identity(id=7, connector_id=2, connector_type="cType2"))
    answer = router.call(f"{PREFIX}/m2e/get_evse", b'{"headers": {"replyTo": "hmi/r/1"}}', moment)
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert answer.publication.topic == "hmi/r/1"
    assert answer.publication.payload == b'{"id":7,"connectors":[{"id":2,"type":"cType2"}]}'
    assert (answer.publication.qos, answer.publication.retain) == (1, False)
    assert problems_of("m2e/get_evse", answer.publication.payload, reply=True) == []


def test_get_evse_without_a_reply_topic_answers_nobody(call: Call) -> None:
    assert call("get_evse", {}) == Answer(None)


@pytest.mark.parametrize("topic", ["x", f"{PREFIX}/m2e/nothing", f"{PREFIX}/m2e/get_evse/", "y" * 1000])
def test_a_topic_of_no_operation_is_refused(router: Router, moment: Moment, topic: str) -> None:
    with pytest.raises(ApiError, match="no operation of this API") as error:
        router.call(topic, b"{}", moment)
    assert len(str(error.value)) < 140


@pytest.mark.parametrize("address", [row.address for row in (*OPERATIONS, *GETTERS, *VARIABLES)])
def test_no_reply_goes_to_a_topic_of_ours(call: Call, address: str) -> None:
    with pytest.raises(ApiError, match="is a topic of this API"):
        call("pause_charging", {"headers": {"replyTo": f"{PREFIX}/{address}"}})


def test_a_reply_below_our_prefix_is_the_way_of_the_contract(call: Call) -> None:
    asked = call("pause_charging", {"headers": {"replyTo": f"{PREFIX}/e2m/pause_charging/0b1f"}})
    assert isinstance(asked, CoreCall)
    assert asked.reply_to == f"{PREFIX}/e2m/pause_charging/0b1f"


def test_the_rules_of_the_configuration_hold(moment: Moment) -> None:
    router = Router(Identity(), Rules(max_payload_bytes=10, reply_prefixes=("hmi/",)))
    with pytest.raises(ApiError, match="at most 10 are taken"):
        router.call(f"{PREFIX}/m2e/get_evse", b'{"headers": {"replyTo": "hmi/a"}}', moment)


def test_two_modules_have_two_prefixes(moment: Moment) -> None:
    topic = "everest_api/1/evse_manager_consumer/left/m2e/get_evse"
    assert Router(Identity(module_id="left")).call(topic, b"{}", moment) == Answer(None)


OURS_ALONE = {"e2m/control_health", "e2m/software", "m2e/get_asyncapi"}


def test_every_address_of_the_contract_is_served_and_no_other(contract: dict[str, Any]) -> None:
    served = {row.address for row in (*OPERATIONS, *GETTERS, *VARIABLES)}
    extra_gets = {row.address for row in GETTERS} - set(contract)
    assert served - extra_gets - OURS_ALONE == set(contract)


def test_what_has_a_reply_in_the_contract_has_one_here(contract: dict[str, Any]) -> None:
    rows = {row.address: row for row in (*OPERATIONS, *GETTERS) if row.address in contract}
    here = {address for address, row in rows.items() if row.reply_type is not None}
    assert here == {address for address in rows if contract[address][1] is not None}


def test_disable_replies_whether_it_is_disabled(call: Call) -> None:
    asked = call("disable", {"headers": {"replyTo": "a"}})
    assert isinstance(asked, CoreCall)
    replies = [asked.reply(CommandDone(1, enabled)) for enabled in (True, False)]
    assert [reply.payload for reply in replies if reply is not None] == [b"false", b"true"]


@pytest.mark.parametrize("code", list(PhaseSwitchResult))
def test_a_phase_switch_replies_its_code(
    call: Call, problems_of: Callable[..., list[str]], code: PhaseSwitchResult
) -> None:
    asked = call(
        "switch_three_phases_while_charging",
        {"headers": {"replyTo": "a"}, "payload": {"three_phases": False}},
    )
    assert isinstance(asked, CoreCall)
    reply = asked.reply(CommandDone(1, code is PhaseSwitchResult.SUCCESS, code=code.value))
    assert reply is not None
    assert json.loads(reply.payload) == code.value
    assert problems_of("m2e/switch_three_phases_while_charging", reply.payload, reply=True) == []
    unready = asked.reply(CommandDone(1, False, "not started"))
    assert unready is not None
    assert unready.payload == b'"Error_NotCharging"'


def test_a_cost_without_a_price_is_refused_unless_one_is_configured(call: Call, moment: Moment) -> None:
    with pytest.raises(ApiError, match=r"m2e/set_session_limits: \$\.cost: there is no price"):
        call("set_session_limits", {"cost": 10})
    with pytest.raises(ApiError, match="there is no price"):
        call("set_session_limits", {"cost": 10, "price_per_kWh": 0})
    priced = Router(Identity(), Rules(price_per_kwh=0.25))
    asked = priced.call(f"{PREFIX}/m2e/set_session_limits", b'{"cost": 10}', moment)
    assert isinstance(asked, CoreCall)
    assert asked.commands == (SetSessionLimits(cost=10.0, price_per_kwh=0.25),)
    own = priced.call(f"{PREFIX}/m2e/set_session_limits", b'{"cost": 10, "price_per_kWh": 1}', moment)
    assert isinstance(own, CoreCall)
    assert own.commands == (SetSessionLimits(cost=10.0, price_per_kwh=1.0),)


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_every_variable_can_be_got(call: Call, router: Router, row: Variable) -> None:
    topic = f"{PREFIX}/{row.address}"
    assert router.topic_of(row.name) == topic
    asked = call(f"{row.name}/get", {"headers": {"replyTo": "a"}})
    assert asked == Query("last_value", topic, "a", V1)
    assert call(f"{row.name}/get", {}) == Query("last_value", topic, None, V1)


def test_a_last_value_goes_out_as_it_was(router: Router) -> None:
    raw = router.reply_raw("hmi/r/1", b'{"a": 1}')
    assert (raw.topic, raw.payload, raw.qos, raw.retain) == ("hmi/r/1", b'{"a": 1}', 1, False)
    nothing = router.reply("hmi/r/1", None)
    assert (nothing.payload, nothing.qos, nothing.retain) == (b"null", 1, False)


@pytest.mark.parametrize(
    ("name", "body", "query", "argument"),
    [
        ("get_signed_meter_value", {}, "get_signed_meter_value", None),
        ("get_active_errors", {}, "get_active_errors", None),
        ("get_asyncapi", {}, "get_asyncapi", None),
        ("get_sessions", {}, "get_sessions", SessionsQuery()),
        ("get_sessions", {"payload": {"limit": 1000}}, "get_sessions", SessionsQuery(limit=1000)),
        (
            "get_sessions",
            {"payload": {"since": "2026-01-31T09:15:32+01:00"}},
            "get_sessions",
            SessionsQuery(datetime(2026, 1, 31, 8, 15, 32, tzinfo=UTC)),
        ),
        ("communication_check", True, "communication_check", True),
        (
            "set_get_certificate_response",
            {"status": "Failed", "certificate_action": "Install"},
            "certificate_response",
            ResponseExiStreamStatus(ResponseStatus.FAILED, CertificateAction.INSTALL),
        ),
        (
            "set_plug_and_charge_configuration",
            {"pnc_enabled": False},
            "plug_and_charge",
            PlugAndChargeConfiguration(pnc_enabled=False),
        ),
        (
            "update_allowed_energy_transfer_modes",
            {"payload": ["AC_single_phase_core"]},
            "energy_transfer_modes",
            (EnergyTransferMode.AC_SINGLE_PHASE_CORE,),
        ),
    ],
)
def test_the_gateway_is_asked(call: Call, name: str, body: object, query: str, argument: object) -> None:
    assert call(name, body) == Query(query, argument, None, V1)


def test_get_id_is_the_number_of_the_evse(moment: Moment, problems_of: Callable[..., list[str]]) -> None:
    answer = Router(Identity(id=7)).call(f"{PREFIX}/m2e/get_id", b'{"headers": {"replyTo": "a"}}', moment)
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert answer.publication.payload == b"7"
    assert problems_of("m2e/get_id", answer.publication.payload, reply=True) == []


def _refused(argument: object, moment: Moment) -> Command:
    raise Replied("Error_OutOfRange")


TELEMETRY = Variable("telemetry", dict)
EVENTS = Variable("session_events", dict, qos=2, retain=False)
SMALL = Older(
    Interface(
        "old/{module_id}",
        (Operation("pause_charging", V1.operations[0].envelope, Bare, _refused),),
        (TELEMETRY, EVENTS),
        gettable=False,
    ),
    {"heartbeat": ("telemetry", lambda beat: {"rpm": beat} if beat else None)},
    lambda event, stamp: ({"n": stamp.sequence}, {"kind": type(event).__name__}),
)


def test_an_older_interface_is_served_beside_the_newer_one(moment: Moment) -> None:
    router = Router(Identity(), older=SMALL)
    assert router.subscriptions()[-1] == ("old/evse/m2e/pause_charging", 1)
    answer = router.call("old/evse/m2e/pause_charging", b'{"headers": {"replyTo": "a"}}', moment)
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert (answer.publication.topic, answer.publication.payload) == ("a", b'"Error_OutOfRange"')
    assert router.call("old/evse/m2e/pause_charging", b"{}", moment) == Answer(None)
    asked = router.call(f"{PREFIX}/m2e/pause_charging", b"{}", moment)
    assert isinstance(asked, CoreCall)


def test_no_reply_goes_to_a_topic_of_the_older_interface(moment: Moment) -> None:
    router = Router(Identity(), older=SMALL)
    for topic in ("old/evse/m2e/pause_charging", "old/evse/e2m/telemetry"):
        body = json.dumps({"headers": {"replyTo": topic}}).encode()
        with pytest.raises(ApiError, match="is a topic of this API"):
            router.call(f"{PREFIX}/m2e/pause_charging", body, moment)


def test_a_variable_is_told_to_both_interfaces() -> None:
    router = Router(Identity(), older=SMALL)
    both = [(told.topic, told.payload) for told in router.publications("heartbeat", 3)]
    assert both == [(f"{PREFIX}/e2m/heartbeat", b"3"), ("old/evse/e2m/telemetry", b'{"rpm":3}')]
    assert [told.topic for told in router.publications("heartbeat", 0)] == [f"{PREFIX}/e2m/heartbeat"]
    assert [told.topic for told in router.publications("ready", True)] == [f"{PREFIX}/e2m/ready"]


def test_the_older_interface_hears_of_an_event_after_it(errors: ActiveErrors) -> None:
    router = Router(Identity(), older=SMALL)
    context = EventContext(SessionInfoProjector().info(0.0), errors)
    told = router.publications_of(ReservationMismatch(Reservation(1)), Stamp(0.0, 0.0, "b", 5), context)
    assert (told.before, told.event) == ((), None)
    assert [(p.topic, p.payload, p.qos) for p in told.after] == [
        ("old/evse/e2m/session_events", b'{"n":5}', 2),
        ("old/evse/e2m/session_events", b'{"kind":"ReservationMismatch"}', 2),
    ]
