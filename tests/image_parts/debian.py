"""Files of Debian packages that this machine does not have: of another release, another architecture.

Rule 1: nothing is installed; apt works in a state of its own, on the machine's mirror, proxy and keys.
Rule 2: what was unpacked once stays in the cache; without network and cache the test skips with a reason.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SUITE = "trixie"  # of the image
MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIMIT_S = 400.0


def device_trees() -> Path:
    """Directory of the BCM2711's trees in Debian's arm64 kernel."""
    with _cache("dtb-arm64") as place:
        if not (place / "complete").exists():
            apt = _Apt(place / "apt", "arm64")
            kernel = apt.run("apt-cache", "depends", "linux-image-arm64").split("Depends: ")[1].split()[0]
            apt.run("apt-get", "download", kernel)
            _unpack(apt.home, place, "*/broadcom/bcm2711*.dtb")
            (place / "complete").touch()
        return next(place.rglob("bcm2711-rpi-4-b.dtb")).parent


def udevadm() -> list[str]:
    """Command line of this release's udevadm, with its own libraries."""
    with _cache("udev") as place:
        if not (place / "complete").exists():
            native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True)
            apt = _Apt(place / "apt", native.stdout.strip())
            apt.run("apt-get", "install", "--yes", "--download-only", "--no-install-recommends", "udev")
            _unpack(apt.home / "cache" / "archives", place, "*/bin/udevadm", "*/lib*/*", "*/libexec/*")
            (place / "complete").touch()
        loader = next(place.rglob("ld-linux-*"))
        program = next(place.rglob("bin/udevadm"))
        libraries = {str(library.parent) for library in place.rglob("*.so*")}
        return [str(loader), "--library-path", ":".join(sorted(libraries)), str(program)]


class _Apt:
    def __init__(self, home: Path, architecture: str) -> None:
        self.home = home
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (home / "sources.list").write_text(f"deb {signed}{_mirror()} {SUITE} main\n")
        settings = {
            "Dir::State": home / "state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": home / "cache",
            "Dir::Etc::sourcelist": home / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "APT::Architecture": architecture,
            "APT::Architectures::": architecture,
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "true",
        }
        self._options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        self.run("apt-get", "update")

    def run(self, program: str, *arguments: str) -> str:
        command = [program, *self._options, *arguments]
        try:
            done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, timeout=LIMIT_S)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{program} {arguments[0]}: {error}")
        if done.returncode:
            pytest.skip(f"{program} {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
        return done.stdout


def _mirror() -> str:
    """Where this machine gets Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get: the packages of Debian are not to be had")
    found = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    return found[0] if found else MIRROR


@contextmanager
def _cache(name: str) -> Iterator[Path]:
    """A directory that one test process at a time fills."""
    base = os.environ.get("XDG_CACHE_HOME")
    place = (Path(base) if base else Path.home() / ".cache") / "evsed-foreign" / f"debian-{SUITE}" / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


def _unpack(packages: Path, place: Path, *wanted: str) -> None:
    """These files of all packages; the packages are deleted."""
    for package in packages.glob("*.deb"):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as tar:
            command = ["tar", "--extract", f"--directory={place}", "--wildcards", *wanted]
            subprocess.run(command, stdin=tar.stdout, stderr=subprocess.DEVNULL)
        package.unlink()
    shutil.rmtree(place / "apt", ignore_errors=True)
