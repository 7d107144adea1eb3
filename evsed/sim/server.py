"""The world's socket: lines of JSON in and out, for any number of clients at a time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from evsed.sim.wire import LINE_MAX_BYTES, Answer, Request

Handle = Callable[[Request], Awaitable[Answer]]
EXPECTED = 'expected {"attach": {...}} or {"stop": true}'


class Server:
    """Listens from start() to close(); only this user may connect."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path, self._handle = path, handle
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)  # left behind by a killed world
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_MAX_BYTES)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        for writer in self._writers:
            writer.close()
        while self._writers:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # A client that comes while the loop ends is cancelled, which Python 3.11 logs as an error.
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # how asyncio tells it
                writer.write(_encoded(Answer(False, why=f"a line has at most {LINE_MAX_BYTES} bytes")))
                return
            if not line:
                return
            writer.write(_encoded(await self._answer(line)))
            await writer.drain()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(False, why=f"{error}; {EXPECTED}")
        if request.attach is None and not request.stop:
            return Answer(False, why=EXPECTED)
        return await self._handle(request)


def _encoded(answer: Answer) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
