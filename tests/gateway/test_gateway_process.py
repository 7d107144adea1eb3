"""The gateway in a whole evsed: real processes, a real broker."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, Evse, Listener

OLDER = "everest_api/0/evse_manager/evse/"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def names(evse: Evse) -> list[str]:
    return [message.topic.removeprefix(API + "e2m/") for message in list(evse.wire.messages)]


def ask_older(evse: Evse, operation: str, payload: object = None) -> object:
    """A reply of the older interface."""
    topic = f"evsed-test/reply/{operation}-{time.monotonic_ns()}"
    body: dict[str, object] = {"headers": {"replyTo": topic}}
    if payload is not None:
        body["payload"] = payload
    evse.events.publish(OLDER + "m2e/" + operation, json.dumps(body))
    return eventually(lambda: evse.events.of(topic), f"a reply to {operation}")[0].json


def test_last_values_errors_and_telemetry(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        assert evse.request("ready/get") is True
        assert evse.request("limits/get")["max_current"] == 32.0
        assert evse.request("dc_mode/get") is None
        assert evse.request("get_active_errors") == []
        telemetry = eventually(lambda: evse.value("telemetry"), "telemetry")
        assert telemetry["supply_voltage_12V"] > 11.0
        health = eventually(lambda: evse.value("control_health"), "how regular control is")
        assert health["ticks"] >= 0
        assert set(health) == {"ticks", "overruns", "dropped_events", "late_max_ms", "tick_max_ms"}
        evse.send("set_faulted", b"")
        error = eventually(lambda: evse.value("error_raised"), "an error")
        assert evse.request("get_active_errors") == [error]
        evse.request("clear_faulted")
        cleared = eventually(lambda: evse.value("error_cleared"), "its end")
        assert (cleared["uuid"], cleared["state"]) == (error["uuid"], "ClearedByModule")


def test_errors_of_a_killed_control_are_cleared_by_its_restart(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.send("set_faulted", b"")
        error = eventually(lambda: evse.value("error_raised"), "an error")
        evse.kill("control")

        def ends() -> list[str]:
            told = [message.json for message in evse.wire.of(API + "e2m/error_cleared")]
            return [cleared["state"] for cleared in told if cleared["uuid"] == error["uuid"]]

        assert eventually(ends, "its end") == ["ClearedByReboot"]
        evse.expect("Enabled")


def test_what_was_left_over_is_told_before_the_limits(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        told_n = len(names(evse))
        evse.kill("control")
        evse.expect("SessionResumed", "TransactionFinished", "SessionFinished", "Enabled")
        eventually(lambda: evse.value("ready") is True, "ready again")
        told = names(evse)[told_n:]
        events = [n for n, name in enumerate(told) if name == "session_event"]
        limits = [n for n, name in enumerate(told) if name == "limits" and n > events[0]]
        modes = told.index("supported_energy_transfer_modes")
        assert events[2] < limits[0] < modes < events[3]


def test_a_client_that_falls_silent_is_told_and_charging_is_not_touched(broker: Broker) -> None:
    with Evse(broker, "api.communication_check_s=1") as evse:
        evse.expect("Enabled")
        evse.charge()
        evse.send("communication_check", True)
        error = eventually(lambda: evse.value("error_raised"), "the error")
        assert error["type"] == "generic/CommunicationFault"
        assert evse.line("contactor")[-1].value is True
        evse.send("communication_check", True)
        assert eventually(lambda: evse.value("error_cleared"), "its end")["uuid"] == error["uuid"]


def test_nothing_is_enabled_before_the_client_that_is_waited_for(broker: Broker) -> None:
    with Evse(broker, "api.external_ready_to_start_charging=true", started=False) as evse:
        evse.start()
        eventually(lambda: evse.value("waiting_for_external_ready") is True, "it waits")
        time.sleep(0.5)
        assert evse.session_events() == []
        assert "supported_energy_transfer_modes" not in names(evse)
        assert evse.value("ready") is False
        assert evse.request("external_ready_to_start_charging") is True
        evse.until_ready()
        told = names(evse)
        modes, enabled = told.index("supported_energy_transfer_modes"), told.index("session_event")
        assert told.index("limits") < told.index("waiting_for_external_ready") < modes < enabled


def test_a_card_is_shown_to_the_external_authorizer(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.modify("token 04a2b3c4d5e680;sleep 60")
        token = eventually(lambda: evse.value("provided_token"), "the card")
        assert token["id_token"] == {"value": "04A2B3C4D5E680", "type": "ISO14443"}
        assert token["authorization_type"] == "RFID"
        time.sleep(0.5)
        assert names(evse).count("provided_token") == 1


def test_heat_reaches_the_limit(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.modify("plug_temperature 80;sleep 60")
        eventually(lambda: evse.value("limits")["max_current"] == 22.0, "10 A less for 10 degrees")
        limit = evse.value("enforced_limits")["limits_root_side"]["ac_max_current_A"]
        assert limit == {"value": 22.0, "source": "derating"}


def test_sessions_and_a_reservation_outlive_a_restart(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        evse.modify("unplug")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")
        (session,) = evse.request("get_sessions")
        assert session["reason"] == "EVDisconnected"
        assert evse.request("reserve", 7) is True
        evse.expect("ReservationStart")
        evse.kill("control")
        evse.expect("Enabled")
        eventually(lambda: evse.status().get("reservation"), "the reservation")
        assert evse.status()["reservation"]["reservation_id"] == 7
        assert evse.request("get_sessions") == [session]


def test_the_older_interface_is_served_beside(broker: Broker) -> None:
    with Evse(broker) as evse:
        older = Listener(broker.port, 1, [OLDER + "e2m/#"])
        evse.expect("Enabled")
        assert ask_older(evse, "accept_new_session") is False
        expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        reserve = {"reservation_id": 5, "auth_token": "CAFE", "expiry_date": expiry, "parent_id": ""}
        assert ask_older(evse, "reserve_now", reserve) in ("Accepted", "Rejected")
        assert eventually(lambda: older.of(OLDER + "e2m/limits"), "its limits")[0].json["max_current"] == 32.0
        older.close()


def test_simulated_extras_are_told_and_labelled(broker: Broker) -> None:
    with Evse(broker, "sim.dc=true", "sim.hlc=true") as evse:
        evse.expect("Enabled")
        assert evse.log.count("SIMULATION: ") == 2
        wanted = {"pnc_enabled": True, "contract_certificate_installation_enabled": True}
        evse.send("set_plug_and_charge_configuration", wanted)
        evse.charge()
        for name in (
            "dlink_ready",
            "car_manufacturer",
            "dc_capabilities",
            "dc_mode",
            "isolation_measurement",
        ):
            eventually(lambda name=name: evse.value(name) is not None, name)
        eventually(lambda: (evse.value("ev_info") or {}).get("evcc_id"), "an ISO 15118 EV")
        eventually(lambda: evse.value("dc_mode") == "Export", "the supply delivers")
        assert evse.value("iso15118_certificate_request")["certificate_action"] == "Install"
        evse.send("set_get_certificate_response", {"status": "Failed", "certificate_action": "Install"})
        failed = eventually(lambda: evse.value("hlc_session_failed"), "the failure")
        assert failed["uuid"] == evse.session_events()[-1]["uuid"]
        assert evse.request("update_allowed_energy_transfer_modes", ["DC"]) == "IncompatibleEnergyTransfer"
        assert evse.line("contactor")[-1].value is True
