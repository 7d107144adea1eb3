"""Lays out evsed's own Python environment for the image; nothing of the image's architecture is run.

    python image/venv.py --lock requirements.lock --python 3.13 --out DIR

DIR becomes what stands at /usr/lib/evsed/venv: pyvenv.cfg, bin/ with evsed's programs, site-packages with
the wheels that requirements.lock pins by hash, and evsed itself. Debian's python3-systemd and python3-spidev
are seen through the system's site-packages: they exist as sources only, and Debian builds them.
"""

import argparse
import configparser
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = "/usr/lib/evsed/venv"  # on the device
PLATFORMS = (
    "manylinux_2_36_aarch64",
    "manylinux_2_28_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux2014_aarch64",
)
PACKAGES = ("evsed", "hal")
FROM_DEBIAN = frozenset({"systemd-python", "spidev"})
CONFIG = """\
home = /usr/bin
include-system-site-packages = true
version = {python}
executable = /usr/bin/python3
"""
PROGRAM = """\
#!{home}/bin/python3
import sys

from {module} import {function}

sys.exit({function}())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--python", required=True, help="the image's version, such as 3.13")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    site = args.out / "lib" / f"python{args.python}" / "site-packages"
    site.mkdir(parents=True)
    lock = args.out / "requirements.lock"
    lock.write_text("".join(locked(args.lock.read_text(), set(needed("evsed", args.python)) - FROM_DEBIAN)))
    install(site, args.python, lock)
    install_evsed(site, args.lock.resolve().parent)
    forget_this_machine(site)
    make_programs(args.out, site, args.python)
    return 0


def needed(distribution: str, python: str) -> Iterator[str]:
    """Everything that it needs at run time on the device, by way of what is installed here."""
    there = {"python_version": python, "platform_machine": "aarch64", "sys_platform": "linux", "extra": ""}
    for requirement in map(Requirement, requires(distribution) or ()):
        if requirement.marker is None or requirement.marker.evaluate(there):
            name = canonicalize_name(requirement.name)
            yield name
            if name not in FROM_DEBIAN:
                yield from needed(name, python)


def locked(text: str, names: set[str]) -> Iterator[str]:
    """The lines of a lock file that pin these packages. Raises KeyError for one that is not pinned."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", text)
    by_name = {block.partition("==")[0].lower(): block for block in blocks if "==" in block}
    return (by_name[name] for name in sorted(names))


def install(site: Path, python: str, lock: Path) -> None:
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    fitting = ("--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms)
    _pip(f"--target={site}", *fitting, "--no-deps", "--require-hashes", f"--requirement={lock}")


def install_evsed(site: Path, repository: Path) -> None:
    """From a copy: setuptools takes what an earlier build left behind, and the modes of the checkout, too."""
    with tempfile.TemporaryDirectory() as place:
        clean = Path(place)
        for package in PACKAGES:
            shutil.copytree(
                repository / package, clean / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(repository / name, clean)
        for path in clean.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        _pip(f"--target={site}", "--no-deps", "--no-build-isolation", place)


def forget_this_machine(site: Path) -> None:
    """pip's programs start with this checkout's interpreter, and the records have their hashes."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for url in site.glob("*.dist-info/direct_url.json"):
        url.unlink()
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if (site / line.split(",")[0]).exists()))


def _pip(*arguments: str) -> None:
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "install")
    subprocess.run((*command, "--no-compile", "--upgrade", *arguments), check=True)


def make_programs(out: Path, site: Path, python: str) -> None:
    """bin/: the interpreter, and a program for each entry point; pip's own carry this machine's paths."""
    programs = out / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to("/usr/bin/python3")
    info = next(site.glob("evsed-*.dist-info"))
    points = configparser.ConfigParser()
    points.read(info / "entry_points.txt")
    for name, target in points["console_scripts"].items():
        module, _, function = target.partition(":")
        path = programs / name
        path.write_text(PROGRAM.format(home=HOME, module=module, function=function))
        path.chmod(0o755)
    (out / "pyvenv.cfg").write_text(CONFIG.format(python=python))


if __name__ == "__main__":
    sys.exit(main())
