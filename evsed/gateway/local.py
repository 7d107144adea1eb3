"""The local socket server: evsectl's other end.

Rule 1: whatever a client sends or fails to read, the gateway goes on and holds a bounded amount for it.
Rule 2: who may speak is decided by the kernel's word on the peer, not by anything that it says.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from evsed.api.operations import Moment
from evsed.core import commands as c
from evsed.core.events import CommandDone
from evsed.evsectl.protocol import (
    MAX_LINE_BYTES,
    Answer,
    BadRequest,
    Item,
    Refusal,
    Request,
    request_of,
)
from evsed.gateway.control_link import ControlAway
from evsed.gateway.local_commands import command_of
from evsed.gateway.local_socket import bound
from evsed.gateway.moments import moment
from evsed.gateway.peers import group_name, may_speak, peer_of
from hal.errors import HalError

Kind = Literal["status", "events"]
ItemQueue = asyncio.Queue[dict[str, Any]]

MAX_CLIENTS_N = 32
PATIENCE_S = 5.0  # how long a client may leave a full socket unread

QUERIES: dict[str, Callable[["LocalService", Any], Any]] = {
    "status": lambda service, args: service.status(),
    "why": lambda service, args: service.why(),
    "faults": lambda service, args: service.errors(),
    "sessions": lambda service, args: service.sessions(args.since_utc_s, args.limit_n),
    "get-evse": lambda service, args: service.get_evse(),
    "explain": lambda service, args: service.explain(args.session),
    "record": lambda service, args: service.record(),
}
# What takes its time, on a slow bus.
SLOW: dict[str, Callable[["LocalService", Any], Awaitable[Any]]] = {
    "meter-probe": lambda service, args: service.meter_probe(),
    "meter-scan": lambda service, args: service.meter_scan(),
    "reload": lambda service, args: service.reload(),
    "keep-calibration": lambda service, args: service.keep_calibration(args.gain, args.offset_v),
}
STREAMS: dict[str, Kind] = {"watch": "status", "events": "events"}


class LocalService(Protocol):
    """What the gateway can tell and do. Everything that it returns can be written as JSON."""

    def status(self) -> dict[str, Any]: ...

    def why(self) -> dict[str, Any]:
        """The status, and what else tells why it is as it is."""

    def errors(self) -> list[dict[str, Any]]:
        """Active errors in the API's words."""

    def sessions(self, since_utc_s: float, limit_n: int) -> list[dict[str, Any]]:
        """The newest limit_n of those that began then or later, the newest first."""

    def get_evse(self) -> dict[str, Any]: ...

    def explain(self, session: str) -> dict[str, Any]:
        """sessions: those whose uuid begins so, "" the last one. Of a single one also recording, the path of
        its newest, and course, its faults and how it ended."""

    def record(self) -> dict[str, Any]:
        """Ask control for a recording; folder: where it will be. Raises ControlAway."""

    def meter_probe(self) -> Awaitable[list[dict[str, Any]]]:
        """Who answers at the configured address. Raises Busy, HalError."""

    def meter_scan(self) -> Awaitable[list[dict[str, Any]]]:
        """Who answers at all; takes minutes. Raises Busy, HalError."""

    def keep_calibration(self, gain: float, offset_v: float) -> Awaitable[dict[str, Any]]:
        """In the board's EEPROM: which, and its serial_number; eeprom None and why, if none answers.

        Raises Busy, HalError."""

    def reload(self) -> Awaitable[dict[str, Any]]:
        """changed: the keys that were taken; why: why nothing was, else ""."""

    async def ask(self, command: c.Command) -> CommandDone:
        """Ends within seconds. Raises ControlAway."""

    def subscribe(self, kind: Kind) -> ItemQueue:
        """A bounded queue of items as they come; while it is full, items are left out."""

    def unsubscribe(self, queue: ItemQueue) -> None: ...


