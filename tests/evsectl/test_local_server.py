import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evsed.config import PathError
from evsed.core import commands as c
from evsed.core.states import StopReason
from evsed.core.tokens import local_token
from evsed.evsectl.protocol import MAX_LINE_BYTES, VERBS
from evsed.gateway import local
from evsed.gateway.local_commands import COMMANDS
from evsed.gateway.peers import Peer, may_speak
from tests.evsectl.charging_point import Gateway, MemoryCharger, running

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's identity")


class Client:
    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(str(path))
        self._lines = self.sock.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lines.close()
        self.sock.close()

    def send(self, line: bytes) -> None:
        self.sock.sendall(line + b"\n")

    def read(self) -> dict:
        return json.loads(self._lines.readline())

    def ask(self, verb: str, **args: object) -> dict:
        self.send(json.dumps({"verb": verb, "args": args}).encode())
        return self.read()

    def ended(self) -> bool:
        try:
            return self._lines.readline() == b""
        except ConnectionResetError:
            return True


@contextmanager
def client_of(gateway: Gateway) -> Iterator[Client]:
    with Client(gateway.path) as client:
        yield client


def availability(state: c.EnableState) -> c.EnableDisable:
    return c.EnableDisable(c.AvailabilityRow(c.EnableSource.LOCAL_API, state, 100))


@pytest.mark.parametrize(
    ("verb", "args", "command"),
    [
        ("enable", {}, availability(c.EnableState.ENABLE)),
        ("disable", {}, availability(c.EnableState.DISABLE)),
        ("authorize", {"token": "A1"}, c.PresentToken(local_token("A1"))),
        ("withdraw", {}, c.WithdrawAuthorization()),
        ("pause", {}, c.PauseCharging()),
        ("resume", {}, c.ResumeCharging()),
        ("stop", {}, c.StopTransaction(StopReason.LOCAL)),
        ("stop", {"reason": "PowerLoss"}, c.StopTransaction(StopReason.POWER_LOSS)),
        ("unlock", {}, c.ForceUnlock()),
    ],
)
def test_a_verb_becomes_its_command(tmp_path, verb, args, command):
    with running(tmp_path) as gateway, client_of(gateway) as client:
        assert client.ask(verb, **args)["ok"] is True
    assert gateway.charger.asked == [command]


def test_every_verb_of_the_protocol_is_served():
    assert {*COMMANDS, *local.QUERIES, *local.SLOW, *local.STREAMS} == set(VERBS)


def test_the_answer_to_a_command_is_its_command_done(tmp_path):
    charger = MemoryCharger()
    charger.faults = ["rcd"]
    with running(tmp_path, charger) as gateway, client_of(gateway) as client:
        assert client.ask("pause") == {
            "ok": True,
            "result": False,
            "why": "no transaction is active",
            "by_fault": True,
            "refusal": None,
        }


def test_status_and_get_evse_are_what_the_gateway_says(tmp_path):
    with running(tmp_path) as gateway, client_of(gateway) as client:
        assert client.ask("status")["result"] == gateway.charger.status()
        assert client.ask("get-evse")["result"] == gateway.charger.get_evse()


