"""The udev rules: they fit the drivers and the board files, and udev takes them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hal.board_model import known_boards, load_board_model
from hal.drivers import i2c_bus, pilot_pwm, spi_burst
from hal.drivers.failures import MEANINGS
from tests.hal.drivers.pwm_bench import BIRTH, PwmTree
from tests.image_parts.debian import udevadm

UDEV = Path(__file__).parents[2] / "udev"
RULES = UDEV / "60-evsed.rules"
GROUPS = {"gpio", spi_burst.GROUP, i2c_bus.GROUP, pilot_pwm.GROUP, "dialout"}
GROUP_OF = {"gpio": "gpio", "spidev": "spi", "i2c-dev": "i2c"}  # by subsystem


def rules() -> list[str]:
    return [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]


def test_every_group_that_a_driver_names_is_made_and_used() -> None:
    made = re.findall(r"^g (\w+) ", (UDEV / "evsed-groups.conf").read_text(), re.MULTILINE)
    used = re.findall(r'GROUP="(\w+)"|chgrp (\w+)', RULES.read_text())
    assert set(made) == {name for pair in used for name in pair if name} == GROUPS
    assert any("join the group {group}" in text for _, text in MEANINGS.values())


@pytest.mark.parametrize(("subsystem", "group"), GROUP_OF.items())
def test_a_device_file_is_for_its_group_and_nobody_else(subsystem: str, group: str) -> None:
    (rule,) = [rule for rule in rules() if rule.startswith(f'SUBSYSTEM=="{subsystem}"')]
    assert f'GROUP="{group}"' in rule
    assert 'MODE="0660"' in rule


def test_the_meter_of_every_board_has_its_link() -> None:
    links = {f"/dev/{link}" for link in re.findall(r'SYMLINK\+="([\w-]+)"', RULES.read_text())}
    ports = {load_board_model(name).meter.port for name in known_boards()}
    assert ports == links == {"/dev/evse-meter"}


def run_pwm_rule(tree: PwmTree, tmp_path: Path) -> list[str]:
    """The command of the rule on this chip, with a chgrp that only writes down what it is told."""
    (rule,) = [rule for rule in rules() if 'SUBSYSTEM=="pwm"' in rule]
    command = re.search(r"""RUN\+="/bin/sh -c '(.*)'"$""", rule).group(1)
    command = command.replace("/sys%p", str(tree.chip)).replace("$$", "$")
    (tmp_path / "chgrp").write_text(f"#!/bin/sh\necho $1 $2 >> {tmp_path}/told\n")
    (tmp_path / "chgrp").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-c", command], check=True, env={"PATH": path})
    return (tmp_path / "told").read_text().split("\n")[:-1]


def group_may_write(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o020)


def test_an_exported_pwm_channel_is_for_the_group(tmp_path: Path) -> None:
    tree = PwmTree(tmp_path)
    tree.exported()
    for name in BIRTH:
        (tree.channel / name).chmod(0o644)
    told = run_pwm_rule(tree, tmp_path)
    assert sorted(told) == sorted(["pwm export", *(f"pwm pwm0/{name}" for name in BIRTH)])
    assert all(group_may_write(tree.channel / name) for name in BIRTH)
    assert group_may_write(tree.chip / "export")


def test_a_chip_without_an_exported_channel_is_ready_for_the_export(tmp_path: Path) -> None:
    assert run_pwm_rule(PwmTree(tmp_path), tmp_path) == ["pwm export"]


def verify(udevadm: list[str], rules: Path) -> subprocess.CompletedProcess[str]:
    command = [*udevadm, "verify", "--resolve-names=never", str(rules)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_verified(udevadm: list[str], tmp_path: Path) -> None:
    done = verify(udevadm, RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "61-broken.rules"
    broken.write_text(RULES.read_text().replace('GROUP="spi"', 'GROUPS="spi"'))
    assert verify(udevadm, broken).returncode != 0


def test_this_machines_udev_takes_the_rules(tmp_path: Path) -> None:
    program = shutil.which("udevadm")
    if program is None:
        pytest.skip("no udevadm on this machine")
    if "verify" not in subprocess.run([program, "--help"], capture_output=True, text=True).stdout:
        pytest.skip("this udevadm has no verify (it came with systemd 254)")
    assert_verified([program], tmp_path)


@pytest.mark.foreign
def test_the_images_udev_takes_the_rules(tmp_path: Path) -> None:
    assert_verified(udevadm(), tmp_path)
