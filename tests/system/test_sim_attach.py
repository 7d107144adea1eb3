import os
import subprocess
import sys
from pathlib import Path

import pytest

from evsed.sim import client
from evsed.sim.client import SimError
from evsed.sim.wire import attach_of
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.types import MeterReading
from tests.system.bench import DEADLINE_S, Broker, Probe, eventually
from tests.system.sim_bench import (
    CARSIM,
    ERROR,
    EXECUTE,
    MODIFY,
    WITHOUT_BROKER,
    StartSim,
    board_of,
    config_of,
    cp_of,
    duties_of,
    energy_above,
    meter_at,
    said,
    until_it_hears,
)


def test_attaching_takes_over_settings_and_keeps_ev_and_meter(
    start_sim: StartSim, broker: Broker, probe: Probe, other_broker: Broker, other_probe: Probe
) -> None:
    sim = start_sim(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    until_it_hears(probe)
    board = board_of(sim)
    probe.publish(EXECUTE, "contactor_weld 1;draw_power_fixed 32,3;sleep 600")
    energy_wh = energy_above(sim.run_dir, 0.0)
    meter_fd = os.open(sim.run_dir / "meter", os.O_RDWR | os.O_NOCTTY)
    other_probe.subscribe(CARSIM + "#")
    answer = client.attach(
        sim.run_dir, config_of(f"mqtt.port={other_broker.port}", "sim.trace=true", "sim.seed=9")
    )
    assert answer.pid == sim.process.pid
    assert answer.kept == ("sim.seed",)
    assert os.write(meter_fd, b"\0") == 1  # an error if the other end had hung up
    os.close(meter_fd)
    assert energy_above(sim.run_dir, energy_wh) > energy_wh
    until_it_hears(other_probe)
    probe.publish(MODIFY, "unplug")  # nobody listens there any more
    board.pilot_out.set_duty(0.25)
    eventually(lambda: duties_of(other_probe) == [0.25], "the trace comes by the new broker")
    assert cp_of(other_probe) == []
    board.close()


def test_attaching_takes_over_the_noise(start_sim: StartSim, run_dir: Path) -> None:
    start_sim(WITHOUT_BROKER).ready()
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    client.attach(run_dir, config_of(WITHOUT_BROKER, "sim.noise_mv=77"))
    eventually(lambda: lines.get("cp_noise_v") == pytest.approx(0.077), "the new noise")
    lines.close()


def test_attaching_takes_over_linger_s(start_sim: StartSim, run_dir: Path) -> None:
    sim = start_sim(WITHOUT_BROKER).ready()
    client.attach(run_dir, config_of(WITHOUT_BROKER, "sim.linger_s=0.2"))
    assert sim.ended() == 0


def test_a_world_stays_for_an_evsed_that_has_just_attached(start_sim: StartSim, run_dir: Path) -> None:
    config = config_of(WITHOUT_BROKER, "sim.linger_s=1")
    sim = start_sim(WITHOUT_BROKER, "sim.linger_s=1").ready()
    for _ in range(4):
        with pytest.raises(subprocess.TimeoutExpired):
            sim.process.wait(0.4)
        client.attach(run_dir, config)


def test_files_of_the_settings_are_named_whatever_the_working_directory_of_the_world() -> None:
    attach = attach_of(
        config_of("mqtt.username=u", "mqtt.password_file=secret", "meter.model=my.toml", "mqtt.port=1")
    )
    assert attach.mqtt.password_file == os.path.abspath("secret")
    assert attach.meter.model == os.path.abspath("my.toml")
    assert attach_of(config_of()).meter.model == "eastron_sdm630"


def test_attaching_with_another_meter_serves_that_one(start_sim: StartSim, run_dir: Path) -> None:
    start_sim(WITHOUT_BROKER).ready()
    client.attach(run_dir, config_of(WITHOUT_BROKER, "meter.device_id=9"))
    meter = meter_at(run_dir / "meter", device_id=9)
    assert isinstance(meter.read(), MeterReading)
    meter.close()


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        (["evse.connector_type=cType2", "sim.noise_mv=500"], "sType2"),
        (["meter.model=no_such", "sim.noise_mv=500"], "meter.model"),
        (["mqtt.username=u", "mqtt.password_file=/no/such", "sim.noise_mv=500"], "mqtt.password_file"),
    ],
)
def test_attaching_is_refused_whole(start_sim: StartSim, run_dir: Path, sets: list[str], why: str) -> None:
    start_sim(WITHOUT_BROKER).ready()
    with pytest.raises(SimError, match=why):
        client.attach(run_dir, config_of(*sets))
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    assert lines.get("cp_noise_v") == pytest.approx(0.02)
    lines.close()


@pytest.mark.parametrize(
    "line", [b"nonsense", b"{}", b"[1]", b'{"attach": {"mqtt": 1}}', b"\xff", b"[" * 70000]
)
def test_a_wrong_request_is_answered_and_the_world_goes_on(
    start_sim: StartSim, run_dir: Path, line: bytes
) -> None:
    start_sim(WITHOUT_BROKER).ready()
    answer = said(run_dir, line)
    assert answer["ok"] is False
    assert answer["why"]
    assert client.attach(run_dir, config_of(WITHOUT_BROKER)).ok


def test_stop_ends_the_world(start_sim: StartSim, run_dir: Path) -> None:
    sim = start_sim(WITHOUT_BROKER).ready()
    assert client.stop(run_dir) is True
    assert sim.ended() == 0
    assert client.stop(run_dir) is False


@pytest.mark.usefixtures("no_world_stays")
def test_start_or_attach_starts_once_and_then_attaches(run_dir: Path) -> None:
    run_dir.mkdir()
    sets = ["--board=sim", f"--set={WITHOUT_BROKER}"]
    pid = client.start_or_attach(run_dir, config_of(WITHOUT_BROKER), sets)
    assert os.getsid(pid) == pid
    assert client.start_or_attach(run_dir, config_of(WITHOUT_BROKER), sets) == pid
    assert client.stop(run_dir)
    os.waitpid(pid, 0)


@pytest.mark.usefixtures("no_world_stays")
def test_start_or_attach_while_a_world_ends_gets_a_new_one(start_sim: StartSim, run_dir: Path) -> None:
    first = start_sim(WITHOUT_BROKER).ready()
    first.process.terminate()
    pid = client.start_or_attach(run_dir, config_of(WITHOUT_BROKER), [f"--set={WITHOUT_BROKER}"])
    assert pid != first.process.pid
    assert client.stop(run_dir)
    os.waitpid(pid, 0)


def test_start_or_attach_tells_when_the_world_does_not_start(run_dir: Path) -> None:
    run_dir.mkdir()
    with pytest.raises(SimError, match="ended at once"):
        client.start_or_attach(run_dir, config_of(), ["--set=meter.model=no_such"])


def test_the_client_imports_neither_asyncio_nor_paho() -> None:
    code = "import sys, evsed.sim.client; print({'asyncio', 'paho'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE_S)
    assert found.stdout == "set()\n", found.stderr
