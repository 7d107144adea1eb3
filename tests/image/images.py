"""The images and updates that the tests need, built by scripts/build-image; kept as long as nothing changes.

Each has the test overlay: a root shell on the serial console. Nothing else differs from what is shipped.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from image.qemu import CACHE, REPOSITORY

FIRST, NEXT, BROKEN, DEVICES = "1.0.0", "1.1.0", "1.2.0", "1.3.0"
TEST_OVERLAY = REPOSITORY / "image/test/overlay"
SOURCES = ("evsed", "hal", "image", "rootfs-overlay", "udev", "pyproject.toml", "requirements.lock")
BUILD_LIMIT_S = 2400.0


class Images:
    """disk: of FIRST. Updates by version."""

    def __init__(self) -> None:
        self._folder = CACHE / "tests" / f"built-{_key()}"
        self._more = {BROKEN: self._broken, DEVICES: self._devices}

    @property
    def disk(self) -> Path:
        return self._built(FIRST, "img.zst")

    @property
    def with_kernel_devices(self) -> Path:
        """disk with the carrier board as simulated devices of the kernel in it."""
        return self._built(DEVICES, "img.zst")

    def update(self, version: str) -> Path:
        return self._built(version, "raucb")

    def _built(self, version: str, kind: str) -> Path:
        path = self._folder / f"evse-{version}-arm64.{kind}"
        if not path.exists():
            for older in CACHE.glob("tests/built-*"):
                if older != self._folder:
                    shutil.rmtree(older)
            extras = [TEST_OVERLAY]
            if version in self._more:
                extras.append(self._more[version]())
            command = [REPOSITORY / "scripts/build-image", "--version", version, "--out", self._folder]
            subprocess.run([*command, *(word for extra in extras for word in ("--extra", extra))], check=True,
                           timeout=BUILD_LIMIT_S)  # fmt: skip
        return path

    def _broken(self) -> Path:
        """A control that cannot start: what a bad release would be."""
        folder = self._folder / "broken"
        program = folder / "usr/lib/evsed/venv/bin/evsed-control"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\necho this release is broken >&2\nexit 1\n")
        program.chmod(0o755)
        return folder

    def _devices(self) -> Path:
        folder = self._folder / "devices"
        folder.mkdir(parents=True, exist_ok=True)
        command = [REPOSITORY / "image/test/kernel-devices.sh", folder]
        subprocess.run(command, check=True, timeout=BUILD_LIMIT_S)
        return folder


def dummy_update(name: str, version: str, **environment: str) -> Path:
    """A bundle that must be refused before anything of it is written. environment: EVSE_PKI, COMPATIBLE."""
    folder = CACHE / "tests" / "dummies"
    folder.mkdir(parents=True, exist_ok=True)
    for image in ("root.erofs", "kernel.ext4"):
        (folder / image).write_bytes(os.urandom(65536))
    path = folder / f"{name}.raucb"
    subprocess.run(
        [REPOSITORY / "image/bundle.sh", folder, path, version],
        check=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "EVSE_CACHE": str(CACHE), **environment},
    )
    return path


def other_keys() -> Path:
    """Those of another maker, who keeps them outside of what a build makes."""
    folder = CACHE.parent / f"{CACHE.name}-other-pki"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "EVSE_CACHE": str(CACHE),
        "EVSE_NEW_PKI": str(folder),
    }
    subprocess.run([REPOSITORY / "image/pki.sh"], check=True, stdout=subprocess.DEVNULL, env=environment)
    return folder


def _key() -> str:
    digest = hashlib.sha256()
    for path in _files():
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *SOURCES],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(listed.stdout.splitlines()):
        if (REPOSITORY / name).is_file():
            yield REPOSITORY / name
