"""The installer's verbs, by a real evsed on the simulated board."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evsed.core.charger import Charger
from evsed.core.settings import Settings
from evsed.evsectl import calibration, gpio
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.protocol import Answer, CalibrationArgs
from evsed.evsectl.self_test import CHECKS, Finding
from evsed.sockets import control_path
from hal.board_model import load_board_model, signals_of
from hal.sim.line_table import SIGNALS
from hal.types import Calibration, LineInfo
from tests.system.bench import Broker, eventually
from tests.system.evse_process import Evse


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def evse(broker: Broker) -> Iterator[Evse]:
    with Evse(broker, "core.rcd_test_every_h=0") as evse:
        eventually(lambda: evse.status().get("energy_import_wh") is not None, "the meter has been read")
        eventually(lambda: evse.status().get("temperatures"), "the thermometers have been read")
        yield evse


def evsectl(evse: Evse, *words: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "evsed.evsectl", *words]
    done = subprocess.run(argv, env=evse.environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_good_board_passes_with_its_measured_values(evse: Evse) -> None:
    code, told = evsectl(evse, "selftest")
    assert code == 0, told
    rows = {line[6:26].strip(): line for line in told.splitlines()}
    assert {line[:4] for line in rows.values()} == {"pass"}
    assert set(rows) == {
        "control pilot", "proximity", "+12 V rail", "-12 V rail", "+5 V rail", "contactor", "emergency stop",
        "stop button", "thermometer evse", "thermometer plug", "energy meter", "faults", "RCD test",
        "lock test",
    }  # fmt: skip
    assert "+12.0" in rows["control pilot"]
    assert "230.0 V" in rows["energy meter"]
    assert "acted after" in rows["RCD test"]


def test_what_is_broken_fails_and_the_rest_passes(evse: Evse) -> None:
    evse.modify("rcd_stuck 1;lock_jam 1;rail 12V,11.2;sleep 60")
    eventually(lambda: evse.status()["rails"]["plus_12_v"] == 11.2, "the rail has sagged")
    code, told = evsectl(evse, "selftest")
    assert code == 1, told
    failed = {line[6:26].strip() for line in told.splitlines() if line.startswith("FAIL")}
    assert failed == {"+12 V rail", "RCD test", "lock test"}, told
    assert evsectl(evse, "rcd", "test")[0] == 1
    assert "lock test: failed" in evsectl(evse, "lock", "test")[1]


def test_an_ev_forbids_what_acts_but_not_what_only_looks(evse: Evse) -> None:
    evse.expect("Enabled")
    evse.charge()
    for words in (("selftest",), ("calibrate", "cp", "--plus", "12", "--minus", "-12"), ("rcd", "test"),
                  ("lock", "test"), ("meter", "probe")):  # fmt: skip
        code, told = evsectl(evse, *words)
        assert code == 1, told
        assert "EV" in told or "transaction" in told
    assert "CP C" in evsectl(evse, "cp")[1]
    lines = {line["signal"]: line for line in json.loads(evsectl(evse, "gpio", "--json")[1])}
    active = {signal for signal, line in lines.items() if line["active"]}
    assert {"outputs.contactor", "inputs.mirror", "inputs.lock_position"} <= active
    assert "inputs.rcd_trip" not in active
    assert {line["consumer"] for line in lines.values()} == {"evsed"}
    contactor = r"^sim.lines +\d+ +contactor +output +on +evsed +outputs.contactor$"
    assert re.search(contactor, evsectl(evse, "gpio")[1], re.MULTILINE)
    assert evse.session_events()[-1]["event"] == "ChargingStarted"


def test_the_configured_meter_is_named(evse: Evse) -> None:
    code, told = evsectl(evse, "meter", "probe")
    assert code == 0, told
    assert "address 1, 9600 8N1: " in told
    assert "eastron_sdm630" in told
    newest = evse.value("powermeter")["timestamp"]
    eventually(lambda: evse.value("powermeter")["timestamp"] > newest, "the meter is read again")


def test_two_points_make_a_calibration_and_the_evse_is_enabled_again(evse: Evse, tmp_path: Path) -> None:
    path = control_path(Path(evse.environment["RUNTIME_DIRECTORY"]))
    with Connection(path, 30.0) as connection:
        found = calibration.calibrate(connection, 12.12, -11.88)
        assert found.gain == pytest.approx(1.0, abs=0.005)
        assert found.offset_v == pytest.approx(0.12, abs=0.05)
        eventually(lambda: connection.ask("status").result["cp"] == "A", "enabled again")
        with pytest.raises(Failure, match="check divider"):
            calibration.calibrate(connection, 16.0, -16.0)
        eventually(lambda: connection.ask("status").result["cp"] == "A", "enabled again")
    drop_in = tmp_path / "d" / "60-calibration.toml"
    for gain in (1.01, 1.02):
        calibration.store(Calibration(gain, 0.1), drop_in)
    assert tomllib.loads(drop_in.read_text()) == {"board": {"cp_gain": 1.02, "cp_offset_v": 0.1}}
    assert "1.01" in drop_in.with_suffix(".toml.bak").read_text()


def calibrated(evse: Evse) -> dict:
    eventually(lambda: evse.status().get("cp_high_v"), "a pilot reading")
    return evse.status()["cp_calibration"]


def test_a_calibration_counts_after_a_start(broker: Broker) -> None:
    with Evse(broker, "board.cp_gain=1.05", "board.cp_offset_v=-0.3") as evse:
        found = calibrated(evse)
        assert evse.status()["cp_high_v"] == pytest.approx(12.0 * 1.05 - 0.3, abs=0.05)
        assert found == {"gain": 1.05, "offset_v": -0.3, "source": "configuration", "overrides": None}


def test_the_eeprom_keeps_a_calibration_over_starts_and_a_drop_in_overrides_it(evse: Evse) -> None:
    assert calibrated(evse)["source"] == "none"
    code, told = evsectl(evse, "calibrate", "cp", "--plus", "12.12", "--minus", "-11.88")
    assert code == 0, told
    assert "written to EEPROM of the simulated board, serial number SIM-0001" in told
    assert "calibration: none" in evsectl(evse, "cp")[1]  # it counts from the next start on
    evse.restart()
    found = calibrated(evse)
    assert found["source"] == "EEPROM"
    assert evse.status()["cp_high_v"] == pytest.approx(12.12, abs=0.05)
    assert ", from the EEPROM" in evsectl(evse, "cp")[1]
    evse.restart("board.cp_offset_v=-0.5")
    assert calibrated(evse)["overrides"] == found
    assert evse.status()["cp_high_v"] == pytest.approx(11.5, abs=0.05)
    assert "overridden by it: gain" in evsectl(evse, "cp")[1]
    assert "override the calibration of the EEPROM" in evse.log
    code, told = evsectl(evse, "calibrate", "cp", "--plus", "12.0", "--minus", "-12.0")
    assert code == 0, told
    assert "but board.cp_gain and board.cp_offset_v of the configuration override it" in told


@pytest.mark.parametrize(("answer", "says"), [
    ({"eeprom": None, "why": "no EEPROM"}, r"60-calibration.toml \(no EEPROM\)"),
    (None, "write protected.*board.cp_gain = 1.010000 and board.cp_offset_v = 0.1000"),
])  # fmt: skip
def test_without_an_eeprom_a_drop_in_is_made_and_after_a_failure_none(
    answer: dict | None, says: str, tmp_path: Path
) -> None:
    class Gateway:
        def ask(self, verb: str, args: CalibrationArgs) -> Answer:
            return Answer(True, answer, "" if answer else "EEPROM reads back other bytes: write protected?")

    drop_in = tmp_path / "60-calibration.toml"
    try:
        told = " ".join(calibration.keep(Gateway(), Calibration(1.01, 0.1), drop_in))
    except Failure as failure:
        told = str(failure)
    assert re.search(says, told)
    assert drop_in.exists() is (answer is not None)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_drop_in_that_cannot_be_written_is_told() -> None:
    with pytest.raises(Failure, match="run this as root") as failed:
        calibration.store(Calibration(), Path("/proc/evsed/x.toml"))
    assert failed.value.code is Exit.REFUSED


def test_of_a_line_that_cannot_be_read_control_tells_the_value() -> None:
    lines = (
        LineInfo("gpiochip0", 13, "EVSE_CONTACTOR", "output", "evsed", "outputs.contactor"),
        LineInfo("gpiochip0", 16, "EVSE_HEARTBEAT", "output", "evsed", "outputs.heartbeat"),
        LineInfo("gpiochip0", 28, "", "input", "", ""),
    )
    told = {"contactor": True}
    assert list(gpio.table(gpio.with_values(lines, told))) == [
        "chip       line  name            direction  value  consumer  signal",
        "gpiochip0  13    EVSE_CONTACTOR  output     on     evsed     outputs.contactor",
        "gpiochip0  16    EVSE_HEARTBEAT  output     -      evsed     outputs.heartbeat",
        "gpiochip0  28    -               input      -      -         -",
    ]
    assert [line.active for line in gpio.with_values(lines, {})] == [None, None, None]


def test_control_tells_every_signal_of_a_board_that_stands_still() -> None:
    """The LED blinks and the heartbeat toggles: a level of them says nothing."""
    signals = set(signals_of(load_board_model("cm4-carrier")).values())
    moving = {"outputs.heartbeat", "outputs.led_red", "outputs.led_green", "outputs.led_blue"}
    assert signals == set(gpio.TOLD_AS) | moving
    assert signals == {signal.signal for signal in SIGNALS}
    snapshot = Charger(Settings()).snapshot()
    assert set(gpio.TOLD_AS.values()) == set(snapshot.lines)


BAD = {
    "cp_high_v": None, "cp_samples_n": [0, 0], "ampacity": "A_32", "rails": None, "mirror_closed": True,
    "lines": {"emergency_stop": True, "stop_button": True}, "faults": ["meter_silent"],
    "temperatures": [{"location": "evse", "temperature_c": 150.0}], "energy_import_wh": 1.0, "voltage_v": [],
}  # fmt: skip


def test_each_check_fails_on_what_is_wrong() -> None:
    found: list[Finding] = [finding for check in CHECKS for finding in check(BAD)]
    assert {finding.passed for finding in found} == {False}
    assert len(found) == 8
