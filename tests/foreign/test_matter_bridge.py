"""Reading and writing as the Matter bridge of Project CHIP does: these fields, of these types."""

import pytest

from tests.system.bench import eventually
from tests.system.evse_process import API, Evse

pytestmark = pytest.mark.foreign
READ = ("session_event", "session_info", "ev_info", "powermeter", "enforced_limits", "hw_capabilities")
STATES = {
    "Unplugged",
    "Preparing",
    "Reserved",
    "AuthRequired",
    "ChargingPausedEV",
    "ChargingPausedEVSE",
    "Charging",
    "AuthTimeout",
    "Finished",
    "FinishedEVSE",
    "FinishedEV",
}


def has(value: object, kind: type | tuple[type, ...], *path: str) -> bool:
    for step in path:
        assert isinstance(value, dict), path
        value = value[step]
    return isinstance(value, kind) and not isinstance(value, bool)


NUMBER = (int, float)


def test_what_it_reads_is_there_through_a_session(evse: Evse) -> None:
    evse.charge()
    eventually(lambda: evse.value("session_info")["state"] == "Charging", "Charging")
    for name in READ:
        for message in evse.wire.of(f"{API}e2m/{name}"):
            assert isinstance(message.json, dict), (name, message.payload)
    info = evse.value("session_info")
    assert info["state"] in STATES
    assert has(info, int, "session_duration_s")
    assert info["session_duration_s"] >= 0
    assert has(info, NUMBER, "charged_energy_wh")
    assert has(info, NUMBER, "discharged_energy_wh")
    assert has(evse.value("hw_capabilities"), NUMBER, "max_current_A_import")
    limits = evse.value("enforced_limits")
    assert has(limits, NUMBER, "limits_root_side", "ac_max_current_A", "value")
    assert has(limits, str, "limits_root_side", "ac_max_current_A", "source")
    reading = evse.value("powermeter")
    assert has(reading, NUMBER, "voltage_V", "L1")
    assert has(reading, NUMBER, "energy_Wh_import", "total")
    started = next(event for event in evse.session_events() if event["event"] == "SessionStarted")
    assert has(started, str, "uuid")
    assert has(started, NUMBER, "session_started", "meter_value", "energy_Wh_import", "total")


def test_what_it_writes_pauses_resumes_and_limits(evse: Evse) -> None:
    """Import by limits_to_leaves, export 0, no setpoints, times without milliseconds."""

    def entry(current_a: float) -> dict[str, object]:
        limit = {"ac_max_current_A": {"value": current_a, "source": "Matter"}}
        return {"timestamp": "2026-01-31T08:15:30Z", "limits_to_root": {}, "limits_to_leaves": limit}

    evse.charge()
    assert evse.request("pause_charging") is True
    evse.expect("ChargingPausedEVSE")
    assert evse.request("resume_charging") is True
    evse.expect("PrepareCharging", "ChargingStarted")
    body = {"schedule_import": [entry(10.0)], "schedule_export": [entry(0.0)], "schedule_setpoints": []}
    evse.send("set_external_limits", body)
    eventually(
        lambda: evse.value("enforced_limits")["limits_root_side"]["ac_max_current_A"]["value"] == 10.0, "10 A"
    )
