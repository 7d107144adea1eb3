"""The gateway's status as it changes, from its local socket."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from evsed.evsectl.protocol import Request

_LINE_MAX_BYTES = 1 << 20
_RETRY_S = 0.3


async def watch(path: Path, changed: Callable[[dict[str, Any]], None]) -> None:
    """For ever; whatever ends the stream, it is asked for again. While there is none, the status is {}."""
    while True:
        # The gateway may be starting, or has dropped us while we were suspended.
        with suppress(OSError, ValueError, msgspec.DecodeError):
            await _stream(path, changed)
        changed({})
        await asyncio.sleep(_RETRY_S)


async def _stream(path: Path, changed: Callable[[dict[str, Any]], None]) -> None:
    reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_MAX_BYTES)
    try:
        writer.write(msgspec.json.encode(Request("watch")) + b"\n")
        while line := await reader.readline():
            item = msgspec.json.decode(line, type=dict[str, Any]).get("item")
            if isinstance(item, dict):
                changed(item)
    finally:
        writer.close()
