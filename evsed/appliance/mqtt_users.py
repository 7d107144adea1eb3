"""The users of the appliance's own broker. Their passwords are kept as hashes only."""

from collections.abc import Mapping

from evsed.appliance.machine import Machine

_BROKER = "mosquitto"


def put(machine: Machine, passwords: Mapping[str, str], anew: bool = False) -> None:
    """Set these users' passwords, next to those that are there unless `anew`. Raises ProgramFailed, OSError.

    mosquitto_passwd hashes a file in memory (below /run) in place: so no password is on the disk or among the
    arguments of a process.
    """
    places, disk = machine.places, machine.disk
    kept = {} if anew else hashed(machine)
    plain = places.told.with_name("passwd")
    disk.write(plain, "".join(f"{user}:{word}\n" for user, word in passwords.items()), 0o600)
    machine.programs.run("mosquitto_passwd", "-U", str(plain))
    new = dict(line.split(":", 1) for line in plain.read_text().splitlines())
    lines = "".join(f"{user}:{word}\n" for user, word in (kept | new).items())
    disk.write(places.mqtt_passwords, lines, 0o600, _BROKER, _BROKER)
    disk.remove(plain)


def hashed(machine: Machine) -> dict[str, str]:
    """User: hash."""
    path = machine.places.mqtt_passwords
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split(":", 1) for line in lines if ":" in line)
