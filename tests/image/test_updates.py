"""Updates by RAUC from one slot to the other, refused ones, and the way back from a bad one.

One machine, in the order of the file: what a test leaves behind is the next one's beginning.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from image.qemu import new_stick
from tests.image.conftest import Machine
from tests.image.images import BROKEN, NEXT, Images, dummy_update, other_keys

pytestmark = pytest.mark.image

INSTALL_LIMIT_S = 900.0
PROVED_LIMIT_S = 500.0
ROLLBACK_LIMIT_S = 2400.0  # three tries, each a boot and minutes of self-check
STICK_MIB = 640


@pytest.fixture(scope="module")
def machine(images: Images, new_machine: Callable[[], Machine]) -> Machine:
    """With a stick in it that has good and bad updates."""
    machine = new_machine()
    updates = [
        images.update(NEXT),
        images.update(BROKEN),
        dummy_update("other-key", "1.5.0", EVSE_PKI=str(other_keys())),
        dummy_update("other-device", "1.5.0", COMPATIBLE="toaster"),
        dummy_update("too-old", "0.0.1"),
    ]
    machine.guest.stick = new_stick(machine.folder / "stick.img", updates, STICK_MIB)
    machine.boot()
    insert_stick(machine)
    await_proved(machine, "1.0.0", "A")
    return machine


def insert_stick(machine: Machine) -> None:
    machine.guest.sh("mkdir -p /run/stick && mount -o ro /dev/vdb /run/stick")


def await_proved(
    machine: Machine, version: str, slot: str, limit_s: float = PROVED_LIMIT_S
) -> dict[str, Any]:
    machine.guest.until("grep -q '\"proved\": *true' /run/evse-appliance/image.json", limit_s, "slot good")
    told: dict[str, Any] = json.loads(machine.guest.sh("cat /run/evse-appliance/image.json"))
    assert (told["version"], told["slot"]) == (version, slot)
    return told


def install(machine: Machine, name: str) -> tuple[int, str]:
    machine.guest.until("evsectl status", 200.0)
    return machine.guest.try_sh(f"evsectl update install /run/stick/{name} </dev/null", INSTALL_LIMIT_S)


def reboot(machine: Machine) -> None:
    machine.guest.sh("systemctl --no-block reboot")
    machine.guest.login()
    insert_stick(machine)


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        ("other-key.raucb", "sign"),
        ("other-device.raucb", "toaster"),
        ("too-old.raucb", "0.0.1"),
        ("none", "none"),
    ],
)
def test_what_is_not_ours_is_refused_with_a_reason(machine: Machine, bundle: str, why: str) -> None:
    code, said = install(machine, bundle)
    assert code, said
    assert why in said
    assert "Traceback" not in said
    assert "BOOT_ORDER=A B" in machine.guest.sh("fw_printenv")


def test_rauc_itself_refuses_another_key(machine: Machine) -> None:
    code, said = machine.guest.try_sh("rauc install /run/stick/other-key.raucb", INSTALL_LIMIT_S)
    assert code, said


def test_no_update_with_an_ev_plugged(machine: Machine) -> None:
    with machine.client() as client:
        client.until(lambda: client.connected, "connected")
        client.car("iec_wait_pwr_ready")
        client.await_events("SessionStarted")
        code, said = install(machine, f"evse-{NEXT}-arm64.raucb")
        assert code, said
        assert "EV" in said
        client.car("unplug")
        client.await_events("SessionFinished")


def test_a_good_update_is_started_from_the_other_slot_and_keeps_what_is_the_owners(machine: Machine) -> None:
    kept = (
        "cat /etc/hostname /proc/sys/kernel/hostname /data/ssh/*.pub /etc/evsed/mqtt-password /etc/machine-id"
    )
    before = machine.guest.try_sh(kept)[1]
    code, said = install(machine, f"evse-{NEXT}-arm64.raucb")
    assert code == 0, said
    reboot(machine)
    await_proved(machine, NEXT, "B")
    assert machine.guest.try_sh(kept)[1] == before
    assert "1.1.0" in machine.guest.sh("evsectl update status")


def test_a_bad_update_goes_back_by_itself_and_says_why(machine: Machine) -> None:
    code, said = install(machine, f"evse-{BROKEN}-arm64.raucb")
    assert code == 0, said
    machine.guest.sh("systemctl --no-block reboot")
    machine.guest.expect(r"evse: slot A.*\n", ROLLBACK_LIMIT_S)
    machine.guest.expect(r"evse: slot B.*\n", ROLLBACK_LIMIT_S)
    machine.guest.login()
    told = await_proved(machine, NEXT, "B")
    assert told["last_rollback"]["version"] == BROKEN, told
    assert told["last_rollback"]["reason"], told
    with machine.client() as client:
        software = client.until(lambda: client.values("software"), "the version")[-1]
        assert software["image"]["last_rollback"]["version"] == BROKEN
