"""What the tests with foreign programs share: a broker, a running evsed, and npm's packages in a cache.

Rule: npm is asked once for each package-lock.json; nothing of it comes into the repository.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.bench import Broker
from tests.system.evse_process import Evse

HERE = Path(__file__).parent
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_LIMIT_S = 300.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def evse(broker: Broker) -> Iterator[Evse]:
    """Ready, with its Enabled told."""
    with Evse(broker) as evse:
        evse.expect("Enabled")
        yield evse


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Of package-lock.json; skips where npm is missing or does not get the packages."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not installed")
    folder = _cache() / _digest()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            _install(folder)
    return folder / "node_modules"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "evsed-foreign"


def _digest() -> str:
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PACKAGE_FILES)).hexdigest()[:16]


def _install(folder: Path) -> None:
    for name in PACKAGE_FILES:
        shutil.copy(HERE / name, folder)
    try:
        npm = subprocess.run(
            ["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci: not within {INSTALL_LIMIT_S:g} s")
    if npm.returncode:
        pytest.skip(f"npm ci failed: {npm.stderr.strip()[-300:]}")
    (folder / "installed").touch()
