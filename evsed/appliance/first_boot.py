"""`evse-appliance first-boot`, at every start, before network, broker, SSH and evsed.

What is missing is made, what is provisioned is applied, and then what holds for this boot is put in place.
A step that fails is told and does not keep the others from being done: the charger shall charge.
"""

from collections.abc import Callable

from evsed.appliance import identity, slots, system
from evsed.appliance.machine import Machine
from evsed.appliance.programs import ProgramFailed
from evsed.appliance.provision import provision


def first_boot(machine: Machine) -> bool:
    """Whether every step went through. Raises NoAppliance."""
    system.image_of(machine.places)
    return all([_done(machine, text, step) for text, step in STEPS])


def _done(machine: Machine, text: str, step: Callable[[Machine], object]) -> bool:
    try:
        step(machine)
    except (ProgramFailed, OSError) as error:
        machine.shout(f"{text}: {error}")
        return False
    return True


def _name_host(machine: Machine) -> None:
    machine.programs.run("hostname", system.host_name(machine.places))


def _activate(machine: Machine) -> None:
    """/run is what networkd, chrony and the C library look at beside the read-only root."""
    places, disk = machine.places, machine.disk
    for kept, active in (
        (places.network, places.run_network),
        (places.time_servers, places.run_time_servers),
    ):
        if kept.exists():
            disk.write(active, kept.read_bytes())
    if places.zone.exists():
        disk.directory(places.local_time.parent)
        places.local_time.unlink(missing_ok=True)
        places.local_time.symlink_to(f"/usr/share/zoneinfo/{places.zone.read_text().strip()}")


def _look_at_slots(machine: Machine) -> None:
    image, known = system.image_of(machine.places), slots.read(machine.places)
    now = slots.booted(known, image, system.boot_id(machine.places), machine.now())
    if now != known:
        slots.write(machine.places, machine.disk, now)
    if now.last_rollback != known.last_rollback and now.last_rollback is not None:
        back = now.last_rollback
        machine.shout(f"version {back.version} in slot {back.slot} was rolled back: {back.reason}")
    slots.tell(machine.places, machine.disk, now, image)


STEPS: tuple[tuple[str, Callable[[Machine], object]], ...] = (
    ("host name", _name_host),
    ("machine id", identity.keep_machine_id),
    ("SSH host key", identity.make_host_key),
    ("MQTT credentials", identity.make_credentials),
    ("provisioning", provision),
    ("settings for this boot", _activate),
    ("slots", _look_at_slots),
)
