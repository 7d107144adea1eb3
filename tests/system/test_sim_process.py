import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evsed.clock import SystemClock
from evsed.config import Config, load
from evsed.mqtt import MqttSettings
from evsed.sim import client
from evsed.sim.carsim_mqtt import CarsimMqtt
from evsed.sim.client import SimError, SimUnreachable
from evsed.sim.linger import Linger
from evsed.sockets import world_path
from hal.boards import open_board
from hal.drivers.meter_modbus import ModbusMeter
from hal.interfaces import Board
from hal.meter_model import load_meter_model
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.sim.trace import TraceEntry
from hal.types import MeterReading, Missing
from tests.system.bench import DEADLINE_S, Broker, Probe, eventually

CARSIM = "everest_external/nodered/1/carsim/"
EXECUTE, MODIFY = CARSIM + "cmd/execute_charging_session", CARSIM + "cmd/modify_charging_session"
ERROR, TRACE = CARSIM + "error", CARSIM + "trace"
WITHOUT_BROKER = "mqtt.port=1"


def config_of(*sets: str) -> Config:
    return load([], sets, "sim").config


class Sim:
    """evsed-sim as a real process."""

    def __init__(self, run_dir: Path, *sets: str) -> None:
        self.run_dir = run_dir
        self._output_path = run_dir.parent / "sim.output"
        with self._output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "evsed.sim", *(f"--set={setting}" for setting in sets)],
                env={**os.environ, "RUNTIME_DIRECTORY": str(run_dir)},
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        return self._output_path.read_text()

    def ready(self) -> "Sim":
        eventually(lambda: "ready" in self.output or self.process.poll() is not None, "evsed-sim is ready")
        assert self.process.poll() is None, self.output
        return self

    def ended(self) -> int:
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def sims(run_dir: Path) -> Iterator[list[Sim]]:
    started: list[Sim] = []
    yield started
    for sim in started:
        sim.kill()


@pytest.fixture
def start(sims: list[Sim], run_dir: Path) -> "Starter":
    return Starter(sims, run_dir)


class Starter:
    def __init__(self, sims: list[Sim], run_dir: Path) -> None:
        self._sims, self._run_dir = sims, run_dir

    def __call__(self, *sets: str) -> Sim:
        sim = Sim(self._run_dir, *sets)
        self._sims.append(sim)
        return sim


