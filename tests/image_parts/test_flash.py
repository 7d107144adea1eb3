"""scripts/flash on files in place of disks, with a kernel's view of them as a directory tree."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image.flash import Kernel, Refused, flash, read_back

MIB = 1 << 20
CONTENT = os.urandom(3 * MIB) + bytes(MIB)


class Bench:
    """One disk `sdx` of 8 MiB with a partition `sdx1`, and an image of 4 MiB."""

    def __init__(self, root: Path) -> None:
        self.device, self.block, self.proc = root / "sdx", root / "block", root / "proc"
        self.device.write_bytes(bytes(8 * MIB))
        (self.block / "sdx" / "sdx1").mkdir(parents=True)
        (self.block / "sdx" / "sdx1" / "partition").write_text("1\n")
        (self.block / "sdx1").mkdir()
        (self.block / "sdx1" / "partition").write_text("1\n")
        (self.block / "sdx" / "size").write_text(f"{8 * MIB // 512}\n")
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "mounts").write_text("proc /proc proc rw 0 0\n")
        self.image = root / "evse-1.0.0-arm64.img"
        self.image.write_bytes(CONTENT)

    def flash(self, image: Path | None = None, device: Path | None = None) -> None:
        flash(image or self.image, device or self.device, True, Kernel(self.block, self.proc))

    def refusal(self, **what: Path) -> str:
        before = self.device.read_bytes()
        with pytest.raises(Refused) as refused:
            self.flash(**what)
        assert self.device.read_bytes() == before
        return str(refused.value)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_image_is_written_and_the_rest_is_left(bench: Bench) -> None:
    bench.flash()
    assert bench.device.read_bytes() == CONTENT + bytes(4 * MIB)


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_a_packed_image_is_unpacked(bench: Bench) -> None:
    packed = bench.image.with_suffix(".img.zst")
    subprocess.run(["zstd", "-q", "--long=27", bench.image, "-o", packed], check=True)
    bench.flash(packed)
    assert bench.device.read_bytes()[: len(CONTENT)] == CONTENT
    packed.write_bytes(packed.read_bytes()[:1000])
    assert "cannot be unpacked" in bench.refusal(image=packed)


@pytest.mark.parametrize("name", ["sdx", "sdx1"])
def test_a_mounted_disk_is_refused_with_its_place(bench: Bench, name: str) -> None:
    (bench.proc / "self" / "mounts").write_text(f"/dev/{name} /media/card vfat rw 0 0\n")
    assert "/media/card" in bench.refusal()


def test_a_disk_below_a_volume_or_swap_is_refused(bench: Bench) -> None:
    (bench.block / "sdx1" / "holders" / "dm-0").mkdir(parents=True)
    assert "dm-0" in bench.refusal()
    (bench.block / "sdx1" / "holders" / "dm-0").rmdir()
    (bench.proc / "swaps").write_text("Filename Type Size Used Priority\n/dev/sdx1 partition 1 0 -2\n")
    assert "swap" in bench.refusal()


def test_a_partition_and_what_is_no_disk_are_refused(bench: Bench) -> None:
    assert "partition" in bench.refusal(device=bench.device.with_name("sdx1"))
    assert "no disk" in bench.refusal(device=bench.device.with_name("null"))


def test_too_small_a_disk_is_refused_with_both_sizes(bench: Bench) -> None:
    (bench.block / "sdx" / "size").write_text(f"{3 * MIB // 512}\n")
    assert "3 MiB, the image needs 4" in bench.refusal()


def test_an_image_that_is_not_there_or_was_changed_is_refused(bench: Bench) -> None:
    assert "no such image" in bench.refusal(image=bench.image.with_name("none.img"))
    digest = hashlib.sha256(CONTENT).hexdigest()
    sums = bench.image.with_suffix(".sha256")
    sums.write_text(f"{digest}  {bench.image.name}\n")
    bench.flash()
    bench.image.write_bytes(CONTENT[:-1] + b"x")
    assert sums.name in bench.refusal()


def test_what_is_read_back_is_the_beginning_of_the_disk_and_all_of_it(bench: Bench) -> None:
    bench.flash()
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert read_back(bench.device, len(CONTENT)) == digest
    with bench.device.open("r+b") as disk:
        disk.seek(len(CONTENT) - 1)
        disk.write(b"x")
    assert read_back(bench.device, len(CONTENT)) != digest


def test_without_a_yes_the_name_must_be_typed(bench: Bench) -> None:
    told = subprocess.run(
        ["scripts/flash", bench.image, "/dev/null"], input="", capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "/dev/null is no disk" in told.stderr
