import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from evsed.core.commands import AvailabilityRow, EnableSource, EnableState, StopTransaction
from evsed.core.states import StopReason
from evsed.evsectl.__main__ import main
from evsed.evsectl.connection import Connection
from tests.evsectl.charging_point import Gateway, MemoryCharger, running


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with running(tmp_path) as gateway:
        yield gateway


@pytest.fixture
def charger(gateway) -> MemoryCharger:
    return gateway.charger


@pytest.fixture
def run_dir(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


def usage_error(capsys, *argv: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def put(charger: MemoryCharger, source: EnableSource, state: EnableState, priority: int) -> None:
    charger.availability.put(AvailabilityRow(source, state, priority))


def test_a_command_that_takes_effect_says_so_and_exits_with_0(charger, capsys):
    assert main(["authorize", "DEADBEEF"]) == 0
    charger.charge()
    for verb in ("pause", "pause", "resume", "resume", "stop", "unlock", "withdraw", "disable", "enable"):
        assert main([verb]) == 0, verb
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "authorized", "paused", "paused", "resumed", "resumed", "stopping", "unlocking", "withdrawn",
        "disabled by LocalAPI, priority 100", "enabled",
    ]  # fmt: skip
    assert told.err == ""


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("stop", "nothing to stop: no transaction is active"),
        ("withdraw", "nothing to withdraw: nothing is authorized"),
    ],
)
def test_ending_what_is_not_there_exits_with_0(charger, capsys, verb, told):
    charger.faults = ["rcd"]
    assert main([verb]) == 0
    assert capsys.readouterr().out == told + "\n"


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_what_needs_a_transaction_is_refused_without_one(charger, capsys, verb):
    assert main([verb]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith("d: no transaction is active\n")


def test_a_token_that_nobody_waits_for_is_refused(charger, capsys):
    charger.authorized = True
    assert main(["authorize", "DEADBEEF"]) == 1
    assert (
        capsys.readouterr().err == "evsectl: not authorized: no authorization is awaited in state Charging\n"
    )


def test_a_tethered_cable_cannot_be_unlocked(charger, capsys):
    charger.socket = False
    assert main(["unlock"]) == 1
    assert capsys.readouterr().err == "evsectl: not unlocked: a tethered cable has no lock\n"


def test_enabling_against_a_stronger_source_is_refused_naming_it(charger, capsys):
    put(charger, EnableSource.CSMS, EnableState.DISABLE, 50)
    charger.faults = ["rcd"]
    assert main(["enable"]) == 1
    assert capsys.readouterr().err == "evsectl: not enabled: disabled by CSMS, priority 50\n"


def test_disabling_against_a_stronger_source_is_refused(charger, capsys):
    put(charger, EnableSource.REMOTE_KEY_LOCK, EnableState.ENABLE, 50)
    assert main(["disable"]) == 1
    assert "still enabled: a source with a priority before 100" in capsys.readouterr().err


def test_disabling_what_another_source_has_disabled_holds_and_names_it(charger, capsys):
    put(charger, EnableSource.CSMS, EnableState.DISABLE, 50)
    assert main(["disable"]) == 0
    assert capsys.readouterr().out == "disabled by CSMS, priority 50\n"


@pytest.mark.parametrize("verb", [["pause"], ["resume"], ["authorize", "A"]])
def test_what_a_fault_refuses_exits_with_5_and_names_it(charger, capsys, verb):
    charger.faults, charger.authorized = ["rcd", "made_up"], True
    assert main(verb) == 5
    assert "; fault: rcd (the residual current device has tripped), made_up\n" in capsys.readouterr().err


def test_a_fault_that_clears_meanwhile_is_said_to_have_gone(charger, capsys):
    charger.faults, charger.extra = ["rcd"], {"faults": []}
    assert main(["pause"]) == 5
    assert "it has gone meanwhile" in capsys.readouterr().err


def test_a_fault_does_not_stand_against_a_lock_that_is_not_there(charger):
    charger.faults, charger.socket = ["rcd"], False
    assert main(["unlock"]) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], StopReason.LOCAL),
        (["powerloss"], StopReason.POWER_LOSS),
        (["SOCLIMITREACHED"], StopReason.SOC_LIMIT_REACHED),
        (["DeAuthorized"], StopReason.DE_AUTHORIZED),
    ],
)
def test_a_reason_may_be_written_in_any_case(charger, given, reason):
    assert main(["stop", *given]) == 0
    assert charger.asked == [StopTransaction(reason)]


