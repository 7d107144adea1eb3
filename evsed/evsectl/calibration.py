"""`evsectl calibrate cp`: two points of the pilot by the installer's multimeter, against what the ADC reads.

Rule 1: without an EV only; state F, the second point, is a Disable that is taken back whatever happens.
Rule 2: the result goes into the board's EEPROM; without one that answers it becomes a drop-in of the
configuration. It counts from the next start on.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.protocol import CalibrationArgs
from evsed.evsectl.self_test import require_no_ev
from hal.calibration import Point, from_points
from hal.errors import HalError
from hal.types import Calibration, CalibrationSource

DROP_IN = Path("/etc/evsed/evsed.toml.d/60-calibration.toml")
SETTLE_S = 1.0  # a snapshot comes every 0.2 s
LIMIT_S = 5.0


def calibrate(
    connection: Connection, plus_v: float, minus_v: float, sleep: Callable[[float], None] = time.sleep
) -> Calibration:
    """plus_v, minus_v: of CP against PE by a multimeter, in Idle and in state F. Raises Failure."""
    status = connection.ask("status").result
    require_no_ev(status)
    if not status["enabled"]:
        raise Failure(Exit.REFUSED, "the EVSE is disabled; `evsectl enable` first")
    now = Calibration(status["cp_calibration"]["gain"], status["cp_calibration"]["offset_v"])
    plus = Point(now.undo(_volts(status, "cp_high_v")), plus_v)
    connection.ask("disable")
    try:
        minus = Point(now.undo(_volts(_in_state_f(connection, sleep), "cp_low_v")), minus_v)
    finally:
        connection.ask("enable")
    try:
        return from_points(minus, plus)
    except HalError as error:
        raise Failure(Exit.REFUSED, str(error)) from error


def _in_state_f(connection: Connection, sleep: Callable[[float], None]) -> dict[str, Any]:
    """The status once the pilot has been at steady -12 V for a while."""
    for _ in range(round(LIMIT_S / SETTLE_S)):
        sleep(SETTLE_S)
        status: dict[str, Any] = connection.ask("status").result
        if status["state"] == "Disabled" and status["duty"] == 0.0:
            return status
    raise Failure(Exit.REFUSED, "state F was not reached: somebody else keeps the EVSE enabled")


def _volts(status: dict[str, Any], key: str) -> float:
    volts = status.get(key)
    if volts is None:
        raise Failure(Exit.REFUSED, "the control pilot cannot be read; see `evsectl faults`")
    return float(volts)


def keep(connection: Connection, found: Calibration, drop_in: Path = DROP_IN) -> list[str]:
    """Writes it down; what is to be told. Raises Failure."""
    told = f"gain {found.gain:.4f}, offset {found.offset_v:+.3f} V"
    answer = connection.ask("keep-calibration", CalibrationArgs(found.gain, found.offset_v))
    if answer.result is None:
        settings = f"board.cp_gain = {found.gain:.6f} and board.cp_offset_v = {found.offset_v:.4f}"
        raise Failure(Exit.REFUSED, f"{answer.why}; nothing was lost, {settings} would do it by hand")
    if answer.result["eeprom"] is None:
        store(found, drop_in)
        return [f"{told} written to {drop_in} ({answer.result['why']})"]
    number = answer.result["serial_number"] or "not set"
    return [f"{told} written to {answer.result['eeprom']}, serial number {number}", *_overridden(connection)]


def _overridden(connection: Connection) -> list[str]:
    """A calibration of the configuration would keep the EEPROM's from counting."""
    if connection.ask("status").result["cp_calibration"]["source"] != CalibrationSource.CONFIGURATION.value:
        return []
    return [
        f"but board.cp_gain and board.cp_offset_v of the configuration override it: take them out,"
        f" or delete {DROP_IN} if they stand there"
    ]


def described(item: dict[str, Any]) -> list[str]:
    """Of status: which calibration is in force, where it comes from, and what it overrides."""
    lines = [f"calibration: {_one(item)}"]
    if below := item["overrides"]:
        lines.append(f"overridden by it: {_one(below)}")
    return lines


def _one(item: dict[str, Any]) -> str:
    if item["source"] == CalibrationSource.NONE.value:
        return "none"
    return f"gain {item['gain']:.4f}, offset {item['offset_v']:+.3f} V, from the {item['source']}"


def store(calibration: Calibration, path: Path = DROP_IN) -> None:
    """Whole or not at all; what was there before is kept as .bak. Raises Failure."""
    text = (
        "# Made by `evsectl calibrate cp`; delete it to go back to the board's own values.\n"
        f"[board]\ncp_gain = {calibration.gain:.6f}\ncp_offset_v = {calibration.offset_v:.4f}\n"
    )
    fresh = path.with_suffix(f".new-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text)
        if path.exists():
            path.replace(path.with_suffix(".toml.bak"))
        fresh.replace(path)
    except OSError as error:
        text = f"{path}: cannot be written ({error.strerror}); run this as root"
        raise Failure(Exit.REFUSED, text) from error
