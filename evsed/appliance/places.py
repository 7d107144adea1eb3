"""Where everything of the appliance is, below one root: a test is given a tree of its own.

Rule: what has to outlive a reboot is below /data, what the owner reads or writes by another computer on the
boot partition, and what the services are told for this boot below /run.
"""

from pathlib import Path

import msgspec

BOOT, DATA, RUN = "boot/firmware", "data", "run/evse-appliance"


class Places(msgspec.Struct, frozen=True):
    root: Path = Path("/")

    def at(self, path: str) -> Path:
        return self.root / path

    # What the system tells about itself.
    @property
    def kernel_arguments(self) -> Path:
        return self.at("proc/cmdline")

    @property
    def boot_id(self) -> Path:
        return self.at("proc/sys/kernel/random/boot_id")

    @property
    def cpu_serial(self) -> Path:
        return self.at("proc/device-tree/serial-number")

    @property
    def machine_id(self) -> Path:
        return self.at("etc/machine-id")

    @property
    def os_release(self) -> Path:
        return self.at("usr/lib/os-release")

    @property
    def rauc_settings(self) -> Path:
        return self.at("etc/rauc/system.conf")

    @property
    def zones(self) -> Path:
        return self.at("usr/share/zoneinfo")

    @property
    def console(self) -> Path:
        return self.at("dev/console")

    @property
    def kernel_log(self) -> Path:
        return self.at("dev/kmsg")

    # The boot partition.
    @property
    def boot(self) -> Path:
        return self.at(BOOT)

    @property
    def provision(self) -> Path:
        return self.boot / "evse-provision.toml"

    @property
    def report(self) -> Path:
        return self.boot / "evse-provision-report.txt"

    @property
    def credentials(self) -> Path:
        return self.boot / "evse-credentials.txt"

    # The data partition.
    @property
    def data(self) -> Path:
        return self.at(DATA)

    @property
    def reset_flag(self) -> Path:
        return self.data / ".factory-reset"

    @property
    def own(self) -> Path:
        """What the appliance remembers; for root only."""
        return self.data / "appliance"

    @property
    def slots(self) -> Path:
        return self.own / "slots.json"

    @property
    def new_credentials(self) -> Path:
        return self.own / "new-credentials.json"

    @property
    def consumed(self) -> Path:
        return self.own / "provision-consumed.json"

    @property
    def ssh(self) -> Path:
        return self.data / "ssh"

    @property
    def host_key(self) -> Path:
        return self.ssh / "ssh_host_ed25519_key"

    @property
    def authorized_keys(self) -> Path:
        """SSH is on while this is there."""
        return self.ssh / "authorized_keys"

    @property
    def mosquitto(self) -> Path:
        return self.data / "mosquitto"

    @property
    def mqtt_passwords(self) -> Path:
        return self.mosquitto / "passwd"

    @property
    def tls_listener(self) -> Path:
        """Included by the broker's configuration."""
        return self.mosquitto / "conf.d/tls.conf"

    @property
    def tls_certificate(self) -> Path:
        return self.mosquitto / "tls/server.crt"

    @property
    def tls_key(self) -> Path:
        return self.mosquitto / "tls/server.key"

    @property
    def network(self) -> Path:
        return self.data / "network/50-provisioned.network"

    @property
    def time_servers(self) -> Path:
        return self.data / "time/provisioned.sources"

    @property
    def zone(self) -> Path:
        return self.data / "time/zone"

    @property
    def bundle(self) -> Path:
        """An update while it is being installed."""
        return self.data / "update/bundle.raucb"

    # The daemon's configuration and state, which persist by bind mounts.
    @property
    def etc_evsed(self) -> Path:
        return self.at("etc/evsed")

    @property
    def own_settings(self) -> Path:
        return self.etc_evsed / "evsed.toml.d/10-appliance.toml"

    @property
    def provisioned_settings(self) -> Path:
        return self.etc_evsed / "evsed.toml.d/50-provisioned.toml"

    @property
    def mqtt_password(self) -> Path:
        return self.etc_evsed / "mqtt-password"

    @property
    def evsed_state(self) -> Path:
        return self.at("var/lib/evsed")

    # For this boot.
    @property
    def told(self) -> Path:
        """What the gateway publishes of slot and version; for everybody."""
        return self.at(RUN) / "image.json"

    @property
    def run_network(self) -> Path:
        return self.at("run/systemd/network/50-provisioned.network")

    @property
    def run_time_servers(self) -> Path:
        return self.at("run/chrony-dhcp/provisioned.sources")

    @property
    def local_time(self) -> Path:
        """/etc/localtime is a link to here; without it the time is UTC."""
        return self.at(RUN) / "localtime"
