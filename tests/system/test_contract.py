import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, Evse, Listener

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contract"
OURS_ALONE = {"e2m/control_health", "e2m/software"}
CAPTURED_AT_LEAST = 60

pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason=f"no API contract at {CONTRACT}")


def operation_names() -> dict[str, str]:
    """Name in the contract by address."""
    names = {}
    for file in sorted(CONTRACT.glob("*.json"), reverse=True):
        operations = json.loads(file.read_text()).get("operations", {})
        names.update({operation["address"]: name for name, operation in operations.items()})
    return names


def a_full_day(evse: Evse) -> None:
    evse.expect("Enabled")
    evse.request("get_evse")
    evse.charge()
    evse.request("pause_charging")
    evse.expect("ChargingPausedEVSE")
    evse.request("resume_charging")
    evse.expect("PrepareCharging", "ChargingStarted")
    evse.modify("pause;sleep 0.5;draw_power_regulated 16,3;sleep 600")
    evse.expect("ChargingPausedEV", "ChargingResumed")
    evse.request("stop_transaction", {"reason": "Local"})
    evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished")
    evse.enable_disable("Disable")
    evse.expect("SessionFinished", "Disabled")
    evse.enable_disable("Enable")
    evse.expect("Enabled", "SessionStarted", "AuthRequired")
    evse.send("withdraw_authorization", b"")
    evse.expect("Deauthorized", "PluginTimeout")
    evse.modify("unplug")
    evse.expect("SessionFinished")
    evse.request("force_unlock", 1)
    evse.authorize()
    evse.expect("SessionStarted", "Authorized")
    evse.kill("control")
    evse.expect("SessionResumed", "SessionFinished", "Enabled")


def check(capture: Path, replies: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(CONTRACT / "check.py"), str(capture), "--replies", str(replies)],
        capture_output=True,
        text=True,
    )


def as_line(topic: str, payload: bytes) -> str:
    return json.dumps({"topic": topic, "payload": json.loads(payload) if payload else ""}) + "\n"


def test_all_that_a_client_sees_of_a_day_keeps_to_the_contract(broker: Broker, tmp_path: Path) -> None:
    capture, replies = tmp_path / "capture.jsonl", tmp_path / "replies.json"
    names = operation_names()
    with Evse(broker, "api.heartbeat_interval_ms=200") as evse:
        requests = Listener(broker.port, 1, [API + "m2e/#"])
        a_full_day(evse)
        eventually(lambda: evse.wire.of(API + "e2m/heartbeat")[3:], "heartbeats")
        messages = [*evse.wire.messages, *evse.events.messages, *requests.messages]
        asked = evse.replies
        requests.close()
    replies.write_text(json.dumps({topic: names[f"m2e/{operation}"] for topic, operation in asked.items()}))
    capture.write_text("".join(as_line(m.topic, m.payload) for m in messages if "/carsim/" not in m.topic))
    checked = check(capture, replies)
    print(checked.stdout)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.rstrip().endswith(" 0 broken") or "\n0 broken" in checked.stdout
    strangers = {line.split()[-1] for line in checked.stdout.splitlines() if "not in any contract" in line}
    assert strangers <= OURS_ALONE
    assert len(messages) > CAPTURED_AT_LEAST


def test_the_check_finds_what_breaks_the_contract(tmp_path: Path) -> None:
    capture, replies = tmp_path / "capture.jsonl", tmp_path / "replies.json"
    replies.write_text("{}")
    capture.write_text(as_line(API + "e2m/ready", b'"yes"'))
    assert check(capture, replies).returncode == 1
