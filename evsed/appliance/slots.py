"""What is remembered of the slots: what has proved itself, what is on trial, what was rolled back.

Rule 1: a slot is known good by its version; an update takes that away before the first byte is written.
Rule 2: whoever runs after a reboot on the other slot than the one on trial knows that it was rolled back.
"""

from collections.abc import Sequence

import msgspec

from evsed.appliance.files import Disk, read_text
from evsed.appliance.places import Places
from evsed.appliance.system import Image

INSTALLED = "it did not start: no boot of it came as far as its self-check"


class Trial(msgspec.Struct, frozen=True):
    """installed: the installation has ended. boots_n: how often it has come as far as its self-check."""

    slot: str
    version: str
    boot_id: str  # of the boot that installed it
    faults: tuple[str, ...] = ()  # that there were before: they are not the update's
    installed: bool = False
    boots_n: int = 0
    failure: str = ""  # of the newest self-check


class Rollback(msgspec.Struct, frozen=True):
    """What has been left, and why. at: RFC 3339, as the clock was."""

    version: str
    slot: str
    reason: str
    at: str


class Slots(msgspec.Struct, frozen=True):
    good: dict[str, str] = {}
    trial: Trial | None = None
    last_rollback: Rollback | None = None

    def is_good(self, image: Image) -> bool:
        return self.good.get(image.slot) == image.version

    def can_go_back(self, image: Image) -> bool:
        return image.other_slot in self.good


class Told(msgspec.Struct, frozen=True):
    """What everybody may know, for the gateway."""

    id: str
    version: str
    slot: str
    proved: bool
    last_rollback: Rollback | None = None


def read(places: Places) -> Slots:
    """A record that cannot be read counts as none: the self-check then judges the slot anew."""
    text = read_text(places.slots)
    if not text:
        return Slots()
    try:
        return msgspec.json.decode(text, type=Slots)
    except msgspec.DecodeError:
        return Slots()


def write(places: Places, disk: Disk, slots: Slots) -> None:
    disk.write(places.slots, msgspec.json.format(msgspec.json.encode(slots)) + b"\n")


def tell(places: Places, disk: Disk, slots: Slots, image: Image) -> None:
    told = Told(image.id, image.version, image.slot, slots.is_good(image), slots.last_rollback)
    disk.write(places.told, msgspec.json.encode(told) + b"\n")


def installing(slots: Slots, slot: str, version: str, boot_id: str, faults: Sequence[str]) -> Slots:
    good = {name: known for name, known in slots.good.items() if name != slot}
    return msgspec.structs.replace(slots, good=good, trial=Trial(slot, version, boot_id, tuple(faults)))


def installed(slots: Slots) -> Slots:
    assert slots.trial is not None
    return msgspec.structs.replace(slots, trial=msgspec.structs.replace(slots.trial, installed=True))


def booted(slots: Slots, image: Image, boot_id: str, at: str) -> Slots:
    """After a start: a trial whose slot this is not has ended, if it ever began."""
    trial = slots.trial
    if trial is None or trial.slot == image.slot or trial.boot_id == boot_id:
        return slots
    ended = msgspec.structs.replace(slots, trial=None)
    if not (trial.installed or trial.boots_n):
        return ended  # the power was cut while it was being installed
    reason = trial.failure or INSTALLED
    return msgspec.structs.replace(ended, last_rollback=Rollback(trial.version, trial.slot, reason, at))


def checking(slots: Slots, image: Image, boot_id: str) -> Slots:
    """A self-check begins. An image that nobody has told of (a freshly flashed one) is on trial, too."""
    trial = slots.trial
    if trial is None or trial.slot != image.slot:
        trial = Trial(image.slot, image.version, boot_id, installed=True)
    return msgspec.structs.replace(
        slots, trial=msgspec.structs.replace(trial, boots_n=trial.boots_n + 1, version=image.version)
    )


def failed(slots: Slots, reason: str) -> Slots:
    assert slots.trial is not None
    return msgspec.structs.replace(slots, trial=msgspec.structs.replace(slots.trial, failure=reason))


def proved(slots: Slots, image: Image) -> Slots:
    return msgspec.structs.replace(slots, trial=None, good=slots.good | {image.slot: image.version})


def left(slots: Slots, image: Image, reason: str, at: str) -> Slots:
    """The owner goes back to the other slot."""
    return msgspec.structs.replace(
        slots, trial=None, last_rollback=Rollback(image.version, image.slot, reason, at)
    )
