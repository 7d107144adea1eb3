"""The gateway's end of the link: takes control's connection and turns it into calls.

Rule 1: an event is acknowledged once the store has it, never before; if the store cannot take it, control
keeps it and it comes again with the next connection.
Rule 2: events and snapshots are dealt with in the order in which control said them, replies at once.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from evsed.core.commands import Command, Request, TestLock, TestRcd
from evsed.core.events import CommandDone
from evsed.core.inputs import Snapshot
from evsed.link import messages as m
from evsed.link.channel import Channel, ChannelClosed

RECEIVE_PER_TURN_N = 64
ANSWER_LIMIT_S = 2.0  # control answers in the step that the command wakes
SELF_TEST_LIMIT_S = 12.0  # or, where it has to move something first, when that is over
_TAKES_TIME = (TestRcd, TestLock)


class ControlAway(Exception):
    """No control process is connected, or it went away before it could answer."""


class LinkListener(Protocol):
    """What the gateway does with what control says."""

    def control_connected(self, hello: m.Hello) -> int:
        """The number of the last stored event of this control process."""
        ...

    def store_events(self, boot_id: str, events: list[m.NumberedEvent], done: Callable[[bool], None]) -> None:
        """done: whether all of them are on the disk; if not, none is, and store_again() tries once more."""
        ...

    def events_stored(self) -> None: ...

    def snapshot(self, snapshot: Snapshot) -> None: ...

    def health(self, health: m.Health) -> None: ...

    def journal(self, line: m.Journal) -> None: ...

    def recording(self, piece: m.Recording) -> None: ...

    def control_gone(self, said_goodbye: bool) -> None: ...


class ControlLink:
    """One control process at a time; a new connection replaces an old one."""

    def __init__(self, listening: socket.socket, listener: LinkListener) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening, self._listener = listening, listener
        self._channel: Channel[m.FromControl] | None = None
        self._hello: m.Hello | None = None
        self._said_goodbye = False
        self._next_request_id = time.monotonic_ns()  # a late answer to an earlier gateway fits none of ours
        self._waiting: dict[int, asyncio.Future[CommandDone]] = {}
        self._in_order: dict[int, Callable[[], None]] = {}
        self._late: deque[m.NumberedEvent | Snapshot | Callable[[], None]] = deque()
        self._storing = self._refused = False
        listening.setblocking(False)
        self._loop.add_reader(listening, self._accept)

    @property
    def hello(self) -> m.Hello | None:
        """Who is connected; None if nobody is."""
        return self._hello if self._channel else None

    def close(self) -> None:
        self._loop.remove_reader(self._listening)
        self._drop("the gateway stops")

    def ask(
        self, command: Command, in_order: Callable[[], None] | None = None
    ) -> "asyncio.Future[CommandDone]":
        """Send a command; the future ends with ControlAway if control is not there or goes away.

        in_order is called when everything that control had said before its answer is stored and shown.
        """
        future: asyncio.Future[CommandDone] = self._loop.create_future()
        self._next_request_id += 1
        request_id = self._next_request_id
        if not self._send(m.Ask(Request(request_id, command))):
            future.set_exception(ControlAway("the control process is not connected"))
            return future
        self._waiting[request_id] = future
        if in_order is not None:
            self._in_order[request_id] = in_order
        limit_s = SELF_TEST_LIMIT_S if isinstance(command, _TAKES_TIME) else ANSWER_LIMIT_S
        limit = self._loop.call_later(limit_s, self._give_up, request_id)
        future.add_done_callback(lambda _: limit.cancel())
        return future

    def order(self, command: Command, in_order: Callable[[], None] | None = None) -> None:
        """ask() where nobody waits for the answer."""
        self.ask(command, in_order).add_done_callback(_outcome_is_known)

    def tell(self, message: m.MeterUpdate | m.TemperatureUpdate | m.Record) -> None:
        self._send(message)

    def store_again(self) -> None:
        """Try once more what the store could not take."""
        if self._refused:
            self._storing = self._refused = False
            self._settle()

    def _accept(self) -> None:
        sock, _ = self._listening.accept()
        self._drop("a new control process has connected")
        self._channel = Channel(sock, m.FromControl)
        self._said_goodbye = False
        self._loop.add_reader(sock.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            for _ in range(RECEIVE_PER_TURN_N):
                message = self._channel.receive() if self._channel else None
                if message is None:
                    break
                self._take(message)
        except ChannelClosed as closed:
            self._drop(str(closed))
            return
        if self._late:
            # Whoever waits for a reply hears it first.
            self._loop.call_soon(self._settle)

    def _settle(self) -> None:
        """Go on until events have to be waited for."""
        while self._late and not self._storing:
            first = self._late[0]
            if isinstance(first, m.NumberedEvent):
                self._store(self._leading_events())
                continue
            self._late.popleft()
            if isinstance(first, Snapshot):
                self._listener.snapshot(first)
            else:
                first()

    def _take(self, message: m.FromControl) -> None:
        if isinstance(message, m.NumberedEvent | Snapshot):
            if self._hello is not None:
                self._late.append(message)
        elif isinstance(message, m.Done):
            self._answer(message.done)
        elif isinstance(message, m.Journal):
            self._listener.journal(message)
        elif isinstance(message, m.Health):
            self._listener.health(message)
        elif isinstance(message, m.Hello):
            self._welcome(message)
        elif isinstance(message, m.Recording):
            self._listener.recording(message)
        else:
            self._said_goodbye = True

    def _welcome(self, hello: m.Hello) -> None:
        self._hello = hello
        self._send(m.Welcome(self._listener.control_connected(hello)))

    def _leading_events(self) -> list[m.NumberedEvent]:
        events = []
        for message in self._late:
            if not isinstance(message, m.NumberedEvent):
                break
            events.append(message)
        return events

    def _store(self, events: list[m.NumberedEvent]) -> None:
        assert self._hello is not None
        self._storing = True
        done = partial(self._stored, self._channel, events)
        self._listener.store_events(self._hello.boot_id, events, done)

    def _stored(
        self, channel: "Channel[m.FromControl] | None", events: list[m.NumberedEvent], ok: bool
    ) -> None:
        """Of a connection that is no more nothing is left to be acknowledged."""
        current = channel is self._channel
        if current:
            self._storing = self._refused = not ok
        if not ok:
            return
        if current:
            for _ in events:
                self._late.popleft()
            self._send(m.Acknowledge(events[-1].n))
        self._listener.events_stored()
        self._settle()

    def _store_rest(self) -> None:
        """The last words of a control that has gone, with what is being stored: all or none of them."""
        events = [message for message in self._late if isinstance(message, m.NumberedEvent)]
        if events:
            self._store(events)

    def _answer(self, done: CommandDone) -> None:
        in_order = self._in_order.pop(done.request_id, None)
        if in_order is not None:
            self._late.append(in_order)
        future = self._waiting.pop(done.request_id, None)
        if future is not None and not future.done():
            future.set_result(done)

    def _give_up(self, request_id: int) -> None:
        self._in_order.pop(request_id, None)
        future = self._waiting.pop(request_id, None)
        if future is not None and not future.done():
            future.set_exception(ControlAway("the control process does not answer"))

    def _send(self, message: m.FromGateway) -> bool:
        if self._channel is None or (self._hello is None and not isinstance(message, m.Welcome)):
            return False
        try:
            return self._channel.send(message)
        except ChannelClosed as closed:
            self._drop(str(closed))
            return False

    def _drop(self, why: str) -> None:
        if self._channel is None:
            return
        self._store_rest()
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        self._channel, self._hello = None, None
        self._late.clear()
        self._in_order.clear()
        self._storing = self._refused = False
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ControlAway(f"the control process went away: {why}"))
        self._listener.control_gone(self._said_goodbye)


def _outcome_is_known(future: "asyncio.Future[CommandDone]") -> None:
    """Else asyncio complains of an error that nobody has looked at."""
    if not future.cancelled():
        future.exception()
