"""evse-provision.toml: applied as a whole, then consumed.

Rule 1: it is applied again after a cut: each file is written whole, with what it shall hold in the end.
Rule 2: it goes only once everything is on the disk, and what it brought (passwords, a key) goes with it.
"""

import hashlib

import msgspec

from evsed.appliance import mqtt_users
from evsed.appliance.files import read_text
from evsed.appliance.machine import Machine
from evsed.appliance.provision_check import NotProvisioned, read_provision
from evsed.appliance.provision_schema import NetworkTable, Provision, TimeTable
from evsed.config.keys import KEYS, TABLES, literal

_BROKER = "mosquitto"


class Consumed(msgspec.Struct, frozen=True):
    """What is to go from the boot partition: name -> SHA-256, so that nothing newer goes."""

    files: dict[str, str]


def provision(machine: Machine) -> bool:
    """Whether something was applied. What is refused changes nothing and is told in the report."""
    places = machine.places
    _finish(machine)
    if not places.provision.exists():
        return False
    try:
        wanted = read_provision(machine)
    except NotProvisioned as refused:
        machine.shout(f"{places.provision.name}: refused as a whole, see {places.report.name} beside it")
        for problem in refused.problems:
            machine.say(str(problem))
        _report(machine, _REFUSED + "".join(f"{problem}\n" for problem in refused.problems))
        return False
    _apply(machine, wanted)
    _report(machine, f"{_APPLIED}{_summary(wanted)}")
    _note_consumed(machine, wanted)
    _finish(machine)
    machine.say(f"{places.provision.name}: applied")
    return True


def _apply(machine: Machine, wanted: Provision) -> None:
    _apply_ssh(machine, wanted)
    if wanted.network is not None:
        machine.disk.write(machine.places.network, network_text(wanted.network))
    if wanted.time is not None:
        _apply_time(machine, wanted.time)
    if wanted.users:
        mqtt_users.put(machine, wanted.users)
    _apply_tls(machine, wanted)
    if wanted.settings:
        machine.disk.write(machine.places.provisioned_settings, settings_text(wanted), 0o640, group="evsed")


def _apply_ssh(machine: Machine, wanted: Provision) -> None:
    if wanted.ssh is None:
        return
    path = machine.places.authorized_keys
    if wanted.ssh.authorized_keys:
        machine.disk.directory(path.parent, 0o700)
        machine.disk.write(path, "".join(f"{key}\n" for key in wanted.ssh.authorized_keys), 0o600)
    else:
        machine.disk.remove(path)


def _apply_time(machine: Machine, time: TimeTable) -> None:
    places = machine.places
    servers = "".join(f"server {name} iburst\n" for name in time.ntp_servers)
    for path, text in ((places.time_servers, servers), (places.zone, time.zone)):
        if text:
            machine.disk.write(path, text)
        else:
            machine.disk.remove(path)


def _apply_tls(machine: Machine, wanted: Provision) -> None:
    if wanted.mqtt_tls is None:
        return
    places, disk = machine.places, machine.disk
    key, certificate = (places.boot / name for name in (wanted.mqtt_tls.key, wanted.mqtt_tls.certificate))
    disk.write(places.tls_key, key.read_bytes(), 0o600, _BROKER, _BROKER)
    disk.write(places.tls_certificate, certificate.read_bytes())
    disk.write(places.tls_listener, TLS_LISTENER)


def network_text(network: NetworkTable) -> str:
    """systemd.network(5)."""
    lines = ["# Made by evse-appliance of evse-provision.toml.", "[Match]", "Type=ether", "", "[Network]"]
    if network.address == "dhcp":
        lines += ["DHCP=yes"]
    else:
        lines += [f"Address={network.address}"]
        lines += [f"Gateway={network.gateway}"] if network.gateway else []
    lines += [f"DNS={address}" for address in network.dns]
    lines += ["", "[DHCPv4]", "UseDNS=no"] if network.dns and network.address == "dhcp" else []
    return "\n".join(lines) + "\n"


def settings_text(wanted: Provision) -> str:
    """A drop-in of evsed."""
    text = "# Made by evse-appliance of evse-provision.toml; the next one replaces it.\n"
    for table in TABLES:
        named = {KEYS[name].field: v for name, v in wanted.settings.items() if KEYS[name].table == table}
        text += f"[{table}]\n" if named else ""
        text += "".join(f"{field} = {literal(value)}\n" for field, value in named.items())
    return text


def _note_consumed(machine: Machine, wanted: Provision) -> None:
    tls = wanted.mqtt_tls
    names = [machine.places.provision.name, *([tls.key, tls.certificate] if tls else [])]
    files = {name: _sum(machine, name) for name in names}
    machine.disk.write(machine.places.consumed, msgspec.json.encode(Consumed(files)), 0o600)


def _finish(machine: Machine) -> None:
    """What is still to go; also that of a start that was cut."""
    places = machine.places
    text = read_text(places.consumed)
    if not text:
        return
    files = msgspec.json.decode(text, type=Consumed).files
    with machine.writable_boot():
        for name, sha256 in files.items():
            if (places.boot / name).exists() and _sum(machine, name) == sha256:
                machine.disk.remove(places.boot / name)
    machine.disk.remove(places.consumed)


def _sum(machine: Machine, name: str) -> str:
    return hashlib.sha256((machine.places.boot / name).read_bytes()).hexdigest()


def _report(machine: Machine, text: str) -> None:
    """Only if it says something new: the boot partition is not written at every start."""
    path = machine.places.report
    if read_text(path) != text:
        with machine.writable_boot():
            machine.disk.write(path, text, mode=None)


def _summary(wanted: Provision) -> str:
    """What was applied; of secrets only that they are there."""
    lines = []
    if wanted.ssh is not None:
        lines.append(f"SSH: {len(wanted.ssh.authorized_keys)} keys")
    if wanted.network is not None:
        lines.append(f"network: {wanted.network.address}")
    if wanted.time is not None:
        lines.append(
            f"time: {wanted.time.zone or 'UTC'}, NTP {', '.join(wanted.time.ntp_servers) or 'default'}"
        )
    lines += [f"MQTT user: {name}" for name in wanted.users]
    lines += ["MQTT by TLS on port 8883"] if wanted.mqtt_tls else []
    lines += [f"setting of evsed: {name}" for name in wanted.settings]
    return "".join(f"{line}\n" for line in lines or ["nothing: the file was empty"])


TLS_LISTENER = """\
# Made by evse-appliance of evse-provision.toml.
listener 8883
certfile /data/mosquitto/tls/server.crt
keyfile /data/mosquitto/tls/server.key
tls_version tlsv1.2
"""
_APPLIED = "evse-provision.toml has been applied and removed.\n\n"
_REFUSED = """\
evse-provision.toml was refused; nothing of it has been applied. Correct these lines and start again.

"""
