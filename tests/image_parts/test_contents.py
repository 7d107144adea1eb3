"""What goes into the image besides Debian's files: evsed's environment, and the bill of materials."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from image.sbom import debian, document, firmware
from image.venv import (
    FROM_DEBIAN,
    HOME,
    PACKAGES,
    forget_this_machine,
    install_evsed,
    locked,
    make_programs,
    needed,
)

REPOSITORY = Path(__file__).parents[2]
LOCK = (REPOSITORY / "requirements.lock").read_text()
DEBIAN_PACKAGES = "libc6:arm64\t2.41-12\tglibc\t2.41-12\nsystemd\t257.13-1\tsystemd\t257.13-1\n"


def test_what_the_daemon_needs_is_pinned_by_hash_or_is_debians() -> None:
    names = set(needed("evsed", "3.13"))
    assert {"msgspec", "gpiod", "paho-mqtt", "pymodbus"} <= names
    for block in locked(LOCK, names - FROM_DEBIAN):
        assert "--hash=sha256:" in block


def test_nothing_of_development_gets_into_the_image() -> None:
    assert {"pytest", "mypy", "hypothesis", "ruff"} & set(needed("evsed", "3.13")) == set()


def test_a_package_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(KeyError, match="left-pad"):
        list(locked(LOCK, {"left-pad"}))


def test_programs_start_with_the_devices_interpreter_and_carry_no_path_of_this_machine(
    tmp_path: Path,
) -> None:
    site = tmp_path / "lib/python3.13/site-packages"
    info = site / "evsed-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[console_scripts]\nevsectl = evsed.evsectl.__main__:main\n")
    make_programs(tmp_path, site, "3.13")
    text = (tmp_path / "bin/evsectl").read_text()
    assert text.startswith(f"#!{HOME}/bin/python3\n")
    assert "from evsed.evsectl.__main__ import main" in text
    written = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in written if str(REPOSITORY) in path.read_text()] == []


def test_evsed_is_the_same_from_every_checkout_whatever_lies_around_in_it(tmp_path: Path) -> None:
    trees = []
    for n, mode in enumerate((0o600, 0o664)):
        checkout, site = tmp_path / f"checkout-{n}", tmp_path / f"site-{n}"
        for package in PACKAGES:
            shutil.copytree(
                REPOSITORY / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / name, checkout)
        (checkout / "evsed/service.py").chmod(mode)
        left_over = checkout / "build/lib/evsed/removed_long_ago.py"
        left_over.parent.mkdir(parents=True)
        left_over.touch()
        install_evsed(site, checkout)
        forget_this_machine(site)
        trees.append(
            {
                str(path.relative_to(site)): (path.stat().st_mode, path.read_bytes())
                for path in site.rglob("*")
                if path.is_file()
            }
        )
    first, second = trees
    assert first == second
    assert "evsed/removed_long_ago.py" not in first
    assert "evsed/service.py" in first


def test_the_record_of_a_package_lists_what_is_there_and_no_program_of_this_machine(tmp_path: Path) -> None:
    install_evsed(tmp_path, REPOSITORY)
    forget_this_machine(tmp_path)
    (record,) = tmp_path.glob("evsed-*.dist-info/RECORD")
    listed = {line.split(",")[0] for line in record.read_text().splitlines()}
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert listed == there
    assert "evsed/service.py" in listed


def test_the_bill_names_each_package_with_version_and_origin(tmp_path: Path) -> None:
    (tmp_path / "debian").write_text(DEBIAN_PACKAGES)
    libc, systemd = debian(tmp_path / "debian")
    assert (libc["name"], libc["versionInfo"]) == ("libc6", "2.41-12")
    assert libc["comment"] == "built from glibc 2.41-12"
    assert systemd["externalRefs"][0]["referenceLocator"] == "pkg:deb/debian/systemd@257.13-1?arch=arm64"


def test_the_bill_has_the_hash_of_what_the_firmware_is(tmp_path: Path) -> None:
    (tmp_path / "start4.elf").write_bytes(b"abc")
    (tmp_path / "config.txt").write_text("ours")
    (entry,) = firmware(tmp_path)
    assert entry["checksums"][0]["checksumValue"].startswith("ba7816bf")


def test_the_bill_of_the_same_packages_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1754697600")
    (tmp_path / "debian").write_text(DEBIAN_PACKAGES)
    one, two = (document("1.0.0", list(debian(tmp_path / "debian"))) for _ in range(2))
    assert json.dumps(one) == json.dumps(two)
    assert one["creationInfo"]["created"] == "2025-08-09T00:00:00Z"
    identifiers = [entry["SPDXID"] for entry in one["packages"]]
    assert len(identifiers) == len(set(identifiers)) == len(one["relationships"])


@pytest.mark.parametrize("script", ["scripts/build-image", "scripts/boot-image"])
def test_a_script_explains_itself(script: str) -> None:
    if script.endswith("boot-image"):
        command = [sys.executable, "-m", "image.boot", "--help"]
    else:
        command = [str(REPOSITORY / script), "--help"]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert script in said


def test_a_word_that_means_nothing_ends_with_the_usage() -> None:
    command = [REPOSITORY / "scripts/build-image", "--nonsense"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: scripts/build-image")


def test_without_a_version_the_image_has_that_of_the_project() -> None:
    said = subprocess.run(
        ["bash", "-c", 'source image/lib.sh && project_version'],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said == tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"] + "\n"