def test_a_command_without_control_is_refused_as_such(tmp_path):
    charger = MemoryCharger()
    charger.control_connected = False
    with running(tmp_path, charger) as gateway, client_of(gateway) as client:
        answer = client.ask("pause")
    assert (answer["ok"], answer["refusal"]) == (False, "control_away")
    assert answer["why"] == "the control process is not connected"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"hello", "malformed"),
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"verb": "\xff"}', "utf-8"),
        (b"[" * 60000, ""),
        (b"[]", "object"),
        (b"{}", "verb"),
        (b'{"verb": 7}', "$.verb"),
        (b'{"verb": "explode"}', "get-evse, enable"),
        (b'{"verb": "status", "arg": {}}', "arg"),
        (b'{"verb": "status", "args": []}', "object"),
        (b'{"verb": "pause", "args": {"token": "A"}}', "token"),
        (b'{"verb": "authorize"}', "token"),
        (b'{"verb": "authorize", "args": {"token": ""}}', "length >= 1"),
        (b'{"verb": "authorize", "args": {"token": 7}}', "$.token"),
        (b'{"verb": "stop", "args": {"reason": "Boredom"}}', "Boredom"),
        (b'{"verb": "limit", "args": {}}', "limit_a or power_w is needed"),
        (b'{"verb": "limit", "args": {"limit_a": -1}}', "$.limit_a"),
        (b'{"verb": "limit", "args": {"limit_a": 1001}}', "$.limit_a"),
        (b'{"verb": "limit", "args": {"power_w": 1e7}}', "$.power_w"),
        (b'{"verb": "limit", "args": {"limit_a": 6, "duration_s": 0}}', "$.duration_s"),
        (b'{"verb": "limit", "args": {"limit_a": 1e999}}', "$.limit_a"),
        (b'{"verb": "reserve", "args": {}}', "reservation_id"),
        (b'{"verb": "reserve", "args": {"reservation_id": -1}}', "$.reservation_id"),
        (b'{"verb": "phases", "args": {"phases": 2}}', "$.phases"),
        (b'{"verb": "random-delay-duration", "args": {"max_duration_s": 86401}}', "$.max_duration_s"),
        (b'{"verb": "sessions", "args": {"limit_n": 1001}}', "$.limit_n"),
        (b'{"verb": "sessions", "args": {"since_utc_s": 1e15}}', "$.since_utc_s"),
        (b'{"verb": "session-limits", "args": {"cost": 0}}', "$.cost"),
    ],
)
def test_a_bad_request_is_told_and_the_connection_goes_on(tmp_path, line, named):
    with running(tmp_path) as gateway, client_of(gateway) as client:
        client.send(line)
        answer = client.read()
        assert (answer["ok"], answer["refusal"]) == (False, "bad_request")
        assert answer["why"].startswith("bad request: ")
        assert named in answer["why"]
        assert client.ask("status")["ok"] is True
    assert gateway.charger.asked == []


def test_a_line_too_long_is_told_and_ends_the_connection(tmp_path):
    with running(tmp_path) as gateway, client_of(gateway) as client:
        client.sock.sendall(b" " * (MAX_LINE_BYTES + 1))
        answer = client.read()
        assert (answer["ok"], answer["refusal"]) == (False, "bad_request")
        assert "65536 bytes" in answer["why"]
        assert client.ended()
        with client_of(gateway) as next_client:
            assert next_client.ask("status")["ok"] is True


def test_requests_sent_at_once_are_answered_in_order(tmp_path):
    charger = MemoryCharger()
    charger.charge()
    with running(tmp_path, charger) as gateway, client_of(gateway) as client:
        client.send(b'{"verb": "pause"}\n{"verb": "stop"}\n{"verb": "pause"}')
        assert [client.read()["result"] for _ in range(3)] == [True, True, False]


def test_watching_brings_the_status_now_and_each_one_that_follows(tmp_path):
    with running(tmp_path) as gateway, client_of(gateway) as client:
        assert client.ask("watch") == {
            "ok": True,
            "result": None,
            "why": "",
            "by_fault": False,
            "refusal": None,
        }
        assert client.read() == {"item": gateway.charger.status()}
        gateway.publish("events", {"event": "not for us"})
        gateway.publish("status", {"state": "Charging"}, {"state": "Idle"})
        assert [client.read()["item"]["state"] for _ in range(2)] == ["Charging", "Idle"]


