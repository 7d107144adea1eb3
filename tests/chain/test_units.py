"""The unit files themselves: what others rely on, what systemd makes of them, and how little they may do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from evsed.config.paths import runtime_dir
from evsed.gateway.__main__ import WATCHDOG_EVERY_S
from evsed.launcher import CONTROL_RESTART_S, GATEWAY_RESTART_S, GATEWAY_WATCHDOG_S, STOP_LIMIT_S, WATCHDOG_S
from evsed.sockets import link_path
from tests.chain.units import PROGRAMS, ROOT, Unit, module_of

OVERLAY = ROOT / "rootfs-overlay/usr/lib"
EXPOSURE = 25  # of 100: systemd-analyze's 2.5
SERVICES = ("evsed.service", "evsed-gateway.service")
UNITS = (*SERVICES, "evsed-gateway.socket")

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with our units, users, and something in the place of our programs."""
    for name in ("systemd", "sysusers.d", "tmpfiles.d"):
        shutil.copytree(OVERLAY / name, tmp_path / "usr/lib" / name)
    for pattern in ("*.target", "*.slice"):
        for standard in Path("/usr/lib/systemd/system").glob(pattern):
            shutil.copy(standard, tmp_path / "usr/lib/systemd/system")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").touch()
    (tmp_path / "etc/group").touch()
    ours = (f"{PROGRAMS}/{name}" for name in ("evsed-control", "evsed-gateway", "evse-safe", "evse-stop"))
    for program in (*ours, "/usr/bin/kill", "/usr/bin/systemctl"):
        path = tmp_path / program.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def run(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line(root: Path, unit: str) -> None:
    told = run("systemd-analyze", "verify", f"--root={root}", unit)
    assert [line for line in (told.stdout + told.stderr).splitlines() if "evse" in line] == []


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_exposed_little(root: Path, unit: str) -> None:
    threshold = f"--threshold={EXPOSURE}"
    told = run(
        "systemd-analyze", "security", "--offline=true", threshold, f"--root={root}", "--no-pager", unit
    )
    print(told.stdout.splitlines()[-1])
    assert told.returncode == 0, told.stdout + told.stderr


@needs_systemd
def test_the_two_users_have_one_group_and_the_groups_of_their_devices(root: Path) -> None:
    made = run("systemd-sysusers", f"--root={root}")
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":") for line in (root / "etc/group").read_text().splitlines()}
    members = {name: fields[3].split(",") for name, fields in groups.items()}
    assert users["evsed"][3] == users["evsed-gateway"][3] == groups["evsed"][2]
    assert {name for name, who in members.items() if "evsed" in who} == {"gpio", "spi", "pwm", "i2c"}
    assert {name for name, who in members.items() if "evsed-gateway" in who} == {"i2c", "dialout"}


def test_the_unit_of_control_asks_for_those_groups() -> None:
    assert Unit("evsed.service").one("SupplementaryGroups").split() == ["gpio", "spi", "pwm", "i2c"]
    assert Unit("evsed-gateway.service").one("SupplementaryGroups").split() == ["i2c", "dialout"]


@pytest.mark.parametrize("unit", SERVICES)
def test_every_program_that_a_unit_names_is_one_of_ours(unit: str) -> None:
    for key in ("ExecStart", "ExecStop", "ExecStopPost"):
        for line in Unit(unit).all(key):
            assert module_of(line.split()[0]).startswith("evsed.")


def test_evse_safe_is_called_without_anything_that_could_be_wrong() -> None:
    assert Unit("evsed.service").one("ExecStopPost") == PROGRAMS + "evse-safe"


def test_the_units_and_the_launcher_say_the_same() -> None:
    control, gateway = (Unit(name) for name in SERVICES)
    assert control.seconds("WatchdogSec") == WATCHDOG_S
    assert control.seconds("RestartSec") == CONTROL_RESTART_S
    assert control.seconds("TimeoutStopSec") == STOP_LIMIT_S
    assert gateway.seconds("WatchdogSec") == GATEWAY_WATCHDOG_S > 2 * WATCHDOG_EVERY_S
    assert gateway.seconds("RestartSec") == GATEWAY_RESTART_S
    for unit in (control, gateway):
        assert unit.one("Restart") == "always"
        assert unit.one("StartLimitIntervalSec") == "0"
        assert (unit.one("WatchdogSignal"), unit.one("LimitCORE")) == ("SIGKILL", "0")


@pytest.mark.parametrize("unit", SERVICES)
def test_the_run_directory_is_where_the_socket_stands(unit: str) -> None:
    directory = runtime_dir(Unit(unit).environment(), 1000)
    assert Unit("evsed-gateway.socket").one("ListenSequentialPacket") == str(link_path(directory))
    assert f"d {directory} 2770 root evsed" in (OVERLAY / "tmpfiles.d/evsed.conf").read_text()


def test_control_goes_on_without_the_gateway_but_stops_before_it() -> None:
    control = Unit("evsed.service")
    assert control.all("Requires") == []
    assert "evsed-gateway.service" in control.one("After").split()
    assert control.one("PrivateNetwork") == "yes"
    assert control.one("RestrictAddressFamilies") == "AF_UNIX"
