"""The image as it runs: its services, a session from outside, what may be written, and processes that die."""

import json

import pytest

from tests.image.client import API, CARSIM, Client
from tests.image.conftest import PASSWORD, USER, Machine

pytestmark = pytest.mark.image

RECOVERY_S = 15.0  # until the line is off, by the guest's clock, emulated here
EXPOSURE_MAX = 2.5
PLUG = "iec_wait_pwr_ready;draw_power_regulated 16,3"
TOKEN = {"id_token": {"value": "04A2B3C4", "type": "ISO14443"}, "authorization_type": "RFID"}
ACCEPTED = {"token": TOKEN, "result": {"authorization_status": "Accepted", "tariff_messages": []}}


def charge(client: Client) -> None:
    """Until power flows."""
    client.forget()
    client.car(PLUG)
    client.await_events("AuthRequired")
    client.publish(API + "m2e/authorize_response", ACCEPTED)
    client.await_events("ChargingStarted")
    client.until(
        lambda: client.changes("contactor")[-1:] and client.changes("contactor")[-1][1], "contactor on"
    )


def unplug(client: Client) -> None:
    client.forget()
    client.car("unplug")
    client.await_events("SessionFinished")


def now_s(machine: Machine) -> float:
    """The guest's monotonic clock, that of the trace."""
    return float(machine.guest.sh("cut -d' ' -f1 /proc/uptime"))


def test_it_boots_to_running_with_no_failed_unit_and_no_ordering_cycle(machine: Machine) -> None:
    machine.guest.until("systemctl is-system-running", 400.0, "system running")
    assert machine.guest.sh("systemctl --failed --no-legend --plain") == ""
    assert machine.guest.sh("journalctl -b --no-pager -q | grep -ci 'ordering cycle' || true") == "0"


def test_the_slot_is_good_once_the_charger_is_ready(machine: Machine, client: Client) -> None:
    software = client.until(lambda: client.values("software"), "the version")[-1]
    assert (software["image"]["version"], software["image"]["slot"]) == ("1.0.0", "A"), software
    machine.guest.until("grep -q '\"proved\": *true' /run/evse-appliance/image.json", 200.0)
    assert "BOOT_A_LEFT=3" in machine.guest.sh("fw_printenv")


def test_a_session_is_driven_from_outside(client: Client) -> None:
    charge(client)
    told = client.events()
    wanted = [
        "SessionStarted",
        "AuthRequired",
        "Authorized",
        "TransactionStarted",
        "PrepareCharging",
        "ChargingStarted",
    ]
    assert told[: len(wanted)] == wanted
    unplug(client)
    assert client.ask("get_evse")["id"] == 1


def test_nobody_comes_in_without_a_password(machine: Machine) -> None:
    for user, password in (("", ""), (USER, "wrong-password"), ("evsed", PASSWORD)):
        with machine.client(user, password) as stranger:
            stranger.await_refusal()
            assert not stranger.connected


def test_a_client_cannot_speak_for_the_charger(machine: Machine, client: Client) -> None:
    client.forget()
    client.publish(API + "e2m/ready", "false")
    client.publish(API + "e2m/session_event", {"event": "ChargingStarted"})
    assert client.ask("get_evse")["id"] == 1  # what came before it has been dealt with
    assert client.values("ready") == []
    assert client.events() == []


def test_the_broker_listens_inside_alone_but_for_tls(machine: Machine) -> None:
    listening = machine.guest.sh("ss -Hltn | awk '{print $4}'").split()
    assert {address.rpartition(":")[0] for address in listening if address.endswith(":1883")} == {"127.0.0.1"}
    outside = {
        address.rpartition(":")[2] for address in listening if not address.startswith(("127.", "[::1]"))
    }
    assert outside == {"8883"}, listening
    assert "policy drop" in machine.guest.sh("nft list chain inet evse input")


def test_ssh_is_off_without_a_key(machine: Machine) -> None:
    assert machine.guest.sh("systemctl list-units --no-legend --plain --state=active 'ssh*'") == ""


def test_the_root_is_read_only_and_little_else_is_kept(machine: Machine) -> None:
    for path in ("/usr/lib/evsed/x", "/etc/x", "/x", "/boot/firmware/x"):
        code, said = machine.guest.try_sh(f"touch {path}")
        assert code, f"{path} can be written"
        assert "Read-only file system" in said
    kept = machine.guest.sh("findmnt -rno TARGET,SOURCE,OPTIONS -t ext4 | grep -w rw | cut -d' ' -f1").split()
    assert set(kept) == {"/data", "/etc/evsed", "/var/lib/evsed", "/var/lib/chrony", "/var/log/journal"}


