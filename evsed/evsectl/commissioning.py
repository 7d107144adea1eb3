"""The verbs of the installer: they print what they find and say by the exit code whether it is right."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from evsed.config import runtime_dir
from evsed.evsectl import calibration, gpio, self_test
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure

NOBODY = "nobody answers; check A and B, termination and baud rate"
Look = Callable[[Connection, argparse.Namespace], int]


def _selftest(connection: Connection, asked: argparse.Namespace) -> int:
    findings = self_test.run(connection)
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(findings)).decode())
    else:
        print("\n".join(self_test.table(findings)))
    return Exit.REFUSED if any(finding.passed is False for finding in findings) else Exit.OK


def _cp(connection: Connection, asked: argparse.Namespace) -> int:
    if not asked.watch:
        status = connection.ask("status").result
        print("\n".join((cp_line(status), *calibration.described(status["cp_calibration"]))))
        return Exit.OK
    for status in connection.items("watch"):
        print(cp_line(status), flush=True)
    return Exit.OK


def cp_line(status: dict[str, Any]) -> str:
    """State, both plateaus in volts with their samples, and what we drive."""
    if "cp" not in status:
        raise Failure(Exit.UNREACHABLE, "the control process is not connected; see `journalctl -u evsed`")
    volts = ("-" if v is None else f"{v:+.2f} V" for v in (status["cp_high_v"], status["cp_low_v"]))
    high, low = (f"{v} ({n})" for v, n in zip(volts, status["cp_samples_n"], strict=True))
    return f"CP {status['cp']:<8} high {high:<16} low {low:<16} duty {status['duty'] * 100:.1f} %"


def _gpio(connection: Connection, asked: argparse.Namespace) -> int:
    status = connection.ask("status").result
    lines = gpio.lines_of(status["board"], runtime_dir(os.environ, os.getuid()), status.get("lines", {}))
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(lines)).decode())
    else:
        print("\n".join(gpio.table(lines)))
    return Exit.OK


def _meter(connection: Connection, asked: argparse.Namespace) -> int:
    if asked.what == "scan":
        print("this takes up to four minutes; readings pause meanwhile", file=sys.stderr)
    answer = connection.ask(asked.request.verb)
    if answer.result is None:
        raise Failure(Exit.REFUSED, answer.why)
    print(
        "\n".join(map(_found_line, answer.result)) or "nobody answers; check A/B, termination and baud rate"
    )
    return Exit.OK if answer.result else Exit.REFUSED


def _found_line(found: dict[str, Any]) -> str:
    serial = found["serial"]
    form = f"{serial['bytesize']}{serial['parity']}{serial['stopbits']}"
    where = f"address {found['device_id']}, {serial['baudrate']} {form}"
    if found.get("garbage"):
        return f"{where}: garbage (another baud rate or parity, or two units with this address)"
    models = " or ".join(found["models"]) or "unknown model"
    number = f", serial number {found['meter_id']}" if found.get("meter_id") else ""
    return f"{where}: {models}{'' if found.get('certain') else ' (by plausibility)'}{number}"


def _calibrate(connection: Connection, asked: argparse.Namespace) -> int:
    found = calibration.calibrate(connection, asked.plus, asked.minus)
    print("\n".join(calibration.keep(connection, found)))
    print("it counts from the next start on: systemctl restart evsed")
    return Exit.OK


COMMISSION: dict[str, Look] = {
    "selftest": _selftest,
    "cp": _cp,
    "gpio": _gpio,
    "meter": _meter,
    "calibrate": _calibrate,
}
