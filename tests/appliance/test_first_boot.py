"""First boot: what is made, that it is made once, and that the power may go at any moment."""

import re
import stat
from pathlib import Path

import pytest

from evsed.appliance import system
from evsed.appliance.first_boot import first_boot
from evsed.appliance.system import NoAppliance
from evsed.config import load
from tests.appliance.rig import MACHINE_ID, Appliance, Power, PowerCut, is_password


def owner_password(appliance: Appliance) -> str:
    text = appliance.places.credentials.read_text()
    found = re.search(r"^password: (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def assert_complete(appliance: Appliance) -> None:
    places = appliance.places
    users = appliance.users()
    assert set(users) == {"evsed", "client"}
    assert is_password(owner_password(appliance), users["client"])
    assert is_password(places.mqtt_password.read_text().strip(), users["evsed"])
    private, public = places.host_key.read_text(), places.host_key.with_suffix(".pub").read_text()
    assert private.removeprefix("private") == public.removeprefix("public")
    assert appliance.state("env/MACHINE_ID") == MACHINE_ID
    assert appliance.state("hostname") == "evse-abcd1234"
    assert appliance.state("boot-mode") == "ro"
    left = [p for folder in (places.data, places.boot) for p in folder.rglob("*.new*")]
    assert left == []
    assert not places.new_credentials.exists()


def test_everything_is_there_after_the_first_start(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    assert first_boot(appliance.machine())
    assert_complete(appliance)
    assert owner_password(appliance) in appliance.places.console.read_text()


def test_secrets_are_for_those_who_need_them(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    first_boot(appliance.machine())
    places = appliance.places
    modes = {
        path: stat.S_IMODE(path.stat().st_mode) for path in (places.mqtt_password, places.mqtt_passwords)
    }
    assert modes == {places.mqtt_password: 0o640, places.mqtt_passwords: 0o600}
    assert stat.S_IMODE(places.ssh.stat().st_mode) == stat.S_IMODE(places.own.stat().st_mode) == 0o700
    assert appliance.owners["passwd"] == ("mosquitto", "mosquitto")
    assert appliance.owners["mqtt-password"] == ("root", "evsed")


def test_evsed_takes_the_settings_that_are_made(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    first_boot(appliance.machine())
    config = load([], [], None, appliance.places.root).config
    assert config.mqtt.username == "evsed"
    assert config.mqtt.reply_prefixes == ("evse_client/",)
    assert appliance.places.at(config.mqtt.password_file[1:]) == appliance.places.mqtt_password


def test_a_second_start_writes_nothing_to_the_disk(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    first_boot(appliance.machine())
    appliance.places.credentials.unlink()  # the owner has kept it
    users = appliance.users()
    appliance.written.clear()
    assert first_boot(appliance.machine())
    assert appliance.written == []
    assert appliance.users() == users


def test_two_appliances_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = Appliance(tmp_path / "1"), Appliance(tmp_path / "2")
    other.put("proc/device-tree/serial-number", "10000000abcd9999\0")
    for appliance in (one, other):
        first_boot(appliance.machine())
    assert owner_password(one) != owner_password(other)
    assert one.places.host_key.read_text() != other.places.host_key.read_text()
    assert system.host_name(one.places) != system.host_name(other.places)


def test_the_power_may_be_cut_at_any_moment(tmp_path: Path) -> None:
    whole = Power()
    first_boot(Appliance(tmp_path / "whole").machine(whole))
    assert whole.moments_n > 30
    for moment in range(1, whole.moments_n + 1):
        appliance = Appliance(tmp_path / str(moment))
        with pytest.raises(PowerCut):
            first_boot(appliance.machine(Power(moment)))
        shown = appliance.places.credentials
        before = owner_password(appliance) if shown.exists() else ""
        appliance.boot("A", "1.0.0")
        assert first_boot(appliance.machine()), moment
        assert_complete(appliance)
        assert not before or before == owner_password(appliance), "what the owner has read still holds"


def test_a_step_that_fails_is_told_and_keeps_no_other_from_being_done(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    appliance.put("data/ssh", "no directory")
    assert not first_boot(appliance.machine())
    assert appliance.users()
    assert "SSH host key: " in appliance.places.kernel_log.read_text()


def test_without_a_serial_number_the_machine_id_names_the_host(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    appliance.places.cpu_serial.unlink()
    assert system.host_name(appliance.places) == f"evse-{MACHINE_ID[:8]}"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("proc/cmdline", "root=/dev/sda1", "rauc.slot"),
        ("usr/lib/os-release", "ID=debian\n", "IMAGE_ID and no IMAGE_VERSION"),
    ],
)
def test_another_machine_is_left_alone(tmp_path: Path, path: str, text: str, said: str) -> None:
    appliance = Appliance(tmp_path)
    appliance.put(path, text)
    with pytest.raises(NoAppliance, match=said):
        first_boot(appliance.machine())
    assert appliance.written == []