class LocalServer:
    def __init__(
        self,
        path: Path,
        service: LocalService,
        patience_s: float = PATIENCE_S,
        now: Callable[[], Moment] = moment,
    ) -> None:
        """now: asked once a command, which may hold durations."""
        self._path, self._now = path, now
        self._service = service
        self._patience_s = patience_s
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._own_user_id = os.geteuid()
        self._group_id = -1

    async def start(self) -> None:
        """Raises PathError."""
        listening = bound(self._path)
        self._group_id = self._path.stat().st_gid
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_LINE_BYTES)

    async def stop(self) -> None:
        """End every connection and take the socket file away."""
        if self._server is None:
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._path.unlink(missing_ok=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
            await self._close(writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # it has gone, it does not read, or stop() ends us, who are a task of our own
        finally:
            writer.transport.abort()
            self._clients.discard(task)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Let the client read its last line, but not for ever."""
        writer.close()
        async with asyncio.timeout(self._patience_s):
            await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if unwelcome := self._unwelcome(writer.get_extra_info("socket")):
            _write(writer, unwelcome)
            return
        try:
            while (line := await _line_of(reader)) and await self._one_line(line, reader, writer):
                pass
        except asyncio.LimitOverrunError:
            _write(writer, _bad(f"bad request: a line longer than {MAX_LINE_BYTES} bytes"))

    async def _one_line(
        self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the conversation goes on."""
        try:
            request = request_of(line)
        except BadRequest as error:
            await self._send(writer, _bad(str(error)))
            return True
        if kind := STREAMS.get(request.verb):
            await self._stream(kind, reader, writer)
            return False
        await self._send(writer, await self._answer(request))
        return True

    def _unwelcome(self, sock: socket.socket) -> Answer | None:
        if not may_speak(peer_of(sock), self._own_user_id, self._group_id):
            allowed = f"root, the user of evsed and members of group {group_name(self._group_id)}"
            return Answer(False, why=f"{self._path}: only {allowed} may", refusal=Refusal.NOT_ALLOWED)
        if len(self._clients) > MAX_CLIENTS_N:
            why = f"{MAX_CLIENTS_N} clients are connected already; end some of them"
            return Answer(False, why=why, refusal=Refusal.TOO_MANY)
        return None

    async def _answer(self, request: Request) -> Answer:
        if slow := SLOW.get(request.verb):
            return await _in_time(slow, self._service, request.args)
        try:
            if query := QUERIES.get(request.verb):
                return Answer(True, query(self._service, request.args))
            done = await self._service.ask(command_of(request, self._now()))
        except ControlAway as away:
            return Answer(False, why=str(away), refusal=Refusal.CONTROL_AWAY)
        return Answer(True, done.result, done.why, done.by_fault)

    async def _stream(self, kind: Kind, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass items on until the client closes or is dropped."""
        queue = self._service.subscribe(kind)
        tasks = [asyncio.create_task(self._pump(kind, queue, writer)), asyncio.create_task(_closed(reader))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._service.unsubscribe(queue)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, kind: Kind, queue: ItemQueue, writer: asyncio.StreamWriter) -> None:
        """Pass items on until the client falls behind: its queue or its socket has stayed full."""
        try:
            await self._send(writer, Answer(True))
            if kind == "status":
                await self._send(writer, Item(self._service.status()))
            while (item := await _next_of(queue)) is not None:
                await self._send(writer, Item(item))
        except TimeoutError:
            pass
        why = "dropped: lines came faster than they were read, and some are lost"
        _write(writer, Answer(False, why=why, refusal=Refusal.TOO_SLOW))

    async def _send(self, writer: asyncio.StreamWriter, message: Answer | Item) -> None:
        """Raises TimeoutError if the client does not read."""
        _write(writer, message)
        async with asyncio.timeout(self._patience_s):
            await writer.drain()


async def _in_time(
    slow: Callable[[LocalService, Any], Awaitable[Any]], service: LocalService, args: Any
) -> Answer:
    try:
        return Answer(True, await slow(service, args))
    except (HalError, Busy) as error:
        return Answer(True, None, str(error))


class Busy(Exception):
    """Not now; the text says why."""


async def _line_of(reader: asyncio.StreamReader) -> bytes:
    """Empty at the end of the connection. Raises asyncio.LimitOverrunError."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return b""


async def _next_of(queue: ItemQueue) -> dict[str, Any] | None:
    """None if the queue was full: then something may have been left out."""
    item = await queue.get()
    return None if queue.qsize() + 1 >= queue.maxsize else item


async def _closed(reader: asyncio.StreamReader) -> None:
    """Return once the client has closed; what it sends until then means nothing."""
    while await reader.read(MAX_LINE_BYTES):
        pass


def _write(writer: asyncio.StreamWriter, message: Answer | Item) -> None:
    writer.write(msgspec.json.encode(message) + b"\n")


def _bad(why: str) -> Answer:
    return Answer(False, why=why, refusal=Refusal.BAD_REQUEST)
