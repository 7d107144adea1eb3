"""evse-provision.toml read and checked as a whole: right, or every problem told by its line."""

import ipaddress
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evsed.appliance import identity
from evsed.appliance.machine import Machine
from evsed.appliance.places import Places
from evsed.appliance.programs import ProgramFailed
from evsed.appliance.provision_schema import (
    EVSED_TABLE,
    OWN,
    OWN_KEYS,
    PASSWORD,
    TABLES,
    USERS_TABLE,
    Provision,
)
from evsed.config.check import printable, problem_with
from evsed.config.keys import EVSED
from evsed.config.load import ConfigError, bad_values, checked
from evsed.config.sources import Document, Finding, Problem, Setting, from_file, from_tables, read

_USER = re.compile(r"[A-Za-z0-9_-]{1,32}")


class NotProvisioned(Exception):
    """Nothing is taken of the file; the problems say why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def read_provision(machine: Machine) -> Provision:
    """Raises NotProvisioned."""
    document = read(machine.places.provision)
    if isinstance(document, list):
        raise NotProvisioned([finding for finding in document if isinstance(finding, Problem)])
    body = dict(document.tables)
    users, settings = body.pop(USERS_TABLE, {}), body.pop(EVSED_TABLE, {})
    findings = [
        *from_tables(document, body, OWN),
        *_users(document, users),
        *_below_evsed(document, settings),
    ]
    problems = [finding for finding in findings if isinstance(finding, Problem)]
    own = [f for f in findings if isinstance(f, Setting) and f.name in OWN_KEYS]
    of_evsed = [f for f in findings if isinstance(f, Setting) and f.name not in OWN_KEYS]
    problems += bad_values(own, OWN_KEYS)
    problems += _evsed_problems(machine.places, of_evsed)
    if not problems:
        provision = _built(own, users, of_evsed, tuple(body))
        problems = [problem for check in CHECKS for problem in check(machine, provision, document)]
    if problems:
        raise NotProvisioned(problems)
    return provision


def _users(document: Document, users: object) -> Iterator[Problem]:
    if not isinstance(users, Mapping):
        yield Problem(
            document.where(USERS_TABLE), f'{USERS_TABLE}: a table of lines such as anna = "password"'
        )
        return
    for name, password in users.items():
        where = document.where(USERS_TABLE, name)
        if not _USER.fullmatch(name) or name == identity.GATEWAY:
            text = "a user's name has 1..32 of A-Z a-z 0-9 _ -, and is not evsed, which is the gateway's"
            yield Problem(where, f"{printable(name)}: {text}")
        elif problem_with(PASSWORD, password):
            yield Problem(where, f"{name}: a password is {PASSWORD.allowed}")  # the value is not repeated


def _below_evsed(document: Document, settings: object) -> list[Finding]:
    if not isinstance(settings, Mapping):
        return [Problem(document.where(EVSED_TABLE), "evsed: a table of tables, such as [evsed.evse]")]
    return from_tables(document, settings, EVSED, (EVSED_TABLE,))


def _evsed_problems(places: Places, settings: list[Setting]) -> list[Problem]:
    """By evsed's own check of all its files, with these settings where their file will stand."""
    ours = places.provisioned_settings
    packaged, local = places.at("usr/lib/evsed/evsed.toml"), places.etc_evsed / "evsed.toml"
    parts = sorted({*ours.parent.glob("*.toml"), ours}, key=lambda path: path.name)
    findings: list[Finding] = []
    for path in (packaged, local, *parts):
        findings += settings if path == ours else from_file(path, may_be_missing=True)
    try:
        checked(findings)
    except ConfigError as error:
        return list(error.problems)
    return []


def _built(own: list[Setting], users: Any, of_evsed: list[Setting], tables: tuple[str, ...]) -> Provision:
    bodies: dict[str, dict[str, object]] = {table: {} for table in tables}
    for setting in own:
        key = OWN_KEYS[setting.name]
        bodies[key.table][key.field] = setting.value
    structs = {name: msgspec.convert(body, TABLES[name]) for name, body in bodies.items()}
    return Provision(**structs, users=dict(users), settings={s.name: s.value for s in of_evsed})  # type: ignore[arg-type]


def _ssh(machine: Machine, provision: Provision, document: Document) -> Iterator[Problem]:
    for number, key in enumerate(provision.ssh.authorized_keys if provision.ssh else (), 1):
        try:
            machine.programs.run("ssh-keygen", "-l", "-f", "-", text=key + "\n")
        except ProgramFailed:
            where = document.where("ssh", "authorized_keys")
            text = "is no public key in OpenSSH's form (ssh-ed25519 AAAA... name)"
            yield Problem(where, f"ssh.authorized_keys: number {number} {text}")


def _network(machine: Machine, provision: Provision, document: Document) -> Iterator[Problem]:
    table = provision.network
    if table is None:
        return
    if table.address == "dhcp":
        if table.gateway:
            yield _at(document, "network", "gateway", "goes only with a static network.address")
        return
    try:
        interface = ipaddress.ip_interface(table.address)
    except ValueError:
        interface = None
    if interface is None or "/" not in table.address:
        text = f'expected "dhcp" or an address such as 192.168.1.20/24, got "{table.address}"'
        yield _at(document, "network", "address", text)
    elif table.gateway and not _is_in(table.gateway, interface.network):
        text = f'expected an address in {interface.network}, got "{table.gateway}"'
        yield _at(document, "network", "gateway", text)


def _is_in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False


def _name_servers(machine: Machine, provision: Provision, document: Document) -> Iterator[Problem]:
    for address in provision.network.dns if provision.network else ():
        try:
            ipaddress.ip_address(address)
        except ValueError:
            yield _at(document, "network", "dns", f'expected addresses, got "{address}"')


def _zone(machine: Machine, provision: Provision, document: Document) -> Iterator[Problem]:
    zone = provision.time.zone if provision.time else ""
    inside = ".." not in Path(zone).parts and not zone.startswith("/")
    if zone and not (inside and (machine.places.zones / zone).is_file()):
        yield _at(document, "time", "zone", f'"{zone}" is not known here; such as Europe/Berlin')


def _tls(machine: Machine, provision: Provision, document: Document) -> Iterator[Problem]:
    table = provision.mqtt_tls
    if table is None:
        return
    files = {name: machine.places.boot / getattr(table, name) for name in ("certificate", "key")}
    missing = [name for name, path in files.items() if not path.is_file()]
    for name in missing:
        yield _at(document, "mqtt_tls", name, f'no file "{files[name].name}" on the boot partition')
    if missing:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["key"], password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        text = f"key and certificate do not fit together, are no PEM or have a passphrase ({error})"
        yield _at(document, "mqtt_tls", "key", text)


def _at(document: Document, table: str, field: str, text: str) -> Problem:
    return Problem(document.where(table, field), f"{table}.{field}: {text}")


CHECKS: tuple[Callable[[Machine, Provision, Document], Iterator[Problem]], ...] = (
    _ssh,
    _network,
    _name_servers,
    _zone,
    _tls,
)