@pytest.mark.parametrize("unit", ["evsed.service", "evsed-gateway.service"])
def test_a_service_is_little_exposed(machine: Machine, unit: str) -> None:
    said = machine.guest.sh(f"systemd-analyze security {unit} --no-pager | tail -n 1")
    exposure = float(said.rpartition("level for")[2].split(":")[1].split()[0])
    assert exposure <= EXPOSURE_MAX, said


def test_no_user_has_a_password(machine: Machine) -> None:
    hashes = machine.guest.sh("cut -d: -f2 /etc/shadow").split()
    assert all(entry.startswith(("*", "!")) for entry in hashes), hashes


def test_journal_entries_have_their_fields(machine: Machine) -> None:
    text = machine.guest.sh(
        "journalctl -b -u evsed-gateway -o json --no-pager -q | grep -v '^--' | tail -n 200"
    )
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    sessions = [entry for entry in entries if "EVSE_SESSION" in entry]
    assert sessions, [entry.get("MESSAGE") for entry in entries][-10:]
    assert all(entry["SYSLOG_IDENTIFIER"].startswith("evsed") and "PRIORITY" in entry for entry in sessions)


def test_status_tells_state_and_limit(machine: Machine) -> None:
    assert "limit 32 A" in machine.guest.sh("systemctl show -P StatusText evsed.service")


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_dead_or_hung_control_opens_the_contactor_and_comes_back(
    machine: Machine, client: Client, signal: str
) -> None:
    charge(client)
    pid = machine.guest.sh("systemctl show -P MainPID evsed.service")
    at_s = now_s(machine)
    machine.guest.sh(f"kill -{signal} {pid}")
    off = client.until(
        lambda: [t for t, on in client.changes("contactor") if t >= at_s and not on], "contactor off"
    )
    assert off[0] - at_s <= RECOVERY_S
    client.await_events("TransactionFinished", "SessionFinished", limit_s=200.0)
    assert machine.guest.sh("systemctl show -P MainPID evsed.service") != pid
    unplug(client)


def test_a_killed_gateway_does_not_stop_charging(machine: Machine, client: Client) -> None:
    charge(client)
    at_s = now_s(machine)
    machine.guest.sh("systemctl kill -s KILL --kill-whom=main evsed-gateway.service")
    client.until(lambda: client.values("ready")[-2:] == [False, True], "ready again", 200.0)
    assert client.ask("session_info/get")["state"] == "Charging"
    assert not [t for t, on in client.changes("contactor") if not on and t > at_s]
    unplug(client)


def test_a_changed_configuration_is_taken_while_an_ev_charges(machine: Machine, client: Client) -> None:
    charge(client)
    at_s, pid = now_s(machine), machine.guest.sh("systemctl show -P MainPID evsed.service")
    changed = "/etc/evsed/evsed.toml.d/90-test.toml"
    machine.guest.sh(f"mkdir -p {changed.rpartition('/')[0]}; echo session.duration_limit_min=600 >{changed}")
    client.forget()
    machine.guest.sh("systemctl reload evsed.service")
    client.until(lambda: client.values("ready")[-2:] == [False, True], "ready again", 200.0)
    assert "36000 s" in machine.guest.sh("evsectl why")
    assert machine.guest.sh("systemctl show -P MainPID evsed.service") == pid
    assert not [t for t, on in client.changes("contactor") if not on and t > at_s]
    machine.guest.sh(f"rm {changed}; evsectl reload")
    unplug(client)


def test_a_jump_of_the_wall_clock_changes_nothing(machine: Machine, client: Client) -> None:
    charge(client)
    machine.guest.sh("systemctl stop chrony; date -s '+2 days'")
    client.forget()
    client.until(lambda: len(client.values("powermeter")) >= 3, "the meter goes on")
    machine.guest.sh("date -s '-2 days'; systemctl start chrony")
    assert not [t for t, on in client.changes("contactor") if not on]
    unplug(client)


def test_a_support_bundle_is_whole_and_has_no_secret(machine: Machine) -> None:
    machine.guest.sh("evsectl support-bundle /tmp/bundle.tar.gz", 300.0)
    names = machine.guest.sh("tar -tzf /tmp/bundle.tar.gz")
    assert "journal" in names
    assert machine.guest.sh("stat -c %a /tmp/bundle.tar.gz") == "600"
    secret = machine.guest.sh("cat /etc/evsed/mqtt-password")
    assert machine.guest.sh(f"tar -xzOf /tmp/bundle.tar.gz | grep -c -- '{secret}' || true") == "0"


def test_the_trace_is_of_the_simulated_world(client: Client) -> None:
    client.forget()
    client.publish(CARSIM + "cmd/modify_charging_session", "iec_wait_pwr_ready;sleep 36000")
    client.until(lambda: client.changes("cp"), "the pilot changes")
    client.await_events("SessionStarted")
    unplug(client)
