"""An image in QEMU: the disk that it may write to, and the command line that boots it.

The machine is QEMU's "virt" with virtio disk and network: it has U-Boot, our boot script, kernel and root
in common with the Pi, but neither its pins nor its firmware.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("EVSE_CACHE", "/var/cache/evse-image"))
UBOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
DISK_SIZE = "4G"  # of the card that is imagined
MEMORY_MB = 1024
# What holds for an emulated machine alone. Beside other work systemd may be silent for longer than the 14 s
# that a hung one has on the Pi: it would be reset while it starts. And page tables of the kernel's own (KPTI,
# which a kernel at a random address insists on) have QEMU forget all translations at each system call.
EMULATED = {"evse-boot.env": "extra=systemd.watchdog_sec=60 kpti=0\n"}
BOOT_PARTITION_OFFSET = "1M"  # image/disk.sh aligns to it, and the partition is the first


def tool(*command: str | Path) -> list[str]:
    """A command line that runs this among the tools, where repository and EVSE_CACHE have the same paths."""
    return [str(REPOSITORY / "image/in-tools.sh"), *map(str, command)]


def new_disk(image: Path, folder: Path, boot_files: Mapping[str, str]) -> Path:
    """A disk of DISK_SIZE with the image (.img or .img.zst), EMULATED and these texts on its boot partition.

    folder must lie below CACHE. Raises CalledProcessError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "disk.img"
    if image.suffix == ".zst":
        with image.open("rb") as packed, raw.open("wb") as plain:
            subprocess.run(tool("zstd", "-dcq", "--long=27"), stdin=packed, stdout=plain, check=True)
    else:
        shutil.copyfile(image, raw)
    with tempfile.TemporaryDirectory(dir=folder) as texts:
        for name, text in {**EMULATED, **boot_files}.items():
            Path(texts, name).write_text(text)
            copy = tool(
                "mcopy", "-o", "-i", f"{raw}@@{BOOT_PARTITION_OFFSET}", Path(texts, name), f"::{name}"
            )
            subprocess.run(copy, check=True)
    subprocess.run(tool("qemu-img", "resize", "-q", "-f", "raw", raw, DISK_SIZE), check=True)
    return raw


def new_stick(path: Path, files: Iterable[Path], size_mib: int) -> Path:
    """What a USB stick with these files would be: one FAT over all of it."""
    path.unlink(missing_ok=True)
    subprocess.run(tool("truncate", "-s", f"{size_mib}M", path), check=True)
    subprocess.run(tool("mkfs.vfat", "-F", "32", path), check=True, stdout=subprocess.DEVNULL)
    for file in files:
        subprocess.run(tool("mcopy", "-i", path, file, f"::{file.name}"), check=True)
    return path


def command(disk: Path, forwards: Mapping[int, int], stick: Path | None = None) -> list[str]:
    """Boots the disk; the console is stdin and stdout. forwards: port on our loopback -> in the guest.

    stick: a second disk, read-only: /dev/vdb there.
    """
    network = "user,id=net" + "".join(
        f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in forwards.items()
    )
    drive = f"file={stick},if=none,id=stick,format=raw,readonly=on"
    second = ("-drive", drive, "-device", "virtio-blk-pci,drive=stick") if stick else ()
    return tool(
        *("qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-smp", "2"),
        *("-m", str(MEMORY_MB)),
        *("-bios", UBOOT, "-nographic", "-monitor", "none", "-serial", "stdio"),
        *("-drive", f"file={disk},if=none,id=disk,format=raw,cache=writeback"),
        *("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"),
        *("-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile="),
        *second,
        *("-device", "i6300esb", "-action", "watchdog=reset"),
    )  # fmt: skip
