"""evse-provision.toml: applied whole and consumed, or refused whole with every line that is wrong."""

import re
import subprocess
from pathlib import Path

import pytest

from evsed.appliance.first_boot import first_boot
from evsed.appliance.provision_schema import OWN
from evsed.config import load
from tests.appliance.rig import Appliance, Power, PowerCut, is_password

ROOT = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8v anna@example"
PASSWORD = "correct horse 7"
WHOLE = f"""\
[ssh]
authorized_keys = ["{KEY}"]

[network]
address = "192.168.1.20/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1", "9.9.9.9"]

[time]
zone = "Europe/Berlin"
ntp_servers = ["ntp.example"]

[mqtt_users]
anna = "{PASSWORD}"

[mqtt_tls]

[evsed.evse]
max_current_a = 16

[evsed.auth]
mode = "tokens"
tokens = ["04A2B3C4"]
"""


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=evse", "-keyout", folder / "server.key", "-out", folder / "server.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return (folder / "server.crt").read_text(), (folder / "server.key").read_text()


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    """One that has been started before."""
    return started(tmp_path)


def started(tmp_path: Path) -> Appliance:
    appliance = Appliance(tmp_path)
    first_boot(appliance.machine())
    appliance.boot("A", "1.0.0")
    appliance.written.clear()
    return appliance


def provide(appliance: Appliance, text: str, pair: tuple[str, str] | None = None) -> None:
    appliance.put("boot/firmware/evse-provision.toml", text)
    if pair is not None:
        appliance.put("boot/firmware/server.crt", pair[0])
        appliance.put("boot/firmware/server.key", pair[1])


def report_of(appliance: Appliance) -> str:
    return appliance.places.report.read_text()


def assert_applied(appliance: Appliance, pair: tuple[str, str]) -> None:
    places = appliance.places
    assert places.authorized_keys.read_text() == f"{KEY}\n"
    assert "Address=192.168.1.20/24\nGateway=192.168.1.1\nDNS=192.168.1.1\nDNS=9.9.9.9\n" in (
        places.run_network.read_text()
    )
    assert places.run_time_servers.read_text() == "server ntp.example iburst\n"
    assert places.local_time.readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    users = appliance.users()
    assert set(users) == {"evsed", "client", "anna"}
    assert is_password(PASSWORD, users["anna"])
    assert (places.tls_certificate.read_text(), places.tls_key.read_text()) == pair
    assert "listener 8883\n" in places.tls_listener.read_text()
    config = load([], [], None, places.root).config
    assert (config.evse.max_current_a, config.auth.tokens) == (16, ("04A2B3C4",))
    assert config.mqtt.username == "evsed", "what was there stays"


def assert_consumed(appliance: Appliance, pair: tuple[str, str]) -> None:
    """Nothing secret is left on the boot partition, nor a half-written file anywhere."""
    left = {path.name: path.read_text() for path in appliance.places.boot.iterdir()}
    assert set(left) <= {"evse-credentials.txt", "evse-provision-report.txt"}
    for secret in (PASSWORD, "04A2B3C4", pair[1]):
        assert not [name for name, text in left.items() if secret in text]
    assert [p for p in appliance.places.data.rglob("*.new*")] == []
    assert not appliance.places.consumed.exists()
    assert appliance.state("boot-mode") == "ro"


def test_all_of_it_is_applied_and_consumed(appliance: Appliance, pair: tuple[str, str]) -> None:
    provide(appliance, WHOLE, pair)
    assert first_boot(appliance.machine())
    assert_applied(appliance, pair)
    assert_consumed(appliance, pair)
    assert "MQTT user: anna\n" in report_of(appliance)


def test_the_next_start_has_it_still_and_writes_nothing(appliance: Appliance, pair: tuple[str, str]) -> None:
    provide(appliance, WHOLE, pair)
    first_boot(appliance.machine())
    appliance.boot("A", "1.0.0")
    appliance.places.run_network.unlink()
    appliance.written.clear()
    assert first_boot(appliance.machine())
    assert appliance.written == []
    assert_applied(appliance, pair)


def test_the_power_may_be_cut_at_any_moment(tmp_path: Path, pair: tuple[str, str]) -> None:
    provided = started(tmp_path / "provided")
    provide(provided, WHOLE, pair)
    whole = Power()
    first_boot(provided.copied(tmp_path / "whole").machine(whole))
    assert whole.moments_n > 40
    for moment in range(1, whole.moments_n + 1):
        appliance = provided.copied(tmp_path / str(moment))
        with pytest.raises(PowerCut):
            first_boot(appliance.machine(Power(moment)))
        assert load([], [], None, appliance.places.root), "evsed can start with whatever is there"
        appliance.boot("A", "1.0.0")
        assert first_boot(appliance.machine()), moment
        assert_applied(appliance, pair)
        assert_consumed(appliance, pair)


def test_a_file_that_came_after_a_cut_is_not_taken_for_the_consumed_one(
    appliance: Appliance, pair: tuple[str, str]
) -> None:
    """The owner has put the card into a computer meanwhile."""
    provide(appliance, WHOLE, pair)
    disk = appliance.machine().disk
    first_boot(appliance.machine())
    disk.write(appliance.places.consumed, '{"files": {"evse-provision.toml": "0123"}}')
    provide(appliance, '[network]\naddress = "dhcp"\n')
    assert first_boot(appliance.machine())
    assert "DHCP=yes" in appliance.places.network.read_text()
    assert not appliance.places.provision.exists()


