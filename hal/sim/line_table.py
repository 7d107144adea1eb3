"""The simulated board's digital lines as a table, for whoever looks on."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from hal.sim.lines import INDEX, LINE_FILE_NAME, LINES, Lines
from hal.types import LineInfo


class Signal(msgspec.Struct, frozen=True):
    """What a line is wired for, in the words of the board files, and when that is active."""

    line: str
    signal: str
    active: Callable[[float], bool] = bool


# fmt: off
SIGNALS = (
    #      line              signal
    Signal("cp_connected",   "outputs.pilot_disconnect", lambda level: not level),
    Signal("contactor",      "outputs.contactor"),
    Signal("phase_switch",   "outputs.phase_switch"),
    Signal("lock_motor",     "outputs.lock",             lambda level: level > 0),
    Signal("lock_motor",     "outputs.unlock",           lambda level: level < 0),
    Signal("heartbeat",      "outputs.heartbeat",        lambda edges_n: edges_n % 2 == 1),
    Signal("shunt_trip",     "outputs.shunt_trip"),
    Signal("rcd_test",       "outputs.rcd_test"),
    Signal("led_rgb",        "outputs.led_red",          lambda rgb: bool(int(rgb) & 1)),
    Signal("led_rgb",        "outputs.led_green",        lambda rgb: bool(int(rgb) & 2)),
    Signal("led_rgb",        "outputs.led_blue",         lambda rgb: bool(int(rgb) & 4)),
    Signal("mirror",         "inputs.mirror"),
    Signal("lock_locked",    "inputs.lock_position"),
    Signal("rcd_tripped",    "inputs.rcd_trip"),
    Signal("emergency_stop", "inputs.emergency_stop"),
    Signal("stop_button",    "inputs.stop_button"),
)
# fmt: on
CONSUMER = "evsed"


def read_lines(run_dir: Path) -> tuple[LineInfo, ...]:
    """DeviceMissing without a world."""
    lines = Lines.attach(run_dir / LINE_FILE_NAME)
    try:
        consumer = CONSUMER if lines.owner_alive() else ""
        return tuple(_info(lines, signal, consumer) for signal in SIGNALS)
    finally:
        lines.close()


def _info(lines: Lines, signal: Signal, consumer: str) -> LineInfo:
    offset = INDEX[signal.line]
    return LineInfo(
        LINE_FILE_NAME,
        offset,
        signal.line,
        "output" if LINES[offset].writer == "board" else "input",
        consumer,
        signal.signal,
        signal.active(lines.cells[offset]),
    )
