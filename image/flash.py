"""Writes an image to an SD card, or to the eMMC of a CM4 that rpiboot shows as a disk, and reads it back.

    sudo scripts/flash dist/evse-0.1.0-arm64.img.zst /dev/sdX

What is mounted, in use, a partition, or too small is refused. Everything on the disk is lost.

An eMMC: fit the jumper that disables its boot (nRPIBOOT), connect the module's USB to this machine, run
Raspberry Pi's `rpiboot`; the eMMC appears as a disk. Afterwards take the jumper off.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK_BYTES = 4 << 20
SECTOR_BYTES = 512  # of the kernel's sizes, whatever the disk's are
TELL_EVERY_BYTES = 256 << 20


class Refused(Exception):
    """Nothing has been written; the text says why, and what to do."""


class Kernel:
    """What the kernel tells of the disks of this machine."""

    def __init__(self, sys_block: Path = Path("/sys/class/block"), proc: Path = Path("/proc")) -> None:
        self._block, self._proc = sys_block, proc

    def require_free_disk(self, device: Path) -> int:
        """Its size in bytes. Raises Refused."""
        name = device.resolve().name
        entry = self._block / name
        if not entry.is_dir():
            raise Refused(f"{device} is no disk; `lsblk` lists them")
        if (entry / "partition").exists():
            raise Refused(f"{device} is a partition; name the whole disk")
        parts = sorted(each.parent.name for each in entry.glob("*/partition"))
        for part in (name, *parts):
            self._require_unused(part)
        return int((entry / "size").read_text()) * SECTOR_BYTES

    def model(self, device: Path) -> str:
        path = self._block / device.resolve().name / "device" / "model"
        return path.read_text().strip() if path.exists() else "no name"

    def _require_unused(self, name: str) -> None:
        if places := [place for source, place in self._mounts() if Path(source).name == name]:
            raise Refused(f"/dev/{name} is mounted on {', '.join(places)}; umount it, if it is the right one")
        if any(Path(line.split()[0]).name == name for line in self._lines("swaps")[1:]):
            raise Refused(f"/dev/{name} is swap space of this machine")
        holders = self._block / name / "holders"
        if holders.is_dir() and (used := sorted(each.name for each in holders.iterdir())):
            raise Refused(f"/dev/{name} is in use by {', '.join(used)}")

    def _mounts(self) -> list[tuple[str, str]]:
        fields = [line.split() for line in self._lines("self/mounts")]
        return [(os.path.realpath(source), place) for source, place, *_ in fields if source.startswith("/")]

    def _lines(self, name: str) -> list[str]:
        path = self._proc / name
        return path.read_text().splitlines() if path.exists() else []


@contextmanager
def content_of(image: Path) -> Iterator[IO[bytes]]:
    """The disk's bytes. Raises Refused."""
    if image.suffix != ".zst":
        with image.open("rb") as plain:
            yield plain
        return
    try:
        unpacking = subprocess.Popen(["zstd", "-dcq", "--long=27", "--", image], stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise Refused("zstd is missing: apt-get install zstd") from None
    with unpacking:
        assert unpacking.stdout is not None
        yield unpacking.stdout
    if unpacking.returncode:
        raise Refused(f"{image} cannot be unpacked; is it whole?")


def require_as_built(image: Path) -> None:
    """By the .sha256 file beside it, if there is one. Raises Refused."""
    sums = image.with_name(image.name.removesuffix(".zst").removesuffix(".img") + ".sha256")
    if not sums.exists():
        return
    wanted = {name: digest for digest, name in (line.split() for line in sums.read_text().splitlines())}
    with image.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted.get(image.name, found) != found:
        raise Refused(f"{image} is not what {sums.name} says; fetch or build it again")


def measured(source: IO[bytes]) -> tuple[int, str]:
    """Size in bytes and SHA-256."""
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    return size_bytes, digest.hexdigest()


def write(source: IO[bytes], device: Path, size_bytes: int) -> None:
    """All of it, to the medium. O_EXCL: the kernel refuses a disk that somebody has mounted meanwhile."""
    fd = os.open(device, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
    with os.fdopen(fd, "wb", buffering=0) as disk:
        done_bytes = 0
        while chunk := source.read(CHUNK_BYTES):
            view = memoryview(chunk)
            while view:
                view = view[disk.write(view) :]
            before, done_bytes = done_bytes, done_bytes + len(chunk)
            if before // TELL_EVERY_BYTES != done_bytes // TELL_EVERY_BYTES:
                print(f"flash: {done_bytes * 100 // size_bytes} % written", flush=True)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # what is read back shall come from the medium


def read_back(device: Path, size_bytes: int) -> str:
    """SHA-256 of its beginning."""
    digest = hashlib.sha256()
    with device.open("rb") as disk:
        while size_bytes and (chunk := disk.read(min(CHUNK_BYTES, size_bytes))):
            digest.update(chunk)
            size_bytes -= len(chunk)
    return digest.hexdigest()


def flash(image: Path, device: Path, agreed: bool, kernel: Kernel) -> None:
    """Raises Refused, OSError."""
    if not image.is_file():
        raise Refused(f"{image}: there is no such image; scripts/build-image makes one")
    room_bytes = kernel.require_free_disk(device)
    require_as_built(image)
    with content_of(image) as source:
        size_bytes, digest = measured(source)
    if size_bytes > room_bytes:
        raise Refused(
            f"{device} has {room_bytes >> 20} MiB, the image needs {size_bytes >> 20}; take a larger one"
        )
    print(f"flash: {image.name}, {size_bytes >> 20} MiB")
    print(f"flash: to {device}: {kernel.model(device)}, {room_bytes >> 20} MiB")
    if not agreed and input(f"Everything on {device} will be lost. Type its name to go on: ") != str(device):
        raise Refused("not the same name")
    with content_of(image) as source:
        write(source, device, size_bytes)
    print("flash: reading back", flush=True)
    if read_back(device, size_bytes) != digest:
        raise OSError(f"{device} reads back other bytes than written; the card is worn out or a fake")
    print("flash: done; it is what was written")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/flash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path, help=".img.zst or .img")
    parser.add_argument("device", type=Path, help="the whole disk, such as /dev/sdb or /dev/mmcblk0")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    args = parser.parse_args()
    try:
        flash(args.image, args.device, args.yes, Kernel())
    except (Refused, OSError, EOFError) as error:
        print(f"flash: {error or 'nobody has agreed'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
