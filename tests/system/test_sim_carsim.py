import asyncio
import json

import pytest

from evsed.mqtt import MqttSettings
from evsed.sim.carsim_mqtt import CarsimMqtt
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.sim.trace import TraceEntry
from tests.system.bench import Broker, Probe, eventually
from tests.system.sim_bench import (
    CARSIM,
    ERROR,
    EXECUTE,
    MODIFY,
    TRACE,
    StartSim,
    board_of,
    cp_of,
    duties_of,
    traced,
    until_it_hears,
)


def test_a_charging_session_over_mqtt_is_in_the_trace(
    start_sim: StartSim, broker: Broker, probe: Probe
) -> None:
    sim = start_sim(f"mqtt.port={broker.port}", "sim.trace=true").ready()
    probe.subscribe(CARSIM + "#")
    with_board = board_of(sim)
    with_board.pilot_out.set_duty(0.5)
    eventually(lambda: any(entry["value"] == 0.5 for entry in traced(probe)), "the duty is traced")
    probe.publish(EXECUTE, "iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 0.8;pause;sleep 0.2;unplug")
    eventually(lambda: cp_of(probe)[-1:] == ["A"], "the EV has left")
    with_board.close()
    assert cp_of(probe) == ["B", "C", "B", "A"]
    assert probe.payloads(ERROR) == []
    stamps = [entry["t"] for entry in traced(probe) if entry["line"] == "cp"]
    assert stamps == sorted(stamps, key=float)


def test_without_trace_nothing_is_published(start_sim: StartSim, broker: Broker, probe: Probe) -> None:
    sim = start_sim(f"mqtt.port={broker.port}").ready()
    probe.subscribe(CARSIM + "#")
    lines = Lines.attach(sim.run_dir / LINE_FILE_NAME)
    until_it_hears(probe)
    probe.publish(MODIFY, "draw_power_fixed 16,3;sleep 60")
    eventually(lambda: lines.get("cp_pos_v") < 7.0, "the EV is in C")
    lines.close()
    probe.publish(MODIFY, "no_such_command")
    eventually(lambda: b"no_such_command" in b"".join(probe.payloads(ERROR)))
    assert probe.payloads(TRACE) == []


@pytest.mark.parametrize(
    ("topic", "payload", "answer"),
    [
        ("execute_charging_session", b"sleep 1;fly 3", "'fly'"),
        ("execute_charging_session", b"\xff\xfe", "UTF-8"),
        ("modify_charging_session", b"sleep x", "seconds"),
        ("modify_charging_session", b"sleep 1;" * 10000, "mqtt.max_payload_bytes"),
        ("enable", b"maybe", "true or false"),
    ],
)
def test_a_wrong_command_is_answered_as_text(
    start_sim: StartSim, broker: Broker, probe: Probe, topic: str, payload: bytes, answer: str
) -> None:
    start_sim(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    until_it_hears(probe)
    probe.publish(f"{CARSIM}cmd/{topic}", payload)
    eventually(lambda: answer in probe.payloads(ERROR)[-1].decode(), answer)


def test_a_disarmed_ev_does_nothing(start_sim: StartSim, broker: Broker, probe: Probe) -> None:
    start_sim(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    until_it_hears(probe)
    probe.publish(CARSIM + "cmd/enable", "false")
    probe.publish(EXECUTE, "sleep 1")
    eventually(lambda: "disarmed" in probe.payloads(ERROR)[-1].decode())


def test_the_connector_id_is_in_the_topics(start_sim: StartSim, broker: Broker, probe: Probe) -> None:
    start_sim(f"mqtt.port={broker.port}", "evse.connector_id=7", "sim.trace=true").ready()
    trace = TRACE.replace("/1/", "/7/")
    probe.subscribe(trace)

    def plugged() -> bool:
        probe.publish(EXECUTE.replace("/1/", "/7/"), "cp B;sleep 60")
        return bool(probe.payloads(trace))

    eventually(plugged, "a trace of connector 7")


def test_the_trace_of_a_time_without_broker_comes_on_reconnect_in_order(
    start_sim: StartSim, broker: Broker
) -> None:
    sim = start_sim(f"mqtt.port={broker.port}", "sim.trace=true").ready()
    board = board_of(sim)
    listener = Probe(broker.port, "listener", clean_session=False)  # misses nothing while it is away
    listener.subscribe(TRACE)
    duties = [0.1 + n / 1000.0 for n in range(200)]
    board.pilot_out.set_duty(duties[0])
    eventually(lambda: duties_of(listener)[-1:] == duties[:1], "the first duty")
    broker.stop()
    for duty in duties[1:]:
        board.pilot_out.set_duty(duty)
    broker.start()
    eventually(lambda: duties_of(listener)[-1:] == duties[-1:], "the last duty")
    listener.close()
    board.close()
    assert list(dict.fromkeys(duties_of(listener))) == duties  # QoS 1 may repeat, but not reorder


def test_without_a_broker_the_newest_10000_trace_lines_are_kept() -> None:
    async def owed() -> list[bytes]:
        mqtt = CarsimMqtt(MqttSettings(port=1), 1, lambda tail, payload: "", lambda why: None)
        mqtt.trace(TraceEntry(float(n), "duty", 0.5) for n in range(10500))
        return await mqtt.stop()

    kept = asyncio.run(owed())
    assert [json.loads(line)["t"] for line in kept] == list(range(500, 10500))