def test_a_table_that_is_not_there_changes_nothing(appliance: Appliance, pair: tuple[str, str]) -> None:
    provide(appliance, WHOLE, pair)
    first_boot(appliance.machine())
    provide(appliance, "[time]\n")
    assert first_boot(appliance.machine())
    assert not appliance.places.time_servers.exists(), "and one that is there replaces what was"
    assert not appliance.places.zone.exists()
    assert appliance.places.authorized_keys.exists()
    assert "anna" in appliance.users()


def test_ssh_is_off_again_without_a_key(appliance: Appliance) -> None:
    provide(appliance, f'[ssh]\nauthorized_keys = ["{KEY}"]\n')
    first_boot(appliance.machine())
    assert appliance.places.authorized_keys.exists()
    provide(appliance, "[ssh]\nauthorized_keys = []\n")
    first_boot(appliance.machine())
    assert not appliance.places.authorized_keys.exists()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[shh]\n", 1, "[shh]: unknown table; did you mean [ssh]?"),
        ("[network]\nadress = 'dhcp'\n", 2, "network.adress: unknown key; nearest key: did you mean netw"),
        ("[network]\naddress = 7\n", 2, "network.address: expected text"),
        ("[network]\naddress = '192.168.1.20'\n", 2, "such as 192.168.1.20/24"),
        ("[network]\naddress = '10.0.0.2/24'\ngateway = '10.0.1.1'\n", 3, "expected an address in 10.0.0.0/"),
        ("[network]\ndns = ['ns.example']\n", 2, "network.dns: expected addresses"),
        ("[time]\nzone = 'Europe/Berln'\n", 2, '"Europe/Berln" is not known here'),
        ("[time]\nzone = '../../etc'\n", 2, "is not known here"),
        ("[ssh]\nauthorized_keys = ['hello']\n", 2, "number 1 is no public key"),
        ("[mqtt_users]\nanna = 'short'\n", 2, "anna: a password is text, 10..128 characters"),
        ("[mqtt_users]\nevsed = 'long enough for it'\n", 2, "evsed: a user's name"),
        ("[mqtt_tls]\n", 1, 'no file "server.crt" on the boot partition'),
        ("[evsed.evse]\nmax_curent_a = 16\n", 2, "did you mean evse.max_current_a?"),
        ("[evsed.evse]\n\nmax_current_a = 1600\n", 3, "evse.max_current_a: 1600 is not allowed"),
        ("[evsed.limits]\nfallback_a = 20\n[evsed.evse]\nmax_current_a = 16\n", 2, "must not be above"),
        ("[ssh\n", 1, "not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_as_a_whole(appliance: Appliance, text: str, line: int, said: str) -> None:
    users = appliance.users()
    provide(appliance, text + "[time]\nntp_servers = ['ntp.example']\n" * ("[time]" not in text))
    assert first_boot(appliance.machine()), "the charger goes on as it was"
    problems = report_of(appliance).splitlines()[2:]
    assert f"evse-provision.toml:{line}:" in problems[0]
    assert said in problems[0]
    assert appliance.places.provision.exists(), "the owner corrects it there"
    assert {path.parent for path in appliance.written} == {appliance.places.boot}
    assert appliance.users() == users
    assert not appliance.places.time_servers.exists()


def test_every_problem_is_told_at_once(appliance: Appliance) -> None:
    provide(appliance, "[time]\nzon = ''\n[evsed.evse]\nphases = 2\n[mqtt_users]\nanna = 'x'\n")
    first_boot(appliance.machine())
    told = re.findall(r"evse-provision\.toml:(\d)", report_of(appliance).partition("\n\n")[2])
    assert told == ["2", "6", "4"]


def test_a_report_that_says_the_same_is_not_written_again(appliance: Appliance) -> None:
    provide(appliance, "[shh]\n")
    first_boot(appliance.machine())
    appliance.written.clear()
    first_boot(appliance.machine())
    assert appliance.written == []


def test_a_refused_password_is_not_repeated(appliance: Appliance) -> None:
    provide(appliance, "[mqtt_users]\nanna = 'hunter2'\n")
    first_boot(appliance.machine())
    assert "hunter2" not in report_of(appliance) + "".join(appliance.said)


def test_a_key_of_another_certificate_is_refused(appliance: Appliance, pair: tuple[str, str]) -> None:
    provide(appliance, "[mqtt_tls]\n", (pair[0], pair[1].replace("M", "N", 1)))
    first_boot(appliance.machine())
    assert "mqtt_tls.key: key and certificate do not fit together" in report_of(appliance)
    assert not appliance.places.tls_listener.exists()


def test_the_settings_are_checked_among_the_others(appliance: Appliance) -> None:
    """evsed's own check of all files: this value is fine, but not with that one."""
    appliance.put("etc/evsed/evsed.toml", "[limits]\nfallback_a = 20\n")
    provide(appliance, "[evsed.evse]\nmax_current_a = 16\n")
    first_boot(appliance.machine())
    assert "limits.fallback_a: 20 must not be above evse.max_current_a = 16" in report_of(appliance).replace(
        "20.0", "20"
    ).replace("16.0", "16")
    assert not appliance.places.provisioned_settings.exists()


def test_the_documented_example_is_right_and_complete(appliance: Appliance, pair: tuple[str, str]) -> None:
    text = (ROOT / "docs/evse-provision.toml").read_text()
    provide(appliance, re.sub(r"ssh-ed25519 \S+", "ssh-ed25519 AAAAC3", text), pair)
    assert first_boot(appliance.machine())
    assert not appliance.places.provision.exists(), report_of(appliance)
    for key in OWN.keys.values():
        assert re.search(rf"^#? ?{key.field} = ", text, re.MULTILINE), key.name