def test_a_reason_that_is_none_is_told_with_all_that_are(capsys):
    told = usage_error(capsys, "stop", "Boredom")
    assert "'Boredom' is not one of EmergencyStop, " in told
    assert all(reason.value in told for reason in StopReason)


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        ([], "VERB"),
        (["explode"], "invalid choice: 'explode'"),
        (["authorize"], "TOKEN"),
        (["authorize", ""], "1..36 printable"),
        (["authorize", "x" * 37], "1..36 printable"),
        (["authorize", "a\x1bb"], "1..36 printable"),
        (["pause", "now"], "now"),
        (["pause", "--json"], "--json"),
        (["status", "--js"], "--js"),
        (["--timeout", "0", "status"], "above 0"),
        (["--timeout", "nan", "status"], "above 0"),
        (["--timeout", "soon", "status"], "'soon'"),
        (["status", "--timeout", "1e9"], "up to 3600"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(capsys, argv, named):
    assert named in usage_error(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--set", "mqtt.prot=1", "status"], "mqtt.prot"),
        (["status", "--set", "evse.phases=2"], "evse.phases"),
        (["--config", "/gone.toml", "status"], "/gone.toml: no such file"),
        (["status", "--config", "/gone.toml"], "/gone.toml: no such file"),
    ],
)
def test_a_wrong_setting_exits_with_2(charger, capsys, argv, named):
    assert main(argv) == 2
    told = capsys.readouterr()
    assert named in told.err
    assert told.out == ""


def test_settings_are_taken_before_and_after_the_verb(charger, tmp_path):
    (tmp_path / "evsed.toml").touch()
    options = ["--config", str(tmp_path / "evsed.toml"), "--set", "mqtt.port=7", "--timeout", "2"]
    assert main([*options, "status", *options]) == 0
    assert main(["--set", "mqtt.port=x", "status", "--set", "mqtt.host=b"]) == 2


def test_a_run_directory_too_deep_for_a_socket_exits_with_2(monkeypatch, capsys):
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/" + "x" * 120)
    assert main(["status"]) == 2
    assert "set RUNTIME_DIRECTORY to a shorter directory" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "pause", "watch", "events", "get-evse"])
def test_without_a_gateway_every_verb_exits_with_3_and_says_what_to_do(run_dir, capsys, verb):
    assert main([verb]) == 3
    told = capsys.readouterr().err
    assert told.startswith(f"evsectl: {run_dir}/evsectl.sock: no such socket; is evsed running?")
    assert "RUNTIME_DIRECTORY" in told


def test_the_socket_of_a_dead_gateway_exits_with_3(run_dir, capsys):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run_dir / "evsectl.sock"))
    assert main(["status"]) == 3
    assert "nobody listens there" in capsys.readouterr().err


