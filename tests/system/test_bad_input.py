import json
from collections.abc import Iterator

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, REPLIES, TOKEN, Evse

NOWHERE = REPLIES + "never"
WARNING = "MQTT request ignored"
WARN_EVERY_S = 5.0


def body(payload: object = None, reply_to: object = NOWHERE) -> bytes:
    return json.dumps({"headers": {"replyTo": reply_to}, "payload": payload}).encode()


def disable(connector_id: object = 0, **changes: object) -> bytes:
    source = {"enable_source": "LocalAPI", "enable_state": "Disable", "enable_priority": 0, **changes}
    return body({"connector_id": connector_id, "source": source})


UNHEARD_OF = json.dumps({"token": TOKEN, "result": {"authorization_status": "Yes"}}).encode()

# Each would stop, pause, disable or answer if it were taken.
# fmt: off
BAD = {
    "nothing":                   ("pause_charging", b""),
    "broken JSON":               ("pause_charging", b'{"headers": {"replyTo": "' + NOWHERE.encode() + b'"}'),
    "an array":                  ("pause_charging", b"[]"),
    "null":                      ("pause_charging", b"null"),
    "headers of a wrong type":   ("pause_charging", b'{"headers": 7}'),
    "not UTF-8":                 ("pause_charging", body().replace(b"null", b'"\xff\xfe"')),
    "a megabyte":                ("pause_charging", body("x" * 1_000_000)),
    "a megabyte of no JSON":     ("stop_transaction", b"\0" * 1_000_000),
    "10,000 arrays deep":        ("pause_charging", b'{"payload":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "10,000 objects deep":       ("stop_transaction", b'{"x":' * 10_000 + b"1" + b"}" * 10_000),
    "no reason":                 ("stop_transaction", body({})),
    "an unknown reason":         ("stop_transaction", body({"reason": "Boredom"})),
    "a reason that is a number": ("stop_transaction", body({"reason": 1})),
    "a token of no type":        ("stop_transaction", body({"reason": "Local", "id_tag": {"id_token": "A"}})),
    "an unknown source":         ("enable_disable", disable(enable_source="Me")),
    "a priority out of range":   ("enable_disable", disable(enable_priority=-1)),
    "a connector of words":      ("enable_disable", disable("one")),
    "a connector like none":     ("force_unlock", body(1e300)),
    "a result unheard of":       ("authorize_response", UNHEARD_OF),
    "a reply to an operation":   ("stop_transaction", body({"reason": "Local"}, API + "m2e/pause_charging")),
    "a reply to a variable":     ("get_evse", body(None, API + "e2m/ready")),
    "a reply to $SYS":           ("stop_transaction", body({"reason": "Local"}, "$SYS/x")),
    "a reply to all":            ("stop_transaction", body({"reason": "Local"}, REPLIES + "#")),
    "a reply to any":            ("pause_charging", body(None, "a/+/b")),
    "a reply to a number":       ("pause_charging", body(None, 5)),
    "a reply with a NUL":        ("pause_charging", body(None, REPLIES + "\0")),
    "a reply to nobody's depth": ("pause_charging", body(None, REPLIES + "/" * 1000)),
}
# fmt: on


@pytest.fixture
def evse(broker: Broker) -> Iterator[Evse]:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        yield evse


def test_bad_input_is_told_and_nothing_else_happens(evse: Evse) -> None:
    pids, before = evse.running(), evse.trace
    for operation, raw in BAD.values():
        evse.send(operation, raw)
    assert evse.request("get_evse")["id"] == 1  # the ones before it are through
    assert [message.topic for message in evse.events.messages if message.topic.startswith(REPLIES)] == [
        *evse.replies
    ]
    assert evse.session_events()[-1]["event"] == "ChargingStarted"
    assert evse.trace == before
    assert evse.running() == pids
    assert evse.log.count("MQTT: connected") == 1
    assert evse.value("ready") is True


@pytest.mark.parametrize("name", ["a megabyte", "10,000 arrays deep"])
def test_each_kind_of_bad_input_alone_is_told(broker: Broker, name: str) -> None:
    operation, raw = BAD[name]
    with Evse(broker) as evse:
        evse.send(operation, raw)
        eventually(lambda: f"warning: {WARNING}: m2e/{operation}" in evse.log, "a warning")
        assert len(evse.log) < 5000


def test_warnings_are_held_back_and_counted(evse: Evse) -> None:
    operation, raw = BAD["an unknown reason"]
    for _ in range(30):
        evse.send(operation, raw)
    assert evse.request("get_evse")["id"] == 1
    assert evse.log.count(WARNING) == 1

    def told_again() -> bool:
        evse.send(operation, raw)
        return "more like this before" in evse.log

    eventually(told_again, "the next warning")
    assert evse.log.count(WARNING) == 2


def test_without_a_reply_topic_it_is_carried_out_without_a_reply(evse: Evse) -> None:
    for headers in (
        b"{}",
        b'{"headers": {}}',
        b'{"headers": null}',
        b'{"headers": {"replyTo": ""}, "more": 1}',
    ):
        evse.send("pause_charging", headers)
        evse.expect("ChargingPausedEVSE")
        evse.send("resume_charging", headers)
        evse.expect("PrepareCharging", "ChargingStarted")
    assert [message for message in evse.events.messages if message.topic.startswith(REPLIES)] == []


def test_an_operation_without_argument_takes_any_body(evse: Evse) -> None:
    evse.send("withdraw_authorization", b"\xff not JSON")
    evse.expect("Deauthorized", "StoppingCharging", "ChargingFinished", "TransactionFinished")
