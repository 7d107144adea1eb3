"""Our unit files as systemd reads them, as far as the service-manager harness needs it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "rootfs-overlay/usr/lib/systemd/system"
PROGRAMS = "/usr/lib/evsed/venv/bin/"


class Unit:
    """drop_in replaces keys as a drop-in file would."""

    def __init__(self, name: str, drop_in: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._values: dict[str, list[str]] = {}
        for line in (UNITS / name).read_text().splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith(("#", ";")):
                self._values.setdefault(key, []).append(value)
        for key, value in (drop_in or {}).items():
            assert key in self._values, f"{name} has no {key}="
            self._values[key] = [value]

    def all(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def one(self, key: str) -> str:
        assert len(self.all(key)) == 1, f"{self.name}: {key}= stands there {len(self.all(key))} times"
        return self.all(key)[0]

    def seconds(self, key: str) -> float:
        """Our units name times in plain seconds."""
        return float(self.one(key))

    def environment(self) -> dict[str, str]:
        pairs = [word.partition("=") for line in self.all("Environment") for word in line.split()]
        return {name: value for name, _, value in pairs}


def module_of(program: str) -> str:
    """What `python -m` takes for an installed program of ours."""
    assert program.startswith(PROGRAMS), program
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return str(scripts[program.removeprefix(PROGRAMS)]).partition(":")[0].removesuffix(".__main__")
