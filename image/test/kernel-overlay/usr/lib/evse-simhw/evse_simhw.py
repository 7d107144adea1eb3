#!/usr/lib/evsed/venv/bin/python3
"""The carrier board as devices of the kernel: what the pins' other ends do. Only in the image of the tests.

    run                       makes the devices, then moves contactor, lock and RCD as their lines are driven
    cp VOLTS                  the pilot's upper plateau at the outlet: 12 without a plug, 0 if it is shorted
    contact NAME open|closed|auto    one contact, for good, or as the board itself moves it
    line NAME                 0 or 1: the level of a line, driven or not
    signal NAME PID           as kill(1)
    react LINE LEVEL VERB...  does that, and prints the milliseconds until the line has the level

Names, channels and resistors are those of the board file that evsed itself reads. The meter is evsed's own
simulated one on a pty: for a serial port nothing needs to be added to the kernel.
"""

import math
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hal.sim.modbus_server import PtyMeterServer

BOARD = Path("/usr/lib/evsed/venv/lib/python3.13/site-packages/hal/boards/cm4-carrier.toml")
MODULES = Path("/usr/lib/evse-simhw")
ADC = Path("/sys/kernel/debug/evse-simhw")
CHIP = Path("/sys/kernel/config/gpio-sim/evse")
FORCED = Path("/run/evse-simhw")
REFERENCE_V, CODES_N = 3.3, 4096
A_V, E_V, LOW_V = 12.0, 0.0, -12.0  # the diode of the EV leaves the lower plateau where it is
CABLE_OHM = 220.0  # 32 A
THERMOMETERS, DEGREES_C = (0x48, 0x49), 25
METER = Path("/dev/evse-meter")
METER_MODEL, MAINS_V, ENERGY_WH = "eastron_sdm630", (230.0, 231.0, 232.0), 61851.0
STEP_S = 0.02  # emulated, each step is some milliseconds of work
REACTION_MAX_S = 60.0

# How long after its line is driven each part has moved.
CONTACTOR_S, BOLT_S, RCD_S = 0.02, 0.25, 0.03


def code(volts: float, divider: dict[str, float]) -> int:
    """What the ADC reads of a voltage before its divider (docs/board.md)."""
    series, down = divider["series_ohm"], divider["pull_down_ohm"]
    up = divider.get("pull_up_ohm", math.inf)
    node_v = (volts / series + REFERENCE_V / up) / (1 / series + 1 / down + 1 / up)
    return round(node_v / REFERENCE_V * CODES_N)


def set_adc(board: dict[str, Any], cp_v: float) -> None:
    adc = board["adc"]
    write(ADC / f"adc{adc['pilot']['channel']}", code(cp_v, adc["pilot"]["divider"]))
    low_v = cp_v if cp_v == E_V else LOW_V
    write(ADC / "pilot_low", code(low_v, adc["pilot"]["divider"]))
    ratio = CABLE_OHM / (CABLE_OHM + adc["proximity"]["pull_up_ohm"])
    write(ADC / f"adc{adc['proximity']['channel']}", CODES_N - 1 if cp_v == A_V else round(ratio * CODES_N))


def set_rails(board: dict[str, Any]) -> None:
    adc = board["adc"]
    for name, volts in (("plus_12", 12.0), ("minus_12", -12.0), ("plus_5", 5.0)):
        rail = adc["rails"][name]
        write(ADC / f"adc{rail['channel']}", code(volts, rail["divider"]))


def write(path: Path, value: object) -> None:
    path.write_text(f"{value}\n")


def load_modules() -> None:
    for module in ("configfs", "spidev", "i2c-dev"):
        subprocess.run(["modprobe", module], check=True)
    addresses = ",".join(map(hex, THERMOMETERS))
    ours = (["gpio-sim"], ["i2c-stub", f"chip_addr={addresses}"], ["evse-simhw"], ["evse-eeprom"])
    for module, *arguments in ours:
        subprocess.run(["insmod", MODULES / f"{module}.ko", *arguments], check=True)


