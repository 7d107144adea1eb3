"""The fixtures for integrators, used as they use them, and in a pytest of their own."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal.interfaces import Board
from hal.types import LockDrive

if TYPE_CHECKING:  # pytest wants to import a plugin itself
    from hal.pytest_plugin import SimClock, SimEv

pytest_plugins = ("hal.pytest_plugin",)
ROOT = Path(__file__).parents[2]

PLUG_IN_TEST = """
import pytest

def test_an_ev_is_seen(board, ev, clock):
    ev.plug_in()
    clock.sleep(1.0)
    assert board.pilot_in.read().high_v == pytest.approx(9.0, abs=0.5)
"""

CABLE_TEST = """
import pytest

@pytest.mark.evse(outlet="cable", bursts=True)
def test_a_marker_makes_another_board(board, ev, clock):
    assert (board.lock, board.proximity_in) == (None, None)
    ev.plug_in()
    clock.sleep(0.1)
    reading = board.pilot_in.read()
    assert (round(reading.high_v), reading.high_n) == (9, 64)
    ev.unplug()
    clock.sleep(0.1)
    assert ev.cp_state == "A"
"""


def beat(board: Board, clock: "SimClock", seconds: float) -> None:
    for _ in range(round(seconds / 0.05)):
        board.heartbeat.toggle()
        clock.sleep(0.05)


def test_an_ev_charges_and_the_coil_gate_wants_its_heartbeat(
    board: Board, ev: "SimEv", clock: "SimClock"
) -> None:
    ev.plug_in()
    clock.sleep(1.0)
    board.lock.drive(LockDrive.LOCK)
    board.pilot_out.set_duty(16 / 60)
    ev.request_power(16.0)
    beat(board, clock, 1.0)
    assert (ev.cp_state, board.lock.locked()) == ("C", True)
    board.contactor.drive(True)
    beat(board, clock, 3.0)
    assert (ev.powered, board.contactor.mirror_closed()) == (True, True)
    assert ev.current_a == pytest.approx(16.0, abs=0.1)
    assert ev.meter.power_w == pytest.approx(3 * 230 * 16, rel=0.01)
    clock.sleep(0.2)
    assert not ev.powered
    ev.pause()
    clock.sleep(0.1)
    assert ev.cp_state == "B"


def test_the_board_of_one_test_is_not_that_of_the_next(board: Board, ev: "SimEv", clock: "SimClock") -> None:
    clock.sleep(1.0)
    assert (ev.cp_state, clock.now_s(), board.lock.locked()) == ("A", 1001.0, False)


def pytest_in(folder: Path, text: str) -> str:
    (folder / "test_integrator.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers"]
    command += ["-p", "hal.pytest_plugin", "-q", "--rootdir", str(folder), str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=False
    )
    return done.stdout + done.stderr


def test_three_lines_are_a_test(tmp_path: Path) -> None:
    assert "1 passed" in pytest_in(tmp_path, PLUG_IN_TEST)


def test_a_marker_makes_another_board(tmp_path: Path) -> None:
    assert "1 passed" in pytest_in(tmp_path, CABLE_TEST)


def test_a_wrong_outlet_names_those_that_there_are(tmp_path: Path) -> None:
    told = pytest_in(tmp_path, CABLE_TEST.replace('"cable"', '"wall"'))
    assert "outlet 'wall', expected one of socket, cable" in told


@pytest.mark.parametrize("text", ["hal/pytest_plugin.py", "docs/board.md"])
def test_what_the_documentation_shows_is_this_test(text: str) -> None:
    shown = [line.strip() for line in (ROOT / text).read_text().splitlines()]
    lines = [line.strip() for line in PLUG_IN_TEST.splitlines() if "import" not in line and line.strip()]
    assert [line for line in lines if line not in shown] == []
