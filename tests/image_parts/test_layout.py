"""The partitions have one set of names, types and sizes in all the files that speak of them."""

import re
from pathlib import Path

IMAGE = Path(__file__).parents[2] / "image"
ROOT = Path(__file__).parents[2] / "rootfs-overlay"
PERSIST = (ROOT / "usr/lib/evsed/persist.conf").read_text()
EMMC_MIB = 3700  # of the smallest CM4's 4 GB


def layout() -> dict[str, str]:
    return dict(re.findall(r"(?m)^(\w+)=(\S+)", (IMAGE / "layout.env").read_text()))


def partitions() -> list[str]:
    return re.findall(r"(?m)^\tpartition (\w+) ", (IMAGE / "disk.sh").read_text())


def test_the_disk_fits_the_smallest_emmc() -> None:
    size = {name: int(value) for name, value in layout().items() if name.endswith("_mib")}
    both = 2 * (size["kernel_mib"] + size["root_mib"])
    assert size["boot_mib"] + both + size["bootstate_mib"] + size["data_mib"] < EMMC_MIB


def test_the_data_partition_is_the_last_and_the_one_that_grows() -> None:
    assert partitions()[-1] == "data"
    assert f"Type={layout()['data_type']}" in (ROOT / "etc/repart.d/50-data.conf").read_text()


def test_boot_script_and_updater_know_the_same_slots() -> None:
    script, updater = (IMAGE / "boot/boot.cmd").read_text(), (IMAGE / "rauc-system.conf").read_text()
    slots = {"kernel_a", "root_a", "kernel_b", "root_b"}
    assert slots <= set(partitions())
    assert set(re.findall(r"(?:kernel|root)_[ab]\b", script)) == slots
    assert set(re.findall(r"by-partlabel/(\w+)", updater)) == slots
    assert set(re.findall(r"bootname=(\w)", updater)) == set(re.findall(r"setenv slot (\w)", script))


def test_the_boot_state_has_one_size_and_place() -> None:
    place, offset, size = (ROOT / "etc/fw_env.config").read_text().splitlines()[-1].split()
    script = (IMAGE / "boot/boot.cmd").read_text()
    assert (place, int(offset, 16)) == ("/dev/disk/by-partlabel/bootstate", 0)
    assert f"env import -c ${{state_addr}} {size}" in script
    assert f"env export -c -s {size}" in script
    assert int(size, 16) <= int(layout()["bootstate_mib"]) << 20


def test_what_is_mounted_is_there() -> None:
    mounted = re.findall(r"(?m)^/dev/disk/by-partlabel/(\w+)", (ROOT / "etc/fstab").read_text())
    assert set(mounted) == {"boot", "data"} <= set(partitions())


def test_what_persists_is_a_short_list_of_paths_with_an_owner_who_exists() -> None:
    rows = [line.split() for line in PERSIST.splitlines() if line and not line.startswith("#")]
    assert [path for path, _, _ in rows] == [
        "/etc/evsed",
        "/var/lib/evsed",
        "/var/lib/chrony",
        "/var/log/journal",
    ]
    users = (ROOT / "usr/lib/sysusers.d/evsed.conf").read_text()
    for _, owner, mode in rows:
        assert int(mode, 8) & 0o002 == 0
        for name in set(owner.split(":")) - {"root", "_chrony", "systemd-journal"}:
            assert re.search(rf"(?m)^[ug] {name} ", users), name


def test_every_unit_of_ours_that_is_enabled_exists() -> None:
    named = re.findall(r"(?m)^enable (evse\S+)", (IMAGE / "units.txt").read_text())
    ours = {path.name for path in (ROOT / "usr/lib/systemd/system").glob("evse*.*")}
    assert set(named) == ours


def test_no_host_is_named_where_the_image_is_built() -> None:
    for path in [*IMAGE.glob("*.sh"), *IMAGE.glob("*.py"), *IMAGE.glob("packages/*")]:
        assert re.findall(r"https?://[\w.-]+", path.read_text()) == [], path
