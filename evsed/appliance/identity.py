"""What makes one appliance different from the next: machine id, host key, the passwords of its broker.

Each step looks whether it is done and may be cut anywhere: the next start does the rest.
"""

import secrets

import msgspec

from evsed.appliance import boot_state, mqtt_users
from evsed.appliance.files import read_text
from evsed.appliance.machine import Machine

GATEWAY, OWNER = "evsed", "client"  # the broker's two first users
REPLY_PREFIX = "evse_client/"
_PASSWORD_BYTES_N = 15  # 20 characters of base64
_GROUP = "evsed"


class NewCredentials(msgspec.Struct, frozen=True):
    """Kept until the owner has been told: of the broker's file nobody can read them again."""

    gateway_password: str
    owner_password: str


def keep_machine_id(machine: Machine) -> None:
    """In the boot state: there it outlives an update and a reset, and the kernel is started with it."""
    known = read_text(machine.places.machine_id).strip()
    if known and not boot_state.get(machine.programs, boot_state.MACHINE_ID):
        boot_state.put(machine.programs, boot_state.MACHINE_ID, known)


def make_host_key(machine: Machine) -> None:
    key, disk = machine.places.host_key, machine.disk
    if key.exists():
        return
    disk.directory(key.parent, 0o700)
    fresh = key.with_name(key.name + ".new")
    public, fresh_public = key.with_name(key.name + ".pub"), key.with_name(fresh.name + ".pub")
    disk.remove(fresh)
    disk.remove(fresh_public)
    machine.programs.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "evse", "-f", str(fresh))
    for made, place in ((fresh_public, public), (fresh, key)):  # the key is the last: with it all is there
        disk.sync(made)
        disk.rename(made, place)


def make_credentials(machine: Machine) -> None:
    places = machine.places
    if places.new_credentials.exists() or not places.mqtt_passwords.exists():
        new = _new_credentials(machine)
        mqtt_users.put(machine, {GATEWAY: new.gateway_password, OWNER: new.owner_password}, anew=True)
        machine.disk.write(places.mqtt_password, new.gateway_password + "\n", 0o640, group=_GROUP)
        machine.disk.write(places.own_settings, _SETTINGS)
        _tell(machine, _CREDENTIALS.format(user=OWNER, password=new.owner_password))
        machine.disk.remove(places.new_credentials)


def _new_credentials(machine: Machine) -> NewCredentials:
    """Those of a start that was cut, if there was one: the owner may have been told already."""
    text = read_text(machine.places.new_credentials)
    if text:
        return msgspec.json.decode(text, type=NewCredentials)
    new = NewCredentials(_password(), _password())
    machine.disk.directory(machine.places.own, 0o700)
    machine.disk.write(machine.places.new_credentials, msgspec.json.encode(new), 0o600)
    return new


def _password() -> str:
    return secrets.token_urlsafe(_PASSWORD_BYTES_N)


def _tell(machine: Machine, text: str) -> None:
    with machine.writable_boot():
        machine.disk.write(machine.places.credentials, text, mode=None)
    try:
        machine.places.console.write_text(text)
    except OSError:
        machine.say("no console to show the MQTT password on; it is on the boot partition")


_SETTINGS = """\
# Made by evse-appliance at the first start. Your own settings go into a file with a name behind this one.
[mqtt]
username = "evsed"
password_file = "/etc/evsed/mqtt-password"
reply_prefixes = ["evse_client/"]
"""
_CREDENTIALS = """\
EVSE: user of its MQTT broker, made at the first start. This is shown once; keep it and delete the file.

user:     {user}
password: {password}

Replies go to topics below evse_client/{user}/.
"""