def test_a_command_without_control_exits_with_3(charger, capsys):
    charger.control_connected = False
    assert main(["pause"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("evsectl: the control process is not connected; ")
    assert "journalctl -u evsed" in told


def test_a_status_without_control_prints_what_there_is_and_exits_with_3(charger, capsys):
    charger.control_connected = False
    assert main(["status"]) == 3
    told = capsys.readouterr()
    assert "board sim" in told.out
    assert "the control process is not connected" in told.err


def test_a_status_that_only_remembers_control_exits_with_3(charger):
    charger.extra = {"control": {"connected": False}}
    assert main(["status"]) == 3


@pytest.mark.parametrize("faults", [[], ["rcd"]])
def test_a_status_that_is_known_exits_with_0_whatever_it_is(charger, faults):
    charger.faults = faults
    assert main(["status"]) == 0


def test_get_evse_does_not_need_control(charger, capsys):
    charger.control_connected = False
    assert main(["get-evse"]) == 0
    assert '"type": "sType2"' in capsys.readouterr().out


class Stranger:
    """Listens in the gateway's place and writes `line` to whoever comes, or nothing at all."""

    def __init__(self, run_dir: Path, backlog: int = 8) -> None:
        self.path = str(run_dir / "evsectl.sock")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(backlog)

    def __enter__(self) -> "Stranger":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()


def test_a_gateway_that_does_not_answer_exits_with_4(run_dir, capsys):
    with Stranger(run_dir):
        assert main(["status", "--timeout", "0.05"]) == 4
    assert "no answer within 0.05 s" in capsys.readouterr().err


def test_a_gateway_that_takes_no_connections_exits_with_4(run_dir):
    with Stranger(run_dir, backlog=0) as stranger, socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(stranger.path)
        assert main(["status", "--timeout", "0.05"]) == 4


@pytest.mark.parametrize("line", [b"HTTP/1.1 400\r\n", b"{}\n", b'{"ok": 1}\n', b"\xff\n", b""])
def test_somebody_else_in_the_gateways_place_exits_with_3(run_dir, capsys, line):
    def answer(stranger: Stranger) -> None:
        connection, _ = stranger.sock.accept()
        with connection:
            connection.recv(100)
            connection.sendall(line)

    with Stranger(run_dir) as stranger:
        thread = threading.Thread(target=answer, args=(stranger,))
        thread.start()
        assert main(["status"]) == 3
        thread.join()
    assert "restart evsed" in capsys.readouterr().err or not line


def test_a_gateway_that_ends_while_events_are_read_exits_with_3(gateway: Gateway, capsys):
    def end() -> None:
        assert gateway.charger.subscribed.acquire(timeout=5)
        gateway.stop()

    thread = threading.Thread(target=end)
    thread.start()
    assert main(["events"]) == 3
    thread.join()
    assert "the gateway has gone" in capsys.readouterr().err


def test_the_time_limit_is_for_the_first_answer_and_not_for_the_events(gateway: Gateway):
    def publish_when_followed() -> None:
        assert gateway.charger.subscribed.acquire(timeout=5)
        gateway.publish("events", {"event": "Enabled"})

    now_s = 0.0
    with Connection(gateway.path, 5.0, lambda: now_s) as connection:
        items = connection.items("events")
        threading.Thread(target=publish_when_followed).start()
        assert next(items) == {"event": "Enabled"}
        now_s = 3600.0
        gateway.publish("events", {"event": "Disabled"})
        assert next(items) == {"event": "Disabled"}


def test_falling_behind_exits_with_1_and_says_so(gateway: Gateway, capsys):
    def flood() -> None:
        assert gateway.charger.subscribed.acquire(timeout=5)
        gateway.publish("events", *({"event": "Enabled"} for _ in range(100)))

    thread = threading.Thread(target=flood)
    thread.start()
    assert main(["events"]) == 1
    thread.join()
    assert "dropped" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's identity")
def test_a_user_who_may_not_connect_exits_with_1_and_is_told_how_to(monkeypatch, capsys):
    with tempfile.TemporaryDirectory() as name, running(Path(name)):
        Path(name).chmod(0o755)
        monkeypatch.setenv("RUNTIME_DIRECTORY", name)
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        try:
            assert main(["status"]) == 1
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
    assert "you may not connect; use sudo, or join the group" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [[], ["status"], ["stop"], ["enable"]])
def test_help_tells_the_exit_codes(capsys, verb):
    with pytest.raises(SystemExit) as stopped:
        main([*verb, "--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert "5  refused because of a fault" in told
