"""The plug pulled at any moment, a kernel that hangs, a factory reset: the device comes back as it should."""

import json
import random
import time
from collections.abc import Callable

import pytest

from image.qemu import new_stick
from tests.image.conftest import Machine
from tests.image.images import NEXT, Images
from tests.image.test_running import charge

pytestmark = pytest.mark.image

SEED = 61851
CUTS = [pytest.param(5, id="5 cuts"), pytest.param(20, id="20 cuts", marks=pytest.mark.soak)]
STICK_MIB = 320
INSTALL = f"evsectl update install /run/stick/evse-{NEXT}-arm64.raucb </dev/null"
INSTALL_LIMIT_S = 900.0
READY_LIMIT_S = 300.0
WATCHDOG_CONF = "/etc/systemd/system.conf.d/evse.conf"
WATCHDOG_PROPERTY = (
    "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager RuntimeWatchdogUSec"
)
HUNG_LIMIT_S = 55.0  # the watchdog's time and U-Boot's first line; less than the 60 s of image.qemu.EMULATED


@pytest.fixture(scope="module")
def one_machine(images: Images, new_machine: Callable[[], Machine]) -> Machine:
    """For all of them, with an update on its stick: what has been through one test must stand the next."""
    machine = new_machine()
    machine.guest.stick = new_stick(machine.folder / "stick.img", [images.update(NEXT)], STICK_MIB)
    return machine


@pytest.fixture
def machine(one_machine: Machine) -> Machine:
    """Running, whatever the test before has left."""
    if not one_machine.guest.answers():
        cut_and_boot(one_machine)
    return one_machine


def identity(machine: Machine) -> str:
    """What the owner has on the device."""
    return machine.guest.sh(
        "cat /proc/sys/kernel/hostname /etc/machine-id /data/ssh/*.pub /etc/evsed/mqtt-password"
    )


def cut_and_boot(machine: Machine) -> None:
    machine.guest.cut()
    machine.boot()


def watchdog_as_shipped(machine: Machine) -> None:
    """Gives systemd its watchdog's time from our file, where image.qemu.EMULATED had made it longer."""
    shipped_s = machine.guest.sh(f"sed -n 's/^RuntimeWatchdogSec=//p' {WATCHDOG_CONF}")
    machine.guest.sh(f"busctl set-property {WATCHDOG_PROPERTY} t {shipped_s}000000")
    assert machine.guest.sh("cat /sys/class/watchdog/watchdog0/timeout") == shipped_s
    assert machine.guest.sh("cat /sys/class/watchdog/watchdog0/state") == "active"


def test_a_hung_kernel_is_reset_by_the_watchdog(machine: Machine) -> None:
    watchdog_as_shipped(machine)
    # A panic that waits for ever is a kernel that does nothing any more.
    machine.guest.type("echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger\n")
    machine.guest.expect(r"U-Boot 20", HUNG_LIMIT_S)
    machine.guest.login()


@pytest.mark.parametrize("cuts_n", CUTS)
def test_a_cut_in_a_session_and_an_update_costs_neither_the_record_nor_the_device(
    machine: Machine, cuts_n: int
) -> None:
    """Both at once: forced, an update goes on beside a session."""
    rng, before = random.Random(SEED), identity(machine)
    for _ in range(cuts_n):
        uuid = begin_session(machine)
        insert_stick(machine)
        machine.guest.sh(f"({INSTALL} --force) >/tmp/update.log 2>&1 &")
        time.sleep(rng.uniform(0.5, 60.0))
        cut_and_boot(machine)
        assert "rauc.slot=" in machine.guest.sh("cat /proc/cmdline")
        assert_closed_once(machine, uuid)
    assert identity(machine) == before
    insert_stick(machine)
    machine.guest.sh(INSTALL, INSTALL_LIMIT_S)


def begin_session(machine: Machine) -> str:
    """Its uuid, once power flows."""
    with machine.client() as client:
        client.await_value("ready", True, READY_LIMIT_S)
        charge(client)
        uuid: str = client.values("session_event")[-1]["uuid"]
        return uuid


def assert_closed_once(machine: Machine, uuid: str) -> None:
    with machine.client() as client:
        client.await_value("ready", True, READY_LIMIT_S)
    told = machine.guest.sh("evsectl sessions --json")
    ended = [session for session in json.loads(told) if session["uuid"] == uuid]
    assert [session.get("reason") for session in ended] == ["PowerLoss"], told


def insert_stick(machine: Machine) -> None:
    """Once the charger is there to be asked whether an EV is."""
    machine.guest.until("evsectl status", READY_LIMIT_S)
    machine.guest.sh("mkdir -p /run/stick; mount -o ro /dev/vdb /run/stick")


def test_a_factory_reset_takes_all_that_is_the_owners(machine: Machine) -> None:
    """The last, as it takes the way in from outside, too."""
    before = machine.guest.sh("cat /data/ssh/*.pub /etc/evsed/mqtt-password")
    machine.guest.sh("echo '# mine' >/etc/evsed/evsed.toml.d/mine.toml; echo mine >/var/lib/evsed/mine; sync")
    machine.guest.until("evsectl status", READY_LIMIT_S)
    machine.guest.type("evsectl factory-reset --yes\n")
    machine.guest.login()
    after = machine.guest.sh("cat /data/ssh/*.pub /etc/evsed/mqtt-password")
    assert after != before
    assert machine.guest.try_sh("ls /etc/evsed/evsed.toml.d/mine.toml /var/lib/evsed/mine")[0] != 0
    assert (
        machine.guest.sh("cat /etc/evsed/evsed.toml.d/50-provisioned.toml 2>/dev/null || echo none") == "none"
    )
