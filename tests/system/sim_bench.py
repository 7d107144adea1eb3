"""evsed-sim as a real process for tests, and what is asked of it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from evsed.clock import SystemClock
from evsed.config import Config, load
from evsed.sockets import world_path
from hal.boards import open_board, open_peripherals
from hal.drivers.meter_modbus import ModbusMeter
from hal.interfaces import Board, Peripherals
from hal.meter_model import load_meter_model
from hal.types import MeterReading
from tests.system.bench import DEADLINE_S, Probe, eventually

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


class StartSim:
    """Starts worlds in one run directory, and ends them."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._sims: list[Sim] = []

    def __call__(self, *sets: str) -> Sim:
        sim = Sim(self._run_dir, *sets)
        self._sims.append(sim)
        return sim

    def close(self) -> None:
        for sim in self._sims:
            sim.kill()
        assert all("Traceback" not in sim.output for sim in self._sims), self._sims[-1].output


def board_of(sim: Sim) -> Board:
    return open_board("sim", sim.run_dir, SystemClock())


def peripherals_of(sim: Sim) -> Peripherals:
    return open_peripherals("sim", sim.run_dir)


def traced(probe: Probe) -> list[dict[str, object]]:
    return [json.loads(payload) for payload in probe.payloads(TRACE)]


def cp_of(probe: Probe) -> list[object]:
    return [entry["value"] for entry in traced(probe) if entry["line"] == "cp"]


def said(run_dir: Path, line: bytes) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE_S)
        sock.connect(str(world_path(run_dir)))
        sock.sendall(line + b"\n")
        with sock.makefile("rb") as stream:
            answer: dict[str, object] = json.loads(stream.readline())
    return answer


def meter_at(path: Path, device_id: int = 1) -> ModbusMeter:
    return ModbusMeter(load_meter_model("eastron_sdm630"), path, device_id)


def duties_of(probe: Probe) -> list[object]:
    return [entry["value"] for entry in traced(probe) if entry["line"] == "duty"]


def until_it_hears(probe: Probe) -> None:
    """Commands are not retained: they count from when the world has subscribed."""

    def heard() -> bool:
        probe.publish(MODIFY, "hear")
        return bool(probe.payloads(ERROR))

    eventually(heard, "the world hears its commands")


def energy_above(run_dir: Path, energy_wh: float) -> float:
    meter = meter_at(run_dir / "meter")

    def risen_wh() -> float:
        reading = meter.read()
        assert isinstance(reading, MeterReading), reading
        return reading.energy_import_wh if reading.energy_import_wh > energy_wh else 0.0

    risen = eventually(risen_wh, "energy rises")
    meter.close()
    return risen
