"""Whole messages over a real SOCK_SEQPACKET pair."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from evsed.core import commands as c
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.settings import KnownToken, Settings
from evsed.core.states import EventKind, StopReason
from evsed.link import messages as m
from evsed.link.channel import Channel, ChannelClosed, listen
from hal.types import MeterReading, Missing
from tests.bench import TOKEN, Bench

RESERVATION = c.Reservation(7, "04A2", "FLEET", 12.5, 1.8e9)
Pair = tuple[Channel[m.FromGateway], Channel[m.FromControl]]


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield pair
    for sock in pair:
        sock.close()


@pytest.fixture
def pair(sockets: tuple[socket.socket, socket.socket]) -> Pair:
    """Control's end and the gateway's."""
    return Channel(sockets[0], m.FromGateway), Channel(sockets[1], m.FromControl)


def from_control() -> list[msgspec.Struct]:
    return [
        m.Hello("boot", 4711, 3, True),
        m.NumberedEvent(1, 1.5, SessionEvent(EventKind.ENABLED)),
        m.Done(CommandDone(7, False, "no transaction is active", True)),
        m.Journal(4, "tick 30 ms late", {"EVSE_STATE": "Idle"}),
        m.Health(100, 1, 2.5, 0),
        m.Goodbye(),
        Bench().charger.snapshot(),
    ]


FROM_GATEWAY = [
    m.Welcome(0),
    m.Acknowledge(12),
    m.Ask(c.Request(1, c.StopTransaction(StopReason.LOCAL, TOKEN))),
    m.MeterUpdate(MeterReading(1.0, 20.5, current_a=(1.0, 2.0, 3.0))),
    m.MeterUpdate(Missing("no answer", 3.0)),
]


def test_every_message_of_control_arrives_as_it_was(pair: Pair) -> None:
    control, gateway = pair
    for message in from_control():
        assert control.send(message)
        assert gateway.receive() == message


@pytest.mark.parametrize("message", FROM_GATEWAY, ids=lambda v: type(v).__name__)
def test_every_message_of_the_gateway_arrives_as_it_was(pair: Pair, message: msgspec.Struct) -> None:
    control, gateway = pair
    assert gateway.send(message)
    assert control.receive() == message


def test_every_command_crosses_the_link() -> None:
    everything = set(get_args(c.Command))
    row = c.AvailabilityRow(c.EnableSource.CSMS, c.EnableState.DISABLE, 1)
    examples = (
        c.EnableDisable(row), c.AuthorizeResponse(TOKEN, True), c.PresentToken(TOKEN),
        c.WithdrawAuthorization(), c.PauseCharging(), c.ResumeCharging(),
        c.StopTransaction(StopReason.OTHER), c.ForceUnlock(),
        c.SetLimit("x", 6.0, c.LimitKind.KEEPALIVE, 3.0), c.ClearLimit("x"), c.PlannedStop(),
        c.Restore((row,), c.OpenSession("u", True, TOKEN), RESERVATION), c.Reserve(RESERVATION, False),
        c.CancelReservation(), c.SetReservationExpiry(7.0), c.SwitchPhases(True), c.Replug(),
        c.SetSchedule("external", (c.ScheduleEntry(1.0, 6.0, 7.0, 1, ((50.0, 1.0),), "me"),), 3.0),
        c.SetSessionLimits(1.0, 2.0, 3.0, 4.0), c.SetFaulted(True), c.ExternalReady(),
        c.EnableRandomDelay(True), c.CancelRandomDelay(), c.SetRandomDelayDuration(9.0), c.TestRcd(),
        c.TestLock(), c.Configure(Settings(tokens=(KnownToken("04A2B3C4", "Anna"),))),
    )  # fmt: skip
    assert {type(e) for e in examples} == everything
    for command in examples:
        packed = msgspec.msgpack.encode(m.Ask(c.Request(1, command)))
        assert msgspec.msgpack.decode(packed, type=m.FromGateway) == m.Ask(c.Request(1, command))


def test_messages_stay_apart_and_in_order(pair: Pair) -> None:
    control, gateway = pair
    for n in range(100):
        assert gateway.send(m.Acknowledge(n))
    assert [control.receive() for _ in range(100)] == [m.Acknowledge(n) for n in range(100)]


def test_nothing_there_is_none_and_does_not_block(pair: Pair) -> None:
    assert pair[0].receive() is None
    assert pair[1].receive() is None


def test_a_full_buffer_is_false_and_nothing_is_lost_or_torn(pair: Pair) -> None:
    control, gateway = pair
    sent = 0
    while control.send(m.Journal(6, f"{sent} " + "x" * 10000)):
        sent += 1
        assert sent < 100_000
    received = [gateway.receive() for _ in range(sent)]
    assert [line.text.split()[0] for line in received if isinstance(line, m.Journal)] == [
        str(n) for n in range(sent)
    ]
    assert gateway.receive() is None
    assert control.send(m.Goodbye())


def test_what_was_sent_before_the_end_still_arrives(pair: Pair) -> None:
    control, gateway = pair
    control.send(m.Goodbye())
    control.close()
    assert gateway.receive() == m.Goodbye()
    with pytest.raises(ChannelClosed):
        gateway.receive()


def test_a_peer_that_has_gone_is_told_at_both_ways(pair: Pair) -> None:
    control, gateway = pair
    gateway.close()
    with pytest.raises(ChannelClosed):
        control.send(m.Goodbye())
    with pytest.raises(ChannelClosed):
        control.receive()


DANCE = {"request_id": 1, "command": {"type": "Dance"}}

# fmt: off
GARBAGE = {
    "not msgpack":        b"\xc1",
    "not a message":      msgspec.msgpack.encode([1, 2, 3]),
    "an unknown type":    msgspec.msgpack.encode({"type": "Nonsense"}),
    "of the other side":  msgspec.msgpack.encode(m.Goodbye()),
    "a wrong field":      msgspec.msgpack.encode({"type": "Acknowledge", "n": "twelve"}),
    "an unknown command": msgspec.msgpack.encode({"type": "Ask", "request": DANCE}),
}
# fmt: on


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_the_connection_with_a_reason(
    sockets: tuple[socket.socket, socket.socket], pair: Pair, name: str
) -> None:
    sockets[1].send(GARBAGE[name])
    with pytest.raises(ChannelClosed, match="not a link message"):
        pair[0].receive()


def test_a_socket_that_is_closed_under_us_is_a_closed_channel(pair: Pair) -> None:
    pair[0].close()
    with pytest.raises(ChannelClosed):
        pair[0].send(m.Goodbye())
    with pytest.raises(ChannelClosed):
        pair[0].receive()


def test_it_listens_without_blocking_for_whole_messages(tmp_path: Path) -> None:
    path = str(tmp_path / "link.sock")
    server = listen(path)
    with pytest.raises(BlockingIOError):
        server.accept()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(path)
    accepted, _ = server.accept()
    Channel(accepted, m.FromControl).send(m.Welcome(3))
    channel: Channel[m.FromGateway] = Channel(client, m.FromGateway)
    assert channel.fileno() == client.fileno()
    assert channel.receive() == m.Welcome(3)
    for sock in (client, accepted, server):
        sock.close()
