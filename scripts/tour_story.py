"""What happens on the tour: every operation is asked and every variable told at least once.

Rule: a chapter leaves an enabled EVSE without an EV behind.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.tour_client import V0, V1, TourClient

SETTINGS = (
    "api.external_ready_to_start_charging=true",
    "api.heartbeat_interval_ms=500",
    "evse.phase_switching=true",
    "phases.delay_s=1",
    "core.reclose_min_s=0",
    "core.replug_s=1",
    "core.wake_up=false",
    "meter.model=iskra_wm3m4c",  # it signs
    "sim.dc=true",
    "sim.hlc=true",
    "sim.linger_s=10",
)
UID = "04A2B3C4"
TOKEN = {"id_token": {"value": UID, "type": "ISO14443"}, "authorization_type": "RFID"}
ACCEPTED = {"token": TOKEN, "result": {"authorization_status": "Accepted", "tariff_messages": []}}
PLUG = "iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 600"
LOCAL = {"enable_source": "LocalAPI", "enable_priority": 100}


def _time(in_s: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=in_s)).isoformat(timespec="milliseconds")[:-6] + "Z"


def _limits(current_a: float, phases: int = 3) -> dict[str, Any]:
    entry = {
        "timestamp": _time(),
        "limits_to_root": {},
        "limits_to_leaves": {
            "ac_max_current_A": {"value": current_a, "source": "tour"},
            "ac_max_phase_count": {"value": phases, "source": "tour"},
        },
    }
    return {"schedule_import": [entry], "schedule_export": [], "schedule_setpoints": []}


async def _charge(client: TourClient) -> None:
    await client.car(PLUG)
    await client.event("AuthRequired")
    await client.send(f"{V1}/m2e/authorize_response", ACCEPTED)
    await client.event("TransactionStarted", "ChargingStarted")


async def _unplug(client: TourClient) -> None:
    await client.car("unplug")
    await client.event("SessionFinished")


async def start(client: TourClient) -> None:
    await client.variable("waiting_for_external_ready", lambda waits: waits is True, "true")
    await client.request(f"{V1}/m2e/external_ready_to_start_charging")
    await client.event("Enabled")
    await client.variable("ready", lambda ready: ready is True, "true")


async def questions(client: TourClient) -> None:
    for name in ("get_evse", "get_id", "get_active_errors", "get_sessions", "get_asyncapi"):
        await client.request(f"{V1}/m2e/{name}")
    await client.send(f"{V1}/m2e/communication_check", True)
    await client.send(f"{V1}/m2e/communication_check", False)


async def reservations(client: TourClient) -> None:
    await client.request(f"{V1}/m2e/reserve", 4711)
    await client.event("ReservationStart")
    await client.send(f"{V1}/m2e/cancel_reservation")
    await client.event("ReservationEnd")


async def a_session(client: TourClient) -> None:
    await client.car("iec_wait_pwr_ready;sleep 600")
    await client.event("AuthRequired")
    await client.car(f"token {UID};draw_power_regulated 16,3;sleep 600")
    await client.variable("provided_token")
    await client.send(f"{V1}/m2e/authorize_response", ACCEPTED)
    await client.event("ChargingStarted")
    await client.variable("powermeter", lambda reading: reading["power_W"]["total"] > 1000, "above 1 kW")
    await client.request(f"{V1}/m2e/pause_charging")
    await client.event("ChargingPausedEVSE")
    await client.request(f"{V1}/m2e/resume_charging")
    await client.event("ChargingStarted")
    await client.send(f"{V1}/m2e/set_session_limits", {"energy_Wh": 50000, "duration_s": 36000})
    await client.request(f"{V1}/m2e/stop_transaction", {"reason": "Local", "id_tag": TOKEN})
    await client.event("TransactionFinished")
    await client.request(f"{V1}/m2e/force_unlock", 1)
    await _unplug(client)
    await client.request(f"{V1}/m2e/get_signed_meter_value")
    await client.request(f"{V1}/m2e/get_sessions", {"limit": 1})


async def phases_and_replug(client: TourClient) -> None:
    await _charge(client)
    await client.request(f"{V1}/m2e/switch_three_phases_while_charging", {"three_phases": False})
    await client.event("SwitchingPhases", "ChargingStarted")
    await client.request(f"{V0}/m2e/switch_three_phases_while_charging", {"three_phases": True})
    await client.event("SwitchingPhases", "ChargingStarted")
    await client.request(f"{V1}/m2e/replug")
    await client.event("ReplugStarted", "ReplugFinished", "ChargingStarted")
    await client.send(f"{V1}/m2e/withdraw_authorization")
    await client.event("Deauthorized", "TransactionFinished")
    await _unplug(client)


async def limits(client: TourClient) -> None:
    """The random delay holds the second change back."""
    await client.send(f"{V1}/m2e/set_external_limits", _limits(13.0))
    await client.variable(
        "enforced_limits", lambda e: e["limits_root_side"]["ac_max_current_A"]["value"] == 13.0, "13 A"
    )
    await _charge(client)
    await client.send(f"{V1}/m2e/random_delay_set_duration_s", 600)
    await client.send(f"{V1}/m2e/random_delay_enable")
    await client.variable("random_delay_countdown", lambda c: c["countdown_s"] == 0, "enabled")
    await client.send(f"{V1}/m2e/set_external_limits", _limits(20.0))
    await client.variable("random_delay_countdown", lambda c: c["countdown_s"] > 0, "running")
    await client.send(f"{V1}/m2e/random_delay_cancel")
    await client.variable("random_delay_countdown", lambda c: c["countdown_s"] == 0, "ended")
    await client.send(f"{V1}/m2e/random_delay_disable")
    await client.send(f"{V1}/m2e/set_external_limits", _limits(0.0))
    await client.event("WaitingForEnergy")
    await client.send(f"{V1}/m2e/set_external_limits", _limits(20.0))
    await _unplug(client)


async def faults(client: TourClient) -> None:
    await client.send(f"{V1}/m2e/set_faulted")
    await client.variable("error_raised")
    await client.request(f"{V1}/m2e/get_active_errors")
    await client.request(f"{V1}/m2e/clear_faulted")
    await client.variable("error_cleared")


async def availability(client: TourClient) -> None:
    for state, event in (("Disable", "Disabled"), ("Enable", "Enabled")):
        source = {**LOCAL, "enable_state": state}
        await client.request(f"{V1}/m2e/enable_disable", {"connector_id": 0, "source": source})
        await client.event(event)
    for prefix in (V1, V0):
        await client.request(f"{prefix}/m2e/disable")
        await client.event("Disabled")
        await client.request(f"{prefix}/m2e/enable")
        await client.event("Enabled")


async def iso15118_and_dc(client: TourClient) -> None:
    """Simulated: there is no such hardware."""
    wanted = {
        "pnc_enabled": True,
        "central_contract_validation_allowed": True,
        "contract_certificate_installation_enabled": True,
    }
    failed = {"status": "Failed", "certificate_action": "Install"}
    accepted = {"status": "Accepted", "certificate_action": "Install", "exi_response": "gJgCD0ZTVA=="}
    modes = ["AC_single_phase_core", "AC_three_phase_core"]
    await client.send(f"{V1}/m2e/set_plug_and_charge_configuration", wanted)
    await client.car(PLUG)
    await client.variable("iso15118_certificate_request")
    await client.send(f"{V1}/m2e/set_get_certificate_response", failed)
    await client.variable("hlc_session_failed")
    await client.send(f"{V1}/m2e/set_plug_and_charge_configuration", wanted)
    await client.variable("iso15118_certificate_request")
    await client.send(f"{V1}/m2e/set_get_certificate_response", accepted)
    await client.request(f"{V1}/m2e/update_allowed_energy_transfer_modes", modes)
    await client.variable("isolation_measurement")
    await _unplug(client)


async def older_interface(client: TourClient) -> None:
    reservation = {"reservation_id": 7, "auth_token": UID, "expiry_date": _time(3600), "parent_id": ""}
    await client.request(f"{V0}/m2e/reserve_now", reservation)  # Rejected where the clock is not synchronised
    await client.request(f"{V0}/m2e/cancel_reservation")
    await client.request(f"{V0}/m2e/set_local_max_current", {"max_current": 16})
    await _charge(client)
    await client.request(f"{V0}/m2e/pause_charging")
    await client.request(f"{V0}/m2e/resume_charging")
    await client.event("ChargingStarted")
    await client.request(f"{V0}/m2e/cancel_charging", {"reason": "Remote"})
    await client.event("TransactionFinished")
    for name in ("force_unlock", "get_signed_meter_value", "accept_new_session"):
        await client.request(f"{V0}/m2e/{name}")
    await _unplug(client)
    await client.request(f"{V0}/m2e/set_faulted")
    await client.variable("error_raised")
    await client.request(f"{V1}/m2e/clear_faulted")


CHAPTERS = (
    start,
    questions,
    reservations,
    a_session,
    phases_and_replug,
    limits,
    faults,
    availability,
    iso15118_and_dc,
    older_interface,
)
