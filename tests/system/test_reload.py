"""A new configuration while an EV charges: real processes, a real broker."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import Evse
from tests.system.test_stop import charge_in_c


class Configured:
    """An evsed that charges, and its configuration file."""

    def __init__(self, evse: Evse, path: Path) -> None:
        self.evse, self.path = evse, path
        self.gateway, self.control = evse.pid("gateway"), evse.pid("control")
        self.since_s = time.monotonic()

    def evsectl(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "evsed.evsectl", *argv]
        return subprocess.run(
            command, env=self.evse.environment, capture_output=True, text=True, timeout=20.0, check=False
        )

    def until_new_gateway(self) -> None:
        """One that serves again. Control is the same one, and power has not moved."""
        eventually(lambda: self.evse.pid("gateway") != self.gateway, "another gateway")
        eventually(lambda: self.evsectl("status").returncode == 0, "it serves")
        assert self.evse.pid("control") == self.control
        assert self.evse.line("contactor", self.since_s) == []


@pytest.fixture
def configured(broker: Broker, tmp_path: Path) -> Iterator[Configured]:
    path = tmp_path / "evsed.toml"
    path.write_text("session.duration_limit_min = 60\n")
    with Evse(broker, started=False) as evse:
        evse.launcher = evse.spawn("evsed", "--board", "sim", "--config", str(path))
        evse.until_ready()
        charge_in_c(evse)
        yield Configured(evse, path)


def test_a_hangup_of_the_gateway_takes_it(configured: Configured) -> None:
    configured.path.write_text("session.duration_limit_min = 90\n")
    configured.evse.kill("gateway", signal.SIGHUP)
    configured.until_new_gateway()
    assert "configuration: read anew (session.duration_limit_min)" in configured.evse.log
    eventually(lambda: "5400 s" in configured.evsectl("why").stdout, "control has the new limit")


def test_evsectl_says_what_was_taken(configured: Configured) -> None:
    configured.path.write_text("session.duration_limit_min = 90\napi.heartbeat_interval_ms = 500\n")
    told = configured.evsectl("reload")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("taken: api.heartbeat_interval_ms, session.duration_limit_min; the gateway")
    configured.until_new_gateway()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("evse.max_current_a = 16\n", "evse.max_current_a: taken at a restart only"),
        ("session.duration_limit_min = -1\n", "evsed.toml:1"),
    ],
)
def test_or_why_nothing_was(configured: Configured, text: str, why: str) -> None:
    configured.path.write_text(text)
    told = configured.evsectl("reload")
    assert (told.returncode, told.stdout) == (1, "")
    assert why in told.stderr
    assert configured.evse.pid("gateway") == configured.gateway


def test_control_ignores_a_hangup(configured: Configured) -> None:
    configured.evse.kill("control", signal.SIGHUP)
    assert configured.evsectl("status").returncode == 0
    assert configured.evse.pid("control") == configured.control
    assert configured.evse.line("contactor", configured.since_s) == []
