"""requirements.lock holds every version there is: all of them, exact, and from wherever pip gets packages."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def entries() -> list[str]:
    """Return the logical lines: a requirement with its hashes."""
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pins() -> list[Requirement]:
    return [Requirement(entry.split(" --hash")[0]) for entry in entries()]


def wanted() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    groups.append(PROJECT["build-system"]["requires"])
    return [Requirement(requirement) for group in groups for requirement in group]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.split()[0])
def test_a_locked_requirement_has_an_exact_version_and_a_hash(entry: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", entry.rstrip())


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_a_dependency_of_the_project_is_locked_at_a_version_that_fits(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    locked = [next(iter(pin.specifier)).version for pin in pins() if pin.name == name]
    assert len(locked) == 1, "not locked once: run scripts/lock"
    assert requirement.specifier.contains(locked[0]), "run scripts/lock"


def test_the_lock_names_no_registry_and_no_host() -> None:
    assert not re.search(r"http|://|--(extra-)?index|--find-links|--trusted-host", LOCK)
