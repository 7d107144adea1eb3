"""`evsectl factory-reset`: everything that makes this appliance its owner's goes, at the next start."""

from evsed.appliance import system
from evsed.appliance.charger import Ask, why_not_now
from evsed.appliance.machine import Machine, Refused

WARNING = """\
This deletes the configuration, all passwords and keys, the sessions and the journal, and reboots.
The version that runs stays. The MQTT passwords are made anew and shown on the boot partition.
"""


def factory_reset(machine: Machine, ask: Ask, force: bool) -> None:
    """Raises NoAppliance, Refused, ProgramFailed, OSError."""
    system.image_of(machine.places)
    why = "" if force else why_not_now(ask)
    if why:
        raise Refused(f"no factory reset: {why} (or --force)")
    machine.disk.write(machine.places.reset_flag, "")
    machine.reboot()
