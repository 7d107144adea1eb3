import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.core.commands import PauseCharging
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind
from evsed.gateway.control_link import ControlAway, ControlLink
from evsed.link import messages as m
from evsed.link.channel import Channel, listen
from tests.bench import Bench

HELLO = m.Hello("boot", 4711, 0, False)
EVENT = SessionEvent(EventKind.AUTH_REQUIRED, "u1")


class Listener:
    """Notes what it is told, in order; full stands for a disk that takes nothing."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.full = False
        self.slow = False  # a commit ends when the test takes its done from under_way and calls it
        self.under_way: list[Callable[[bool], None]] = []

    def control_connected(self, hello: m.Hello) -> int:
        self.heard.append(f"hello {hello.boot_id}")
        return 7

    def store_events(self, boot_id: str, events: list[m.NumberedEvent], done: Callable[[bool], None]) -> None:
        if not self.full:
            self.heard.append(f"store {[e.n for e in events]}")
        if self.slow:
            self.under_way.append(done)
        else:
            done(not self.full)

    def events_stored(self) -> None:
        self.heard.append("stored")

    def snapshot(self, snapshot: Snapshot) -> None:
        self.heard.append("snapshot")

    def health(self, health: m.Health) -> None:
        self.heard.append("health")

    def journal(self, line: m.Journal) -> None:
        self.heard.append(line.text)

    def control_gone(self, said_goodbye: bool) -> None:
        self.heard.append(f"gone {said_goodbye}")


class Rig:
    def __init__(self, path: Path) -> None:
        self.path, self.listener = path, Listener()
        self.link = ControlLink(listen(str(path)), self.listener)

    async def control(self) -> Channel[m.FromGateway]:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(str(self.path))
        channel: Channel[m.FromGateway] = Channel(sock, m.FromGateway)
        channel.send(HELLO)
        assert await told(channel) == m.Welcome(7)
        return channel


async def told(channel: Channel[m.FromGateway]) -> m.FromGateway:
    for _ in range(1000):
        message = channel.receive()
        if message is not None:
            return message
        await asyncio.sleep(0.001)
    raise AssertionError("the gateway says nothing")


async def until(there: Callable[[], bool]) -> None:
    for _ in range(1000):
        if there():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it does not happen")


@pytest.fixture
def play(tmp_path: Path):
    """Runs a story on a loop with a rig, and closes what it opened."""

    def run(story) -> None:
        async def whole() -> None:
            rig = Rig(tmp_path / "link.sock")
            await story(rig)
            rig.link.close()
            rig.link._listening.close()

        asyncio.run(whole())

    return run


def test_events_are_acknowledged_once_they_are_stored(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(m.NumberedEvent(9, 1.0, EVENT))
        assert await told(control) == m.Acknowledge(9)
        assert rig.listener.heard[1:] == ["store [8, 9]", "stored"]
        control.close()

    play(story)


def test_what_the_disk_does_not_take_is_not_acknowledged_and_tried_again(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        rig.listener.full = True
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(m.Journal(6, "a line"))
        await until(lambda: "a line" in rig.listener.heard)
        await asyncio.sleep(0)
        assert control.receive() is None
        rig.listener.full = False
        rig.link.store_again()
        assert await told(control) == m.Acknowledge(8)
        control.close()

    play(story)


def test_a_reply_does_not_wait_for_the_disk(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        asked = rig.link.ask(PauseCharging())
        asked.add_done_callback(lambda _: rig.listener.heard.append("replied"))
        request = await told(control)
        assert isinstance(request, m.Ask)
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(m.Done(CommandDone(request.request.request_id, True)))
        assert (await asked).result
        assert await told(control) == m.Acknowledge(8)
        assert rig.listener.heard[1:] == ["replied", "store [8]", "stored"]
        control.close()

    play(story)


def test_a_snapshot_is_shown_after_the_events_that_led_to_it(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(Bench().charger.snapshot())
        control.send(m.NumberedEvent(9, 1.0, EVENT))
        assert await told(control) == m.Acknowledge(8)
        assert await told(control) == m.Acknowledge(9)
        assert rig.listener.heard[1:] == ["store [8]", "stored", "snapshot", "store [9]", "stored"]
        control.close()

    play(story)


def test_what_comes_while_the_disk_is_waited_for_waits_too_and_keeps_its_order(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        rig.listener.slow = True
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        await until(lambda: len(rig.listener.under_way) == 1)
        control.send(m.NumberedEvent(9, 1.0, EVENT))
        control.send(Bench().charger.snapshot())
        control.send(m.Journal(6, "a line"))
        await until(lambda: "a line" in rig.listener.heard)
        await asyncio.sleep(0.01)
        assert control.receive() is None
        assert rig.listener.heard[1:] == ["store [8]", "a line"]
        rig.listener.under_way.pop(0)(True)
        assert await told(control) == m.Acknowledge(8)
        rig.listener.under_way.pop(0)(True)
        assert await told(control) == m.Acknowledge(9)
        assert rig.listener.heard[3:] == ["stored", "store [9]", "stored", "snapshot"]
        control.close()

    play(story)


def test_replies_do_not_wait_for_a_slow_disk(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        rig.listener.slow = True
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        await until(lambda: len(rig.listener.under_way) == 1)
        asked = rig.link.ask(PauseCharging())
        request = await told(control)
        assert isinstance(request, m.Ask)
        control.send(m.Done(CommandDone(request.request.request_id, True)))
        assert (await asked).result
        control.close()

    play(story)


def test_what_is_to_follow_an_answer_follows_what_was_said_before_it(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        rig.listener.slow = True
        rig.link.ask(PauseCharging(), in_order=lambda: rig.listener.heard.append("in order"))
        request = await told(control)
        assert isinstance(request, m.Ask)
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(m.Done(CommandDone(request.request.request_id, True)))
        control.send(Bench().charger.snapshot())
        await until(lambda: len(rig.listener.under_way) == 1)
        assert "in order" not in rig.listener.heard
        rig.listener.under_way.pop(0)(True)
        assert rig.listener.heard[1:] == ["store [8]", "stored", "in order", "snapshot"]
        control.close()

    play(story)


def test_a_control_that_goes_while_the_disk_is_waited_for_loses_nothing_and_leaves_no_gap(play) -> None:
    """All of it is stored at once: were the first batch to fail alone, the second would hide that."""

    async def story(rig: Rig) -> None:
        control = await rig.control()
        rig.listener.slow = True
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        await until(lambda: len(rig.listener.under_way) == 1)
        control.send(m.NumberedEvent(9, 1.0, EVENT))
        control.close()
        await until(lambda: "gone False" in rig.listener.heard)
        assert rig.listener.heard[1:] == ["store [8]", "store [8, 9]", "gone False"]
        for done in rig.listener.under_way:
            done(True)
        assert rig.listener.heard[-2:] == ["stored", "stored"]

    play(story)


def test_an_old_retry_does_not_disturb_the_next_control(play) -> None:
    async def story(rig: Rig) -> None:
        old = await rig.control()
        rig.listener.full = True
        old.send(m.NumberedEvent(8, 1.0, EVENT))
        old.send(m.Journal(6, "a line"))
        await until(lambda: "a line" in rig.listener.heard)
        control = await rig.control()
        rig.listener.full, rig.listener.slow = False, True
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        await until(lambda: len(rig.listener.under_way) == 1)
        rig.link.store_again()
        assert len(rig.listener.under_way) == 1
        rig.listener.under_way.pop(0)(True)
        assert await told(control) == m.Acknowledge(8)
        old.close()
        control.close()

    play(story)


def test_without_control_a_command_ends_at_once(play) -> None:
    async def story(rig: Rig) -> None:
        with pytest.raises(ControlAway, match="not connected"):
            await rig.link.ask(PauseCharging())

    play(story)


def test_a_command_under_way_ends_when_control_goes(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        asked = rig.link.ask(PauseCharging())
        control.close()
        with pytest.raises(ControlAway, match="went away"):
            await asked
        assert rig.listener.heard[-1] == "gone False"
        assert rig.link.hello is None

    play(story)


def test_the_last_events_of_a_control_that_went_are_stored(play) -> None:
    async def story(rig: Rig) -> None:
        control = await rig.control()
        control.send(m.NumberedEvent(8, 1.0, EVENT))
        control.send(m.Goodbye())
        control.close()
        await until(lambda: "gone True" in rig.listener.heard)
        assert rig.listener.heard[1] == "store [8]"

    play(story)


def test_a_new_control_replaces_the_old_one(play) -> None:
    async def story(rig: Rig) -> None:
        old = await rig.control()
        new = await rig.control()
        assert rig.link.hello == HELLO
        old.close()
        new.send(m.NumberedEvent(8, 1.0, EVENT))
        assert await told(new) == m.Acknowledge(8)
        new.close()

    play(story)


def test_garbage_on_the_link_ends_that_connection_only(play) -> None:
    async def story(rig: Rig) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(str(rig.path))
        sock.send(b"\xff\xff not a message")
        await until(lambda: "gone False" in rig.listener.heard)
        sock.close()
        control = await rig.control()
        control.close()

    play(story)
