"""Our AsyncAPI document is enough: a client that has nothing else asks everything and charges an EV."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import evsed.api
from tests.foreign.document_client import DocumentClient
from tests.system.bench import Broker
from tests.system.evse_process import Evse

pytestmark = pytest.mark.foreign
DOCUMENT = json.loads((Path(evsed.api.__file__).parent / "asyncapi.json").read_text())
EVENT = "receive_session_event"
TOKEN = {"id_token": {"value": "04A2B3C4", "type": "ISO14443"}, "authorization_type": "RFID"}


@pytest.fixture
def client(broker: Broker, evse: Evse) -> Iterator[DocumentClient]:
    client = DocumentClient(broker.port, "evse", DOCUMENT)
    yield client
    client.close()


def test_every_request_is_answered_in_the_documented_shape(client: DocumentClient) -> None:
    asked = client.requests()
    assert len(asked) > 60
    for operation in asked:
        client.request(operation)
    client.check_all()


def test_it_drives_a_whole_charging_session(client: DocumentClient, evse: Evse) -> None:
    evse.modify("iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 600")
    client.until(EVENT, "event", "AuthRequired")
    assert "Accepted" in client.choices("AuthorizationStatus")
    verdict = {"authorization_status": "Accepted", "tariff_messages": []}
    client.send("send_authorize_response", {"token": TOKEN, "result": verdict})
    uuid = client.until(EVENT, "event", "ChargingStarted")["uuid"]
    client.until("receive_session_info", "state", "Charging")
    assert client.request("send_request_pause_charging") is True
    client.until(EVENT, "event", "ChargingPausedEVSE")
    assert client.request("send_request_resume_charging") is True
    client.until(EVENT, "event", "ChargingStarted")
    assert "Local" in client.choices("StopReason")
    assert client.request("send_request_stop_transaction", {"reason": "Local"}) is True
    finished = client.until(EVENT, "event", "TransactionFinished")
    assert finished["transaction_finished"]["reason"] == "Local"
    evse.modify("unplug")
    assert client.until(EVENT, "event", "SessionFinished")["uuid"] == uuid
    seen = client.check_all()
    for operation in (EVENT, "receive_session_info", "receive_powermeter", "receive_enforced_limits"):
        assert seen[client.address(operation)] > 0
    assert seen[client.address("v0_receive_session_events")] > 0


def test_it_asks_what_only_it_could_know_from_the_document(client: DocumentClient) -> None:
    assert client.request("send_request_get_asyncapi") == DOCUMENT
    modes = client.choices("EnergyTransferMode")
    assert client.request("send_request_update_allowed_energy_transfer_modes", modes) == "NoHlc"
    with pytest.raises(AssertionError, match="reason"):
        client.send("send_request_stop_transaction", {"payload": {"reason": "Whim"}})
