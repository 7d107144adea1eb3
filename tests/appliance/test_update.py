"""`evsectl update`: what is refused and why, what is remembered when the power goes, the way back by hand."""

import shutil
from pathlib import Path

import pytest

from evsed.appliance import slots, system, update
from evsed.appliance.machine import Refused
from evsed.appliance.rauc import Bundle
from evsed.appliance.verbs import status_lines
from tests.appliance.rig import NOW, Appliance, Charger, Power, PowerCut

GOOD = ("maker", "evse-cm4", "1.1.0", "whole")


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """1.0.0 in A and 0.9.0 in B have proved themselves."""
    appliance = Appliance(tmp_path / "appliance")
    know(appliance, slots.Slots(good={"A": "1.0.0", "B": "0.9.0"}))
    return appliance


def know(appliance: Appliance, known: slots.Slots) -> None:
    machine = appliance.machine()
    slots.write(machine.places, machine.disk, known)


def bundle(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "evse.raucb"
    path.write_text("\n".join(lines) + "\n")
    return path


def install(appliance: Appliance, path: Path, force: bool = False, power: Power | None = None) -> Bundle:
    return update.install(appliance.machine(power), Charger().ask, path, force)


def test_a_bundle_is_installed_and_waits_for_its_trial(appliance: Appliance, tmp_path: Path) -> None:
    path = bundle(tmp_path, *GOOD)
    assert install(appliance, path).version == "1.1.0"
    assert appliance.state("seen-bundle") == path.read_text().strip()
    assert appliance.slots()["good"] == {"A": "1.0.0"}
    assert "100% Installing done." in appliance.said
    assert not appliance.places.bundle.exists()
    machine = appliance.machine()
    lines = status_lines(update.status(machine))
    assert "Update      1.1.0 in slot B: installed, tried at the next reboot" in lines
    assert "Running     evse-cm4 1.0.0 in slot A, proved" in lines


def test_the_other_slot_counts_as_nothing_before_its_first_byte_is_written(
    appliance: Appliance, tmp_path: Path
) -> None:
    install(appliance, bundle(tmp_path, *GOOD))
    assert '"B"' not in appliance.state("slots-at-install").partition('"trial"')[0]


REFUSED = (
    (("other", *GOOD[1:]), "not signed by who makes this appliance's updates"),
    (("maker", "toaster", *GOOD[2:]), "it is made for toaster, and this is evse-cm4"),
    (("maker", "evse-cm4", "0.0.1", "whole"), "version 0.0.1 is older than 0.1.0"),
    (("maker", "evse-cm4", "latest", "whole"), "version 'latest' is not of the form"),
    (("maker", "evse-cm4", "1.1.0", "half"), "only a part of one; copy it again"),
)


@pytest.mark.parametrize(("lines", "why"), REFUSED)
def test_what_is_not_ours_is_refused_before_anything_is_written(
    appliance: Appliance, tmp_path: Path, lines: tuple[str, ...], why: str
) -> None:
    before = appliance.slots()
    with pytest.raises(Refused, match=why):
        install(appliance, bundle(tmp_path, *lines), force=True)
    assert appliance.slots() == before
    assert appliance.state("installed") == ""


def test_a_bundle_that_is_not_there(appliance: Appliance, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such file"):
        install(appliance, tmp_path / "none.raucb")


@pytest.mark.parametrize(
    ("charger", "why"),
    [
        (Charger(cp="B"), "an EV is plugged"),
        (Charger(session_uuid="s"), "an EV is plugged"),
        (Charger(control={"connected": False}), ""),
    ],
)
def test_never_with_an_ev_plugged_unless_forced(
    appliance: Appliance, tmp_path: Path, charger: Charger, why: str
) -> None:
    path = bundle(tmp_path, *GOOD)
    if not why:
        del charger.status["cp"]
        why = "it is not known whether an EV is plugged"
    with pytest.raises(Refused, match=rf"{why}.*--force"):
        update.install(appliance.machine(), charger.ask, path, force=False)
    assert update.install(appliance.machine(), charger.ask, path, force=True).version == "1.1.0"


def test_a_failed_installation_leaves_the_running_slot_and_says_why(
    appliance: Appliance, tmp_path: Path
) -> None:
    appliance.set_state("install-fails", "no space left on device")
    with pytest.raises(Refused, match=r"the disk is full .*; this slot goes on unchanged"):
        install(appliance, bundle(tmp_path, *GOOD))
    assert appliance.slots()["good"] == {"A": "1.0.0"}
    assert "was not installed whole" in "\n".join(status_lines(update.status(appliance.machine())))


def test_the_power_may_be_cut_at_any_moment_of_an_installation(appliance: Appliance, tmp_path: Path) -> None:
    """Started again from A, there is no rollback to be told: B never ran; and an update goes through."""
    path, whole = bundle(tmp_path, *GOOD), Power()
    install(appliance.copied(tmp_path / "whole"), path, power=whole)
    for cut_at in range(1, whole.moments_n + 1):
        cut = appliance.copied(tmp_path / f"cut-{cut_at}")
        with pytest.raises(PowerCut):
            install(cut, path, power=Power(cut_at))
        installed = (cut.slots()["trial"] or {}).get("installed", False)
        cut.boot("A", "1.0.0")
        machine = cut.machine()
        known = slots.booted(slots.read(machine.places), system.image_of(machine.places), "boot-2", NOW)
        assert (known.last_rollback is not None) == installed, cut_at
        assert known.good.get("A") == "1.0.0"
        assert install(cut, path).version == "1.1.0"
        shutil.rmtree(tmp_path / f"cut-{cut_at}")


def test_the_owner_goes_back(appliance: Appliance) -> None:
    assert update.rollback(appliance.machine(), Charger().ask, False) == "0.9.0"
    assert appliance.state("activated") == "other"
    assert appliance.slots()["last_rollback"] == {
        "version": "1.0.0", "slot": "A", "reason": update.BY_OWNER, "at": NOW,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("good", "why"),
    [({"A": "1.0.0"}, "slot B holds nothing that has proved itself"), ({"B": "0.0.9"}, "0.0.9 is older")],
)
def test_there_may_be_no_way_back(appliance: Appliance, good: dict[str, str], why: str) -> None:
    know(appliance, slots.Slots(good=good))
    with pytest.raises(Refused, match=why):
        update.rollback(appliance.machine(), Charger().ask, False)
    assert appliance.state("activated") == ""
