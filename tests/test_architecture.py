"""The import picture of ARCHITECTURE.md, enforced on every import statement."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STDLIB = frozenset(sys.stdlib_module_names)
PURE = frozenset(
    (
        "bisect",
        "uuid",
        "itertools",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "math",
        "typing",
        "msgspec",
        "re",
    )
)

# What a package may import besides itself; the longest matching name counts.
MAY_IMPORT = {
    "hal/types.py": PURE,
    "hal/errors.py": PURE,
    "hal/interfaces.py": PURE | {"hal.types"},
    "hal/pilot_burst.py": PURE | {"hal.types"},
    "hal": STDLIB | {"msgspec", "hal"},
    "hal/pytest_plugin.py": STDLIB | {"msgspec", "hal", "pytest"},
    "hal/drivers": STDLIB | {"msgspec", "hal", "gpiozero", "gpiod", "pymodbus", "smbus2", "spidev"},
    "hal/sim": STDLIB | {"msgspec", "hal"},
    "evsed/core": PURE | {"evsed.core", "hal.types"},
    "evsed/api": PURE | {"json", "evsed.api", "evsed.core", "hal.types"},
    "evsed/link": STDLIB | {"msgspec", "evsed.link", "evsed.core", "hal.types"},
    "evsed/recording": STDLIB | {"msgspec", "evsed.recording", "evsed.core", "hal.types"},
    "evsed/config": STDLIB | {"msgspec", "evsed.config", "evsed.core.settings"},
    "evsed/control": STDLIB
    | {"msgspec", "evsed.control", "evsed.core", "evsed.link", "evsed.config", "evsed.service", "evsed.clock"}
    | {"evsed.parent", "evsed.sockets", "evsed.board_note", "evsed.recording", "evsed", "hal"},
    "evsed/gateway": STDLIB
    | {
        "msgspec",
        "evsed",
        "evsed.gateway",
        "evsed.api",
        "evsed.core",
        "evsed.link",
        "evsed.recording",
        "evsed.config",
        "evsed.mqtt",
    }
    | {"evsed.mqtt_config", "evsed.service", "evsed.clock", "evsed.parent", "evsed.sockets", "hal"},
    "evsed/evsectl": STDLIB
    | {"msgspec", "evsed", "hal.boards", "hal.calibration", "hal.errors", "hal.types"},
    "evsed/appliance": STDLIB
    | {"msgspec", "evsed.appliance", "evsed.config", "evsed.evsectl", "evsed.clock", "evsed.sockets"}
    | {"evsed"},
    "evsed/sim": STDLIB | {"msgspec", "evsed", "hal"},
    "evsed": STDLIB | {"msgspec", "evsed", "hal"},
    "evsed/mqtt.py": STDLIB | {"msgspec", "paho"},
    "evsed/service.py": STDLIB | {"systemd"},
}

# Modules that would make the control process slow to start, large, or late.
NOT_IN_CONTROL = (
    "paho",
    "pymodbus",
    "sqlite3",
    "asyncio",
    "logging",
    "json",
    "ssl",
    "evsed.api",
    "evsed.gateway",
)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def rule_for(path: Path) -> frozenset[str]:
    name = path.relative_to(ROOT).as_posix()
    return frozenset(MAY_IMPORT[max((r for r in MAY_IMPORT if name.startswith(r)), key=len)])


def sources() -> list[Path]:
    return sorted(p for package in ("evsed", "hal") for p in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_it_may(path: Path) -> None:
    allowed = rule_for(path)
    strangers = {m for m in imports_of(path) if not any(f"{m}.".startswith(f"{a}.") for a in allowed)}
    assert not strangers, f"{path.relative_to(ROOT)} must not import {', '.join(sorted(strangers))}"


def test_hal_knows_nothing_of_evsed() -> None:
    for path in (ROOT / "hal").rglob("*.py"):
        assert not {m for m in imports_of(path) if m.split(".")[0] == "evsed"}, path


def test_no_module_of_ours_imports_in_a_circle() -> None:
    graph = {
        _module(path): {_own(m) for m in imports_of(path)} & set(map(_module, sources()))
        for path in sources()
    }
    done: set[str] = set()
    for start in graph:
        _walk(start, graph, [], done)


def test_control_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, evsed.control.__main__; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = [m for m in loaded.stdout.split() if any(f"{m}.".startswith(f"{n}.") for n in NOT_IN_CONTROL)]
    assert not heavy


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _own(name: str) -> str:
    return name


def _walk(module: str, graph: dict[str, set[str]], path: list[str], done: set[str]) -> None:
    assert module not in path, f"import circle: {' -> '.join([*path[path.index(module) :], module])}"
    if module not in done:
        for imported in graph[module]:
            _walk(imported, graph, [*path, module], done)
        done.add(module)
