"""A Node-RED flow as a user draws it: it pauses charging when it begins, and tells what it saw of that.

Rule: Node-RED listens on a free loopback port only and is stopped by its pid.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.bench import DEADLINE_S, Broker, eventually, free_port
from tests.system.evse_process import API, Evse, Listener

pytestmark = pytest.mark.foreign
SAW = "nodered/saw/"
REPLY = "nodered/reply"
START_LIMIT_S = 40.0


def settings(port: int) -> str:
    told = {
        "uiHost": "127.0.0.1",
        "uiPort": port,
        "httpAdminRoot": False,
        "httpNodeRoot": False,
        "flowFile": "flow.json",
        "credentialSecret": False,
        "telemetry": {"enabled": False},
        "externalModules": {"palette": {"allowInstall": False}, "modules": {"allowInstall": False}},
    }
    return f"module.exports = {json.dumps(told)};\n"


def flow(port: int) -> list[dict[str, Any]]:
    """On ChargingStarted it asks for a pause; the reply and ChargingPausedEVSE go to nodered/saw/..."""
    tab, broker = {"z": "tab"}, {"broker": "broker"}
    pause = {"headers": {"replyTo": REPLY}}

    def change(name: str, topic: str, payload: object, wire: str) -> dict[str, Any]:
        value = {"to": json.dumps(payload), "tot": "json"} if payload is not None else {}
        rules = [{"t": "set", "p": "topic", "pt": "msg", "to": topic, "tot": "str"}]
        rules += [{"t": "set", "p": "payload", "pt": "msg", **value}] if value else []
        return {"id": name, "type": "change", "rules": rules, "wires": [[wire]], **tab}

    return [
        {"id": "tab", "type": "tab", "label": "pause"},
        {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": str(port),
            "autoConnect": True,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": True,
            "birthTopic": f"{SAW}started",
            "birthPayload": "true",
            "birthQos": "1",
        },
        {
            "id": "events",
            "type": "mqtt in",
            "topic": f"{API}e2m/session_event",
            "qos": "2",
            "datatype": "json",
            "wires": [["which"]],
            **broker,
            **tab,
        },
        {
            "id": "which",
            "type": "switch",
            "property": "payload.event",
            "propertyType": "msg",
            "rules": [
                {"t": "eq", "v": "ChargingStarted", "vt": "str"},
                {"t": "eq", "v": "ChargingPausedEVSE", "vt": "str"},
            ],
            "checkall": "true",
            "wires": [["pause"], ["paused"]],
            **tab,
        },
        change("pause", f"{API}m2e/pause_charging", pause, "out"),
        change("paused", f"{SAW}event", None, "out"),
        {"id": "reply", "type": "mqtt in", "topic": REPLY, "qos": "1", "datatype": "json"}
        | {"wires": [["replied"]], **broker, **tab},
        change("replied", f"{SAW}reply", None, "out"),
        {"id": "out", "type": "mqtt out", "topic": "", "qos": "1", "retain": "false", "wires": []}
        | {**broker, **tab},
    ]


@contextmanager
def running(node_modules: Path, folder: Path, broker_port: int) -> Iterator[Path]:
    """Its log."""
    (folder / "settings.js").write_text(settings(free_port()))
    (folder / "flow.json").write_text(json.dumps(flow(broker_port)))
    program = node_modules / "node-red" / "red.js"
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", program, "--userDir", folder, "--settings", folder / "settings.js"],
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(DEADLINE_S)


def test_a_flow_pauses_charging_and_sees_the_event(
    node_modules: Path, broker: Broker, evse: Evse, tmp_path: Path
) -> None:
    folder = tmp_path / "node-red"
    folder.mkdir()
    saw = Listener(broker.port, 1, [f"{SAW}#"])
    try:
        with running(node_modules, folder, broker.port) as log:
            eventually(lambda: saw.of(f"{SAW}started") or "rror" in log.read_text(), "a start", START_LIMIT_S)
            assert saw.of(f"{SAW}started"), log.read_text()
            evse.play("iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 600")
            evse.expect("SessionStarted", "AuthRequired")
            evse.authorize()
            evse.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
            evse.expect("ChargingPausedEVSE")
            eventually(lambda: saw.of(f"{SAW}reply"), "the reply")
            event = eventually(lambda: saw.of(f"{SAW}event"), "the event")[0].json
    finally:
        saw.close()
    assert saw.of(f"{SAW}reply")[0].json is True
    assert event["event"] == "ChargingPausedEVSE"
    assert event["uuid"] == evse.session_events()[-1]["uuid"]
