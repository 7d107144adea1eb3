"""What evse-provision.toml may hold: one Struct for each table. Below [evsed] stand the tables of evsed.toml.

Rule: a table that is not there changes nothing; one that is replaces all that was provisioned under its name.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from evsed.config.keys import Key, Vocabulary, keys_of
from evsed.config.marks import soft

EVSED_TABLE, USERS_TABLE = "evsed", "mqtt_users"
MIN_PASSWORD_CHARACTERS = 10

Text = Annotated[str, Meta(min_length=1, max_length=8192)]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern="^[A-Za-z0-9._:-]+$")]
FileName = "^[A-Za-z0-9][A-Za-z0-9._-]*$"


# fmt: off
class SshTable(msgspec.Struct, frozen=True):
    """Who may log in, as root, by key. SSH is on while there is one."""

    authorized_keys: Annotated[
        tuple[Text, ...], soft("Public keys in OpenSSH's form; none = SSH is off.")
    ] = ()


class NetworkTable(msgspec.Struct, frozen=True):
    """The Ethernet port."""

    address: Annotated[
        str, soft('"dhcp", or an address with its prefix length.', form='"dhcp" or such as 192.168.1.20/24',
                  min_length=1)
    ] = "dhcp"
    gateway: Annotated[str, soft("Address of the router; for a static address.")] = ""
    dns: Annotated[tuple[Host, ...], soft("Addresses of name servers; none = those that DHCP tells.")] = ()


class TimeTable(msgspec.Struct, frozen=True):
    """Where the time comes from."""

    zone: Annotated[str, soft("Time zone of the journal and of people.", form="such as Europe/Berlin")] = ""
    ntp_servers: Annotated[
        tuple[Host, ...], soft("Names or addresses of NTP servers; none = those of the image.")
    ] = ()


class TlsTable(msgspec.Struct, frozen=True):
    """The broker's certificate: with it the broker is reached from outside, by TLS on port 8883."""

    certificate: Annotated[
        str, soft("PEM file on the boot partition: the certificate and what it hangs on.",
                  form="a file name", min_length=1, pattern=FileName)
    ] = "server.crt"
    key: Annotated[
        str, soft("PEM file on the boot partition: its key, without a passphrase. It is removed from there.",
                  form="a file name", min_length=1, pattern=FileName)
    ] = "server.key"


class UserKey(msgspec.Struct, frozen=True):
    """One line of [mqtt_users]; the name of the key is the user's."""

    password: Annotated[
        str, soft("The user's password.", min_length=MIN_PASSWORD_CHARACTERS, max_length=128)
    ] = ""


class Provision(msgspec.Struct, frozen=True):
    """All of the file, checked; None for a table that is not there. users: name -> password."""

    ssh: SshTable | None = None
    network: NetworkTable | None = None
    time: TimeTable | None = None
    mqtt_tls: TlsTable | None = None
    users: dict[str, str] = {}
    settings: dict[str, Any] = {}  # of evsed, by key
# fmt: on


TABLES: dict[str, type[msgspec.Struct]] = {
    "ssh": SshTable,
    "network": NetworkTable,
    "time": TimeTable,
    "mqtt_tls": TlsTable,
}
OWN_KEYS: dict[str, Key] = {key.name: key for name, struct in TABLES.items() for key in keys_of(name, struct)}
OWN = Vocabulary((*TABLES, USERS_TABLE, EVSED_TABLE), OWN_KEYS)
PASSWORD = keys_of(USERS_TABLE, UserKey)[0]