@pytest.fixture
def worlds(run_dir: Path) -> Iterator[None]:
    """For tests whose world is started by the client, which leaves no Popen behind."""
    yield
    client.stop(run_dir)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where connecting takes for ever: the queue of the listener is full."""
    with socket.socket() as listener, ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def board_of(sim: Sim) -> Board:
    return open_board("sim", sim.run_dir, SystemClock())


def cp_of(probe: Probe) -> list[str]:
    return [entry["value"] for entry in traced(probe) if entry["line"] == "cp"]


def traced(probe: Probe) -> list[dict[str, object]]:
    return [json.loads(payload) for payload in probe.payloads(TRACE)]


def said(run_dir: Path, line: bytes) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE_S)
        sock.connect(str(world_path(run_dir)))
        sock.sendall(line + b"\n")
        answer: dict[str, object] = json.loads(sock.makefile("rb").readline())
    return answer


def meter_at(path: Path, device_id: int = 1) -> ModbusMeter:
    return ModbusMeter(load_meter_model("eastron_sdm630"), path, device_id)


def test_a_ready_world_shows_lines_that_move_and_says_one_line(
    start: Starter, run_dir: Path, broker: Broker
) -> None:
    sim = start(f"mqtt.port={broker.port}").ready()
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    before_s = lines.get("world_at_s")
    eventually(lambda: lines.get("world_at_s") > before_s)
    lines.close()
    assert sim.output == f"evsed-sim: simulated world ready in {run_dir}\n"
    assert (run_dir / "sim.pid").read_text() == f"{sim.process.pid}\n"


def test_ready_is_told_to_the_service_manager(
    start: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(DEADLINE_S)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        start(WITHOUT_BROKER)
        assert manager.recv(100) == b"READY=1"


def test_a_second_world_in_the_same_run_directory_ends_naming_the_first(
    start: Starter, run_dir: Path
) -> None:
    first = start(WITHOUT_BROKER).ready()
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
def test_a_wrong_setting_ends_with_2_and_is_named(start: Starter, setting: str, named: str) -> None:
    sim = start(setting)
    assert sim.ended() == 2
    assert named in sim.output


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_world_and_takes_away_what_it_left(
    start: Starter, run_dir: Path, signum: int, deaf_port: int
) -> None:
    sim = start(f"mqtt.port={deaf_port}").ready()  # must not hold it up
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(world_path(run_dir)))
        sim.process.send_signal(signum)
        assert sim.process.wait(1.5) == 0
    assert {path.name for path in run_dir.iterdir()} <= {LINE_FILE_NAME}
    assert sim.output.count("\n") == 1


def test_after_kill_9_a_new_world_takes_the_run_directory(start: Starter, run_dir: Path) -> None:
    start(WITHOUT_BROKER).ready().kill()
    assert world_path(run_dir).exists()
    with pytest.raises(SimUnreachable):
        client.attach(run_dir, config_of())
    again = start(WITHOUT_BROKER).ready()
    assert client.attach(run_dir, config_of(WITHOUT_BROKER)).pid == again.process.pid


def test_a_charging_session_over_mqtt_is_in_the_trace(start: Starter, broker: Broker, probe: Probe) -> None:
    sim = start(f"mqtt.port={broker.port}", "sim.trace=true").ready()
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
    assert stamps == sorted(stamps, key=float)  # type: ignore[arg-type]


def test_without_trace_nothing_is_published(start: Starter, broker: Broker, probe: Probe) -> None:
    sim = start(f"mqtt.port={broker.port}").ready()
    probe.subscribe(CARSIM + "#")
    lines = Lines.attach(sim.run_dir / LINE_FILE_NAME)
    _until_it_hears(probe)
    probe.publish(MODIFY, "draw_power_fixed 16,3;sleep 60")
    eventually(lambda: lines.get("cp_pos_v") < 7.0, "the EV is in C")
    lines.close()
    probe.publish(MODIFY, "no_such_command")
    eventually(lambda: b"no_such_command" in b"".join(probe.payloads(ERROR)))
    assert probe.payloads(TRACE) == []


def _until_it_hears(probe: Probe) -> None:
    """Commands are not retained: they count from when the world has subscribed."""

    def heard() -> bool:
        probe.publish(MODIFY, "hear")
        return bool(probe.payloads(ERROR))

    eventually(heard, "the world hears its commands")


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
    start: Starter, broker: Broker, probe: Probe, topic: str, payload: bytes, answer: str
) -> None:
    start(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    _until_it_hears(probe)
    probe.publish(f"{CARSIM}cmd/{topic}", payload)
    eventually(lambda: answer in probe.payloads(ERROR)[-1].decode(), answer)


def test_a_disarmed_ev_does_nothing(start: Starter, broker: Broker, probe: Probe) -> None:
    start(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    _until_it_hears(probe)
    probe.publish(CARSIM + "cmd/enable", "false")
    probe.publish(EXECUTE, "sleep 1")
    eventually(lambda: "disarmed" in probe.payloads(ERROR)[-1].decode())


def test_the_connector_id_is_in_the_topics(start: Starter, broker: Broker, probe: Probe) -> None:
    start(f"mqtt.port={broker.port}", "evse.connector_id=7", "sim.trace=true").ready()
    trace = TRACE.replace("/1/", "/7/")
    probe.subscribe(trace)

    def plugged() -> bool:
        probe.publish(EXECUTE.replace("/1/", "/7/"), "cp B;sleep 60")
        return bool(probe.payloads(trace))

    eventually(plugged, "a trace of connector 7")


def test_the_trace_of_a_time_without_broker_comes_on_reconnect_in_order(
    start: Starter, broker: Broker
) -> None:
    sim = start(f"mqtt.port={broker.port}", "sim.trace=true").ready()
    board = board_of(sim)
    listener = Probe(broker.port, "listener", clean_session=False)  # misses nothing while it is away
    listener.subscribe(TRACE)
    duties = [0.1 + n / 1000.0 for n in range(200)]
    board.pilot_out.set_duty(duties[0])
    eventually(lambda: _duties(listener)[-1:] == duties[:1], "the first duty")
    broker.stop()
    for duty in duties[1:]:
        board.pilot_out.set_duty(duty)
    broker.start()
    eventually(lambda: _duties(listener)[-1:] == duties[-1:], "the last duty")
    listener.close()
    board.close()
    assert list(dict.fromkeys(_duties(listener))) == duties  # QoS 1 may repeat, but not reorder


def _duties(probe: Probe) -> list[object]:
    return [entry["value"] for entry in traced(probe) if entry["line"] == "duty"]


def test_without_a_broker_the_newest_10000_trace_lines_are_kept() -> None:
    async def owed() -> list[bytes]:
        mqtt = CarsimMqtt(MqttSettings(port=1), 1, lambda tail, payload: "", lambda why: None)
        mqtt.trace(TraceEntry(float(n), "duty", 0.5) for n in range(10500))
        return await mqtt.stop()

    kept = asyncio.run(owed())
    assert [json.loads(line)["t"] for line in kept] == list(range(500, 10500))


def test_the_meter_is_read_by_the_ordinary_driver(start: Starter, run_dir: Path) -> None:
    start(WITHOUT_BROKER, "meter.device_id=5", "meter.baudrate=19200").ready()
    meter = meter_at(run_dir / "meter", device_id=5)
    reading = meter.read()
    meter.close()
    assert isinstance(reading, MeterReading), reading
    assert reading.voltage_v == (230.0, 230.0, 230.0)
    assert reading.energy_import_wh == 0.0
    assert reading.meter_id == "10001"


def test_a_silenced_meter_does_not_answer(
    start: Starter, broker: Broker, probe: Probe, run_dir: Path
) -> None:
    start(f"mqtt.port={broker.port}").ready()
    probe.subscribe(ERROR)
    _until_it_hears(probe)
    probe.publish(MODIFY, "meter_silent 1")
    meter = meter_at(run_dir / "meter")
    eventually(lambda: isinstance(meter.read(), Missing), "the meter is silent")
    probe.publish(MODIFY, "meter_silent 0")
    eventually(lambda: isinstance(meter.read(), MeterReading), "the meter talks again")
    meter.close()


def test_attaching_takes_over_settings_and_keeps_ev_and_meter(
    start: Starter, broker: Broker, tmp_path: Path
) -> None:
    sim = start(f"mqtt.port={broker.port}").ready()
    old = Probe(broker.port)
    old.subscribe(ERROR)
    _until_it_hears(old)
    board = board_of(sim)
    old.publish(EXECUTE, "contactor_weld 1;draw_power_fixed 32,3;sleep 600")
    energy_wh = _energy_above(sim.run_dir, 0.0)
    meter_tty = (sim.run_dir / "meter").readlink()

    second = Broker(tmp_path)
    second.start()
    new = Probe(second.port)
    new.subscribe(CARSIM + "#")
    wanted = config_of(f"mqtt.port={second.port}", "sim.trace=true", "sim.noise_mv=77", "sim.seed=9")
    answer = client.attach(sim.run_dir, wanted)
    assert answer.pid == sim.process.pid
    assert answer.kept == ("sim.seed",)
    assert (sim.run_dir / "meter").readlink() == meter_tty
    assert _energy_above(sim.run_dir, energy_wh) > energy_wh
    _until_it_hears(new)
    new.publish(MODIFY, "sleep 600")
    board.pilot_out.set_duty(0.25)
    eventually(lambda: _duties(new) == [0.25], "the trace comes by the new broker")
    assert "A" not in cp_of(new)
    old.publish(EXECUTE, "unplug")
    assert board.contactor.mirror_closed()
    board.close()
    for end in (old, new, second):
        end.stop() if isinstance(end, Broker) else end.close()


def test_attaching_with_another_meter_serves_that_one(start: Starter, run_dir: Path) -> None:
    start(WITHOUT_BROKER).ready()
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
def test_attaching_is_refused_whole(start: Starter, run_dir: Path, sets: list[str], why: str) -> None:
    start(WITHOUT_BROKER).ready()
    with pytest.raises(SimError, match=why):
        client.attach(run_dir, config_of(*sets))
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    assert lines.get("cp_noise_v") == pytest.approx(0.02)
    lines.close()


@pytest.mark.parametrize(
    "line", [b"nonsense", b"{}", b"[1]", b'{"attach": {"mqtt": 1}}', b"\xff", b"[" * 70000]
)
def test_a_wrong_request_is_answered_and_the_world_goes_on(
    start: Starter, run_dir: Path, line: bytes
) -> None:
    start(WITHOUT_BROKER).ready()
    answer = said(run_dir, line)
    assert answer["ok"] is False
    assert answer["why"]
    assert client.attach(run_dir, config_of(WITHOUT_BROKER)).ok


def test_stop_ends_the_world(start: Starter, run_dir: Path) -> None:
    sim = start(WITHOUT_BROKER).ready()
    assert client.stop(run_dir) is True
    assert sim.ended() == 0
    assert client.stop(run_dir) is False


def test_a_world_without_an_owner_ends_after_linger_s(start: Starter) -> None:
    sim = start(WITHOUT_BROKER, "sim.linger_s=0.5").ready()
    board = board_of(sim)
    with pytest.raises(subprocess.TimeoutExpired):
        sim.process.wait(1.5)
    board.close()
    assert sim.ended() == 0


def test_a_world_that_nobody_ever_owned_ends_too(start: Starter) -> None:
    assert start(WITHOUT_BROKER, "sim.linger_s=0.2").ended() == 0


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


@pytest.mark.usefixtures("worlds")
def test_start_or_attach_starts_once_and_then_attaches(run_dir: Path) -> None:
    run_dir.mkdir()
    sets = ["--board=sim", f"--set={WITHOUT_BROKER}"]
    pid = client.start_or_attach(run_dir, config_of(WITHOUT_BROKER), sets)
    assert os.getsid(pid) == pid
    assert client.start_or_attach(run_dir, config_of(WITHOUT_BROKER), sets) == pid
    assert client.stop(run_dir)
    os.waitpid(pid, 0)


@pytest.mark.usefixtures("worlds")
def test_start_or_attach_while_a_world_ends_gets_a_new_one(start: Starter, run_dir: Path) -> None:
    first = start(WITHOUT_BROKER).ready()
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


def _energy_above(run_dir: Path, energy_wh: float) -> float:
    meter = meter_at(run_dir / "meter")

    def risen_wh() -> float:
        reading = meter.read()
        assert isinstance(reading, MeterReading), reading
        return reading.energy_import_wh if reading.energy_import_wh > energy_wh else 0.0

    risen = eventually(risen_wh, "energy rises")
    meter.close()
    return risen
