"""An appliance in a directory: its tree, its programs as stand-ins with state, a power that can be cut."""

import hashlib
import json
import os
import shutil
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evsed.appliance.charger import ChargerAway
from evsed.appliance.files import Disk
from evsed.appliance.machine import Machine
from evsed.appliance.places import Places
from evsed.appliance.programs import Programs

PROGRAMS = Path(__file__).parent / "programs"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
NOW = "2026-01-31T08:15:32Z"
HEALTHY: dict[str, Any] = {
    "state": "Idle",
    "cp": "A",
    "session_uuid": "",
    "faults": [],
    "waits_for_external_ready": False,
    "control": {"connected": True},
    "mqtt": {"connected": True, "host": "127.0.0.1", "port": 1883},
}


class PowerCut(Exception):
    """What was begun is not ended."""


class Power:
    """Is cut at the cut_at-th moment at which it could be; never without one."""

    def __init__(self, cut_at: int | None = None) -> None:
        self._cut_at, self.moments_n = cut_at, 0

    def moment(self) -> None:
        self.moments_n += 1
        if self.moments_n == self._cut_at:
            raise PowerCut


class RigDisk(Disk):
    """The real one, on a power that may be cut; owners are noted, as these users are not on this machine."""

    def __init__(self, appliance: "Appliance", power: Power) -> None:
        super().__init__(lambda fd, user, group: appliance.owners.update({_path_of(fd): (user, group)}))
        self._appliance, self._power = appliance, power

    def create(self, path: Path, content: bytes, mode: int | None, user: str, group: str) -> None:
        self._about_to_write(path)
        super().create(path, content[: len(content) // 2], mode, user, group)
        self._power.moment()
        super().create(path, content, mode, user, group)
        self._power.moment()

    def rename(self, path: Path, to: Path) -> None:
        self._about_to_write(to)
        super().rename(path, to)
        self._power.moment()

    def remove(self, path: Path) -> None:
        if path.exists():
            self._about_to_write(path)
            super().remove(path)
            self._power.moment()

    def _about_to_write(self, path: Path) -> None:
        places = self._appliance.places
        if path.is_relative_to(places.boot):
            assert self._appliance.state("boot-mode") == "rw", f"{path}: the boot partition is read-only"
        if not path.is_relative_to(places.at("run")):
            self._appliance.written.append(path)


class RigPrograms(Programs):
    def __init__(self, env: Mapping[str, str], power: Power, state: Path) -> None:
        super().__init__(env)
        self._power, self._state = power, state

    def run(self, name: str, *args: str, text: str = "", limit_s: float = 60.0) -> str:
        if (name, args[0]) == ("systemctl", "show"):  # hundreds of times: too often for a process each
            unit = self._state / "units" / args[-1]
            return unit.read_text() if unit.exists() else "ActiveState=active\nNRestarts=0\n"
        said = super().run(name, *args, text=text, limit_s=limit_s)
        self._power.moment()
        return said


class Appliance:
    def __init__(self, tmp_path: Path) -> None:
        """What is in the directory already, or a new one: slot A, version 1.0.0."""
        self.places, self._home = Places(tmp_path / "root"), tmp_path
        self.said: list[str] = []
        self.written: list[Path] = []  # below /data, /boot and /etc
        self.owners: dict[str, tuple[str, str]] = {}
        if not self._state.is_dir():
            self._make()

    def _make(self) -> None:
        self._state.mkdir(parents=True)
        self.boot("A", "1.0.0")
        self.put("etc/machine-id", MACHINE_ID + "\n")
        self.put("proc/device-tree/serial-number", "10000000abcd1234\0")
        self.put("etc/rauc/system.conf", "[system]\ncompatible=evse-cm4\nbootloader=uboot\n")
        self.put("usr/share/zoneinfo/Europe/Berlin", "TZif")
        self.put("dev/kmsg", "")
        self.put("dev/console", "")
        for folder in (self.places.boot, self.places.data):
            folder.mkdir(parents=True)

    def copied(self, home: Path) -> "Appliance":
        shutil.copytree(self._home, home, symlinks=True)
        return Appliance(home)

    @property
    def _state(self) -> Path:
        return self._home / "state"

    def boot(self, slot: str, version: str) -> None:
        """Another start: of this slot, with another boot id, an empty /run."""
        self.put("proc/cmdline", f"root=PARTLABEL=root_{slot.lower()} ro rauc.slot={slot} panic=5\n")
        self.put("usr/lib/os-release", f'ID=debian\nIMAGE_ID=evse-cm4\nIMAGE_VERSION="{version}"\n')
        boots_n = len(self.state("boots")) + 1
        self.set_state("boots", "x" * boots_n)
        self.put("proc/sys/kernel/random/boot_id", f"boot-{boots_n}\n")
        self.set_state("boot-mode", "ro")

    def machine(self, power: Power | None = None) -> Machine:
        power = power or Power()
        env = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "APPLIANCE_STATE": str(self._state),
        }
        return Machine(
            self.places,
            RigDisk(self, power),
            RigPrograms(env, power, self._state),
            self.said.append,
            lambda: NOW,
        )

    def put(self, path: str, text: str) -> Path:
        file = self.places.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def state(self, name: str) -> str:
        path = self._state / name
        return path.read_text().strip() if path.exists() else ""

    def set_state(self, name: str, text: str) -> None:
        path = self._state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def slots(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.places.slots.read_text())
        return found

    def told(self) -> dict[str, Any]:
        """What the gateway publishes."""
        found: dict[str, Any] = json.loads(self.places.told.read_text())
        return found

    def users(self) -> dict[str, str]:
        lines = self.places.mqtt_passwords.read_text().splitlines()
        return dict(line.split(":", 1) for line in lines)


class Charger:
    """evsed as the appliance sees it."""

    def __init__(self, **changes: Any) -> None:
        self.status = HEALTHY | changes
        self.away = ""

    def ask(self, verb: str) -> Any:
        if self.away:
            raise ChargerAway(self.away)
        return self.status if verb in ("status", "why") else []


class Clock:
    """Sleeping moves it on; `at` holds what happens at which second."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self.at: dict[float, Any] = {}

    def now_s(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds
        if happens := self.at.pop(self._now_s, None):
            happens()


def is_password(password: str, hashed: str) -> bool:
    """mosquitto_passwd's PBKDF2 with SHA-512."""
    _, kind, rounds, salt, digest = hashed.split("$")
    assert kind == "7"
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), b64decode(salt), int(rounds), 64)
    return made == b64decode(digest)


def _path_of(fd: int) -> str:
    return Path(os.readlink(f"/proc/self/fd/{fd}")).name.removesuffix(".new")
