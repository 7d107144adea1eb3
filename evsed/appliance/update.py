"""`evsectl update install|status|rollback`.

Rule: nothing of the running slot is touched, and the other is written only of a whole bundle that is ours.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from evsed.appliance import rauc, slots, system, version
from evsed.appliance.charger import Ask, ChargerAway, why_not_now
from evsed.appliance.machine import Machine, Refused
from evsed.appliance.rauc import Bundle
from evsed.appliance.slots import Slots
from evsed.appliance.system import Image

MIB = 1 << 20
SPARE_BYTES = 16 * MIB  # the charger goes on storing sessions meanwhile
CHUNK_BYTES = MIB
BY_OWNER = "asked for by `evsectl update rollback`"


def install(machine: Machine, ask: Ask, source: Path, force: bool) -> Bundle:
    """To the other slot; it is started at the next reboot. Raises Refused, NoAppliance."""
    image = system.image_of(machine.places)
    _require_free(ask, force)
    bundle = _judged(machine, source)
    machine.say(f"{source.name}: version {bundle.version}; this is {image.version} in slot {image.slot}")
    copied = _copied(machine, source)
    try:
        if _judged(machine, copied) != bundle:
            raise Refused(f"{source}: has changed while it was copied; try again")
        _install(machine, ask, image, bundle, copied)
    finally:
        machine.disk.remove(copied)
    return bundle


def _install(machine: Machine, ask: Ask, image: Image, bundle: Bundle, copied: Path) -> None:
    begun = slots.installing(
        slots.read(machine.places),
        image.other_slot,
        bundle.version,
        system.boot_id(machine.places),
        _faults(ask),
    )
    slots.write(machine.places, machine.disk, begun)
    rauc.install(machine, str(copied))
    slots.write(machine.places, machine.disk, slots.installed(begun))


def rollback(machine: Machine, ask: Ask, force: bool) -> str:
    """The version of the other slot, which is started at the next reboot. Raises Refused, NoAppliance."""
    image, known = system.image_of(machine.places), slots.read(machine.places)
    older = known.good.get(image.other_slot)
    if older is None:
        raise Refused(f"slot {image.other_slot} holds nothing that has proved itself")
    _require_new_enough(f"slot {image.other_slot}", older)
    _require_free(ask, force)
    rauc.activate_other(machine)
    slots.write(machine.places, machine.disk, slots.left(known, image, BY_OWNER, machine.now()))
    return older


class UpdateStatus(msgspec.Struct, frozen=True):
    """good: the version that has proved itself, by slot. rauc: its own words, or why there are none."""

    image: Image
    slots: Slots
    proved: bool
    rauc: dict[str, Any] | str


def status(machine: Machine) -> UpdateStatus:
    """Raises NoAppliance."""
    image, known = system.image_of(machine.places), slots.read(machine.places)
    try:
        told: dict[str, Any] | str = rauc.status(machine)
    except Refused as refused:
        told = str(refused)
    return UpdateStatus(image, known, known.is_good(image), told)


def check_version(wanted: str) -> None:
    """What a bundle's own hook asks. Raises Refused."""
    _require_new_enough("this bundle", wanted)


def reboot_if_free(machine: Machine, ask: Ask, force: bool) -> None:
    """Raises Refused, ProgramFailed."""
    _require_free(ask, force)
    machine.reboot()


def _require_free(ask: Ask, force: bool) -> None:
    why = "" if force else why_not_now(ask)
    if why:
        raise Refused(f"{why} (or --force)")


def _require_new_enough(what: str, wanted: str) -> None:
    try:
        version.require_installable(wanted)
    except version.VersionRefused as error:
        raise Refused(f"{what}: {error}") from error


def _judged(machine: Machine, path: Path) -> Bundle:
    bundle = rauc.bundle_of(machine, str(path))
    ours = rauc.compatible(machine)
    if bundle.compatible != ours:
        raise Refused(f"{path}: it is made for {bundle.compatible}, and this is {ours}; take the right one")
    _require_new_enough(str(path), bundle.version)
    return bundle


def _copied(machine: Machine, source: Path) -> Path:
    """On the data partition, whole; a stick may be pulled out, and RAUC's streaming is fragile."""
    target = machine.places.bundle
    machine.disk.directory(target.parent, 0o700)
    part = target.with_suffix(".part")
    machine.disk.remove(part)
    try:
        _require_space(source, target.parent)
        _copy(source, part)
        machine.disk.rename(part, target)
    except OSError as error:
        machine.disk.remove(part)
        raise Refused(f"{source}: cannot be copied to {target.parent} ({error.strerror})") from error
    return target


def _require_space(source: Path, folder: Path) -> None:
    needed, free = source.stat().st_size + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        text = f"{folder} has {free // MIB} MiB free, {needed // MIB} MiB are needed; delete old recordings"
        raise Refused(f"the disk is full: {text}")


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, CHUNK_BYTES)
        writer.flush()
        os.fsync(writer.fileno())


def _faults(ask: Ask) -> tuple[str, ...]:
    try:
        return tuple(ask("status").get("faults", ()))
    except ChargerAway:
        return ()
