import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evsed.sim import client
from evsed.sim.client import SimUnreachable
from evsed.sim.linger import Linger
from evsed.sockets import world_path
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.types import MeterReading, Missing, Temperature
from tests.system.bench import DEADLINE_S, Broker, Probe, eventually
from tests.system.sim_bench import (
    ERROR,
    MODIFY,
    WITHOUT_BROKER,
    StartSim,
    board_of,
    config_of,
    meter_at,
    peripherals_of,
    until_it_hears,
)


def test_a_ready_world_shows_lines_that_move_and_says_one_line(
    start_sim: StartSim, run_dir: Path, broker: Broker
) -> None:
    sim = start_sim(f"mqtt.port={broker.port}").ready()
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    before_s = lines.get("world_at_s")
    eventually(lambda: lines.get("world_at_s") > before_s)
    lines.close()
    assert sim.output == f"evsed-sim: simulated world ready in {run_dir}\n"
    assert (run_dir / "sim.pid").read_text() == f"{sim.process.pid}\n"


def realtime_is_allowed() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


@pytest.mark.skipif(not realtime_is_allowed(), reason="real-time scheduling is not allowed here")
def test_no_ordinary_program_can_make_the_world_stand_still(start_sim: StartSim) -> None:
    sim = start_sim(WITHOUT_BROKER).ready()
    assert os.sched_getscheduler(sim.process.pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO


def test_ready_is_told_to_the_service_manager(
    start_sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(DEADLINE_S)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        start_sim(WITHOUT_BROKER)
        assert manager.recv(100) == b"READY=1"


def test_a_second_world_in_the_same_run_directory_ends_naming_the_first(
    start_sim: StartSim, run_dir: Path
) -> None:
    first = start_sim(WITHOUT_BROKER).ready()
    command = [sys.executable, "-m", "evsed.sim"]
    env = {**os.environ, "RUNTIME_DIRECTORY": str(run_dir)}
    second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S)
    assert second.returncode == 1
    assert f"pid {first.process.pid}" in second.stderr
    assert client.attach(run_dir, config_of(WITHOUT_BROKER)).pid == first.process.pid


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("meter.model=no_such", "meter.model"),
        ("sim.cable_ampacity_a=25", "sim.cable_ampacity_a"),
        ("sim.nonsense=1", "sim.nonsense"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_is_named(start_sim: StartSim, setting: str, named: str) -> None:
    sim = start_sim(setting)
    assert sim.ended() == 2
    assert named in sim.output


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_world_and_takes_away_what_it_left(
    start_sim: StartSim, run_dir: Path, signum: int, deaf_port: int
) -> None:
    sim = start_sim(f"mqtt.port={deaf_port}").ready()  # must not hold it up
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(world_path(run_dir)))
        sim.process.send_signal(signum)
        assert sim.process.wait(1.5) == 0
    assert {path.name for path in run_dir.iterdir()} <= {LINE_FILE_NAME}
    assert sim.output.count("\n") == 1


def test_after_kill_9_a_new_world_takes_the_run_directory(start_sim: StartSim, run_dir: Path) -> None:
    start_sim(WITHOUT_BROKER).ready().kill()
    assert world_path(run_dir).exists()
    with pytest.raises(SimUnreachable):
        client.attach(run_dir, config_of())
    again = start_sim(WITHOUT_BROKER).ready()
    assert client.attach(run_dir, config_of(WITHOUT_BROKER)).pid == again.process.pid


def test_the_meter_is_read_by_the_ordinary_driver(start_sim: StartSim, run_dir: Path) -> None:
    start_sim(WITHOUT_BROKER, "meter.device_id=5", "meter.baudrate=19200").ready()
    meter = meter_at(run_dir / "meter", device_id=5)
    reading = meter.read()
    meter.close()
    assert isinstance(reading, MeterReading), reading
    assert reading.voltage_v == (230.0, 230.0, 230.0)
    assert reading.energy_import_wh == 0.0
    assert reading.meter_id == "10001"


def test_a_silenced_meter_does_not_answer(
    start_sim: StartSim, broker: Broker, probe: Probe, run_dir: Path
) -> None:
    start_sim(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    until_it_hears(probe)
    probe.publish(MODIFY, "meter_silent 1")
    meter = meter_at(run_dir / "meter")
    eventually(lambda: isinstance(meter.read(), Missing), "the meter is silent")
    probe.publish(MODIFY, "meter_silent 0")
    eventually(lambda: isinstance(meter.read(), MeterReading), "the meter talks again")
    meter.close()


def test_peripherals_show_what_the_world_is_told_over_mqtt(
    start_sim: StartSim, broker: Broker, probe: Probe
) -> None:
    sim = start_sim(f"mqtt.port={broker.port}", "sim.linger_s=0").ready()
    probe.subscribe(ERROR)
    until_it_hears(probe)
    peripherals = peripherals_of(sim)
    evse, plug = peripherals.thermometers
    reader = peripherals.token_reader
    assert reader is not None
    assert reader.read() is None
    probe.publish(MODIFY, "token 04a2b3c4d5e680;plug_temperature 71.5;sleep 60")
    eventually(lambda: reader.read() == "04A2B3C4D5E680", "the card is read")
    eventually(lambda: plug.read() == Temperature("plug", 71.5), "the plug is warm")
    assert evse.read() == Temperature("evse", 25.0)
    probe.publish(MODIFY, "token none")
    eventually(lambda: reader.read() is None, "the card is gone")
    peripherals.close()


def test_peripherals_find_the_world_that_follows_a_killed_one(start_sim: StartSim) -> None:
    first = start_sim(WITHOUT_BROKER).ready()
    peripherals = peripherals_of(first)
    plug = peripherals.thermometers[1]
    assert isinstance(plug.read(), Temperature)
    first.kill()
    eventually(lambda: isinstance(plug.read(), Missing), "the world is missed")
    start_sim(WITHOUT_BROKER).ready()
    eventually(lambda: isinstance(plug.read(), Temperature), "the next world is found")
    peripherals.close()


def test_a_world_without_an_owner_ends_after_linger_s(start_sim: StartSim) -> None:
    sim = start_sim(WITHOUT_BROKER, "sim.linger_s=0.5").ready()
    board = board_of(sim)
    with pytest.raises(subprocess.TimeoutExpired):
        sim.process.wait(1.5)
    board.close()
    assert sim.ended() == 0


def test_a_world_that_nobody_ever_owned_ends_too(start_sim: StartSim) -> None:
    assert start_sim(WITHOUT_BROKER, "sim.linger_s=0.2").ended() == 0


@pytest.mark.parametrize(
    ("owned", "linger_s", "at_s", "over"),
    [(False, 5.0, 14.9, False), (False, 5.0, 15.0, True), (True, 5.0, 99.0, False), (False, 0.0, 1e9, False)],
)
def test_linger_counts_from_the_last_owner_and_0_is_for_ever(
    owned: bool, linger_s: float, at_s: float, over: bool
) -> None:
    assert Linger(10.0).over(owned, linger_s, at_s) is over


def test_an_attach_counts_as_an_owner() -> None:
    linger = Linger(10.0)
    linger.touch(14.0)
    assert not linger.over(False, 5.0, 18.9)
