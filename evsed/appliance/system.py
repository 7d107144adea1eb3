"""Which machine this is: an appliance or not, its image, slot and serial number."""

import re

import msgspec

from evsed.appliance.files import read_text
from evsed.appliance.places import Places

SLOTS = ("A", "B")
_SLOT = re.compile(r"(?:^|\s)rauc\.slot=(\S+)")
_HOST_DIGITS_N = 8  # of the serial number, which is unique in its last ones


class NoAppliance(Exception):
    """The text says so, and why it is believed."""


class Image(msgspec.Struct, frozen=True):
    """The image that runs: IMAGE_ID and IMAGE_VERSION of os-release, and the slot it was started from."""

    id: str
    version: str
    slot: str

    @property
    def other_slot(self) -> str:
        return SLOTS[1 - SLOTS.index(self.slot)]


def image_of(places: Places) -> Image:
    """Raises NoAppliance."""
    release = os_release(places)
    slot = _SLOT.search(read_text(places.kernel_arguments))
    missing = [name for name in ("IMAGE_ID", "IMAGE_VERSION") if not release.get(name)]
    if missing:
        raise NoAppliance(f"this is not the appliance: {places.os_release} has no {' and no '.join(missing)}")
    if slot is None or slot[1] not in SLOTS:
        raise NoAppliance("this is not the appliance: the kernel was started without rauc.slot=A or B")
    return Image(release["IMAGE_ID"], release["IMAGE_VERSION"], slot[1])


def os_release(places: Places) -> dict[str, str]:
    """os-release(5), as far as the simple quoting there goes."""
    pairs = (line.split("=", 1) for line in read_text(places.os_release).splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def host_name(places: Places) -> str:
    """By the CPU's serial number, so that it stays after a reset; without one by the machine id."""
    serial = read_text(places.cpu_serial).strip("\0\n ").lower()
    digits = serial[-_HOST_DIGITS_N:] or read_text(places.machine_id).strip()[:_HOST_DIGITS_N]
    return f"evse-{digits}" if digits else "evse"


def boot_id(places: Places) -> str:
    return read_text(places.boot_id).strip()