def lines(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their keys in the board file."""
    return {**board["outputs"], **board["inputs"]}


def make_lines(board: dict[str, Any]) -> None:
    bank = CHIP / "bank0"
    bank.mkdir(parents=True)
    write(bank / "num_lines", len(lines(board)))
    for number, line in enumerate(lines(board).values()):
        (bank / f"line{number}").mkdir()
        write(bank / f"line{number}/name", line["name"])
    write(CHIP / "live", 1)


def line_folder(number: int) -> Path:
    device, chip = (CHIP / "dev_name").read_text().strip(), (CHIP / "bank0/chip_name").read_text().strip()
    return Path("/sys/devices/platform") / device / chip / f"sim_gpio{number}"


def make_thermometers() -> None:
    from smbus2 import SMBus

    buses = Path("/sys/bus/i2c/devices").glob("i2c-*")
    name = next(bus for bus in buses if "stub" in (bus / "name").read_text().lower()).name
    with SMBus(int(name.partition("-")[2])) as bus:
        for address in THERMOMETERS:
            bus.write_byte_data(address, 0, DEGREES_C)
    if not Path("/dev/i2c-1").exists():
        Path("/dev/i2c-1").symlink_to(f"/dev/{name}")


def make_meter() -> "PtyMeterServer":
    from hal.meter_model import load_meter_model
    from hal.sim.modbus_server import PtyMeterServer, register_image
    from hal.types import MeterReading

    model, nothing = load_meter_model(METER_MODEL), (0.0, 0.0, 0.0)
    shown = MeterReading(0.0, ENERGY_WH, 0.0, 0.0, nothing, MAINS_V, nothing, 50.0, "10001")
    serial = model.serial
    meter = PtyMeterServer(METER, register_image(model, shown), serial.device_id, serial.baudrate)
    shutil.chown(METER, group="dialout")
    METER.chmod(0o660)
    return meter


class Late:
    """A part that follows its line after some time."""

    def __init__(self, after_s: float) -> None:
        self._after_s, self._is, self._wanted, self._since_s = after_s, False, False, 0.0

    def follow(self, wanted: bool, now_s: float) -> bool:
        if wanted is not self._wanted:
            self._wanted, self._since_s = wanted, now_s
        if now_s - self._since_s >= self._after_s:
            self._is = self._wanted
        return self._is


class Board:
    """Levels of the inputs: a contact that is closed pulls its line low, against the pull-up."""

    def __init__(self, board: dict[str, Any]) -> None:
        folders = {key: line_folder(number) for number, key in enumerate(lines(board))}
        self._outputs = {key: os.open(folders[key] / "value", os.O_RDONLY) for key in board["outputs"]}
        self._inputs = {key: os.open(folders[key] / "pull", os.O_WRONLY) for key in board["inputs"]}
        self._contactor, self._rcd = Late(CONTACTOR_S), Late(RCD_S)
        self._out, self._back = Late(BOLT_S), Late(BOLT_S)
        self._locked = False

    def step(self, now_s: float) -> None:
        for key, is_open in (self._contacts(now_s) | forced_contacts()).items():
            os.pwrite(self._inputs[key], pull(is_open).encode(), 0)

    def _contacts(self, now_s: float) -> dict[str, bool]:
        """Whether each is open."""
        if self._out.follow(self._driven("lock"), now_s):
            self._locked = True
        if self._back.follow(self._driven("unlock"), now_s):
            self._locked = False
        return {
            "mirror": self._contactor.follow(self._driven("contactor"), now_s),
            "rcd_trip": self._rcd.follow(self._driven("rcd_test"), now_s),
            "emergency_stop": False,
            "stop_button": True,
            "lock_position": not self._locked,
        }

    def _driven(self, key: str) -> bool:
        return os.pread(self._outputs[key], 1, 0) == b"1"


def forced_contacts() -> dict[str, bool]:
    """Those that somebody has asked for; whether each is open."""
    return {path.name: path.read_text() == "open" for path in FORCED.glob("[!.]*")}


def pull(is_open: bool) -> str:
    return "pull-up" if is_open else "pull-down"


def run(board: dict[str, Any]) -> None:
    FORCED.mkdir(exist_ok=True)
    load_modules()
    make_lines(board)
    make_thermometers()
    set_adc(board, A_V)
    set_rails(board)
    parts, meter = Board(board), make_meter()
    parts.step(time.monotonic())
    subprocess.run(["udevadm", "settle"], check=True)
    subprocess.run(["systemd-notify", "--ready"], check=True)
    step_at_s = time.monotonic()
    while True:
        step_at_s = serve_until(meter, step_at_s + STEP_S)
        parts.step(step_at_s)


def serve_until(meter: "PtyMeterServer", end_s: float) -> float:
    """The meter answers at its own times. Returns the time, which may be later."""
    while True:
        now_s = time.monotonic()
        due_s = min(meter.on_timer(now_s) or end_s, end_s)
        if now_s >= end_s:
            return now_s
        if select.select([meter], [], [], max(due_s - now_s, 0.0))[0]:
            meter.on_readable(time.monotonic())


def contact(board: dict[str, Any], key: str, how: str) -> None:
    if how == "auto":
        return (FORCED / key).unlink(missing_ok=True)
    (FORCED / f".{key}").write_text(how)
    (FORCED / f".{key}").rename(FORCED / key)
    write(folder_of(board, key) / "pull", pull(how == "open"))  # not a step later


def line(board: dict[str, Any], key: str) -> None:
    print((folder_of(board, key) / "value").read_text().strip())


def folder_of(board: dict[str, Any], key: str) -> Path:
    return line_folder(list(lines(board)).index(key))


def react(board: dict[str, Any], key: str, level: str, verb: str, *arguments: str) -> None:
    """Cause and effect in one process, so that the time between them is the guest's own."""
    value, wanted = os.open(folder_of(board, key) / "value", os.O_RDONLY), level.encode()
    if os.pread(value, 1, 0) == wanted:
        sys.exit(f"{key} is {level} already")
    began_s = time.monotonic()
    VERBS[verb](board, *arguments)
    while os.pread(value, 1, 0) != wanted:
        if time.monotonic() - began_s > REACTION_MAX_S:
            sys.exit(f"{key} is not {level} within {REACTION_MAX_S:g} s")
        time.sleep(0.001)
    print(f"{(time.monotonic() - began_s) * 1000:.1f}")


VERBS: dict[str, Callable[..., None]] = {
    "run": run,
    "cp": lambda board, volts: set_adc(board, float(volts)),
    "contact": contact,
    "line": line,
    "signal": lambda board, name, pid: os.kill(int(pid), signal.Signals[f"SIG{name}"]),
    "react": react,
}


def main() -> None:
    VERBS[sys.argv[1]](tomllib.loads(BOARD.read_text()), *sys.argv[2:])


if __name__ == "__main__":
    main()