def test_events_come_in_order_until_the_client_closes(tmp_path):
    with running(tmp_path) as gateway:
        with client_of(gateway) as client:
            client.ask("events")
            gateway.publish("events", *({"n": n} for n in range(5)))
            assert [client.read()["item"]["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
            client.send(b"what is sent now means nothing")
            gateway.publish("events", {"n": 5})
            assert client.read() == {"item": {"n": 5}}
        assert gateway.charger.unsubscribed.wait(5)


def test_a_client_whose_queue_has_overflowed_is_dropped_and_told(tmp_path):
    with running(tmp_path, MemoryCharger(queue_items_n=4)) as gateway, client_of(gateway) as client:
        client.ask("events")
        gateway.publish("events", *({"n": n} for n in range(5)))
        last = client.read()
        while "item" in last:
            last = client.read()
        assert (last["ok"], last["refusal"]) == (False, "too_slow")
        assert "dropped" in last["why"]
        assert client.ended()
        assert gateway.charger.unsubscribed.wait(5)


def test_a_client_that_does_not_read_is_dropped_after_a_while(tmp_path):
    with running(tmp_path, MemoryCharger(queue_items_n=64), patience_s=0.05) as gateway:
        with client_of(gateway) as client:
            client.ask("events")
            gateway.publish("events", *({"text": "x" * 30000} for _ in range(40)))
            assert gateway.charger.unsubscribed.wait(5)
        with client_of(gateway) as next_client:
            assert next_client.ask("status")["ok"] is True


def test_a_client_too_many_is_told_so_and_the_others_go_on(tmp_path):
    with running(tmp_path) as gateway:
        clients = [Client(gateway.path) for _ in range(local.MAX_CLIENTS_N)]
        assert all(client.ask("status")["ok"] for client in clients)
        with client_of(gateway) as one_more:
            assert one_more.read()["refusal"] == "too_many"
            assert one_more.ended()
        assert clients[0].ask("status")["ok"] is True
        for client in clients:
            client.__exit__()


def test_stopping_ends_every_connection_and_removes_the_socket(tmp_path):
    with running(tmp_path) as gateway, client_of(gateway) as idle, client_of(gateway) as watching:
        watching.ask("events")
        gateway.stop()
        assert idle.ended()
        assert watching.ended()
        assert not gateway.path.exists()


def test_the_socket_is_for_its_user_and_group_whatever_the_umask_is(tmp_path):
    before = os.umask(0o077)
    try:
        with running(tmp_path) as gateway:
            assert stat.S_IMODE(gateway.path.stat().st_mode) == 0o660
    finally:
        os.umask(before)


def test_the_socket_of_a_dead_server_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "evsectl.sock"))
    with running(tmp_path) as gateway, client_of(gateway) as client:
        assert client.ask("status")["ok"] is True


def starts(path: Path) -> None:
    asyncio.run(local.LocalServer(path, MemoryCharger()).start())


def test_the_socket_of_a_living_server_is_left_alone(tmp_path):
    with running(tmp_path) as gateway:
        with pytest.raises(PathError, match="another gateway listens there"):
            starts(gateway.path)
        with client_of(gateway) as client:
            assert client.ask("status")["ok"] is True


def test_a_living_server_too_busy_to_take_connections_is_left_alone(tmp_path):
    path = tmp_path / "evsectl.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(PathError, match="another gateway listens there"):
            starts(path)


def test_a_file_in_the_place_of_the_socket_is_not_removed(tmp_path):
    path = tmp_path / "evsectl.sock"
    path.write_text("mine")
    with pytest.raises(PathError, match="is not a socket; remove it"):
        starts(path)
    assert path.read_text() == "mine"


def test_a_directory_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PathError, match="No such file or directory"):
        starts(tmp_path / "gone" / "evsectl.sock")


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        (Peer(0, frozenset((0,))), True),
        (Peer(1000, frozenset((1000,))), True),
        (Peer(1001, frozenset((1001, 33))), True),
        (Peer(1001, frozenset((1001, 34))), False),
        (Peer(1001, frozenset((1000,))), False),
    ],
)
def test_root_the_own_user_and_the_group_may_speak(peer, may):
    assert may_speak(peer, own_user_id=1000, group_id=33) is may


@contextmanager
def nobody(*group_ids: int) -> Iterator[None]:
    before = os.getgroups()
    os.setgroups(group_ids)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@pytest.fixture
def open_to_all() -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as gateway:
        Path(name).chmod(0o755)
        gateway.path.chmod(0o666)
        yield gateway


@needs_root
def test_another_user_is_refused_even_where_the_file_would_let_it_in(open_to_all):
    with nobody():
        client = Client(open_to_all.path)
    with client:
        answer = client.read()
        assert (answer["ok"], answer["refusal"]) == (False, "not_allowed")
        assert "members of group root may" in answer["why"]
        assert client.ended()


@needs_root
def test_a_supplementary_member_of_the_group_may_speak(open_to_all):
    with nobody(7, 0):
        client = Client(open_to_all.path)
    with client:
        assert client.ask("status")["ok"] is True
