"""A recording as a file: what it is of, the state that it begins with, and every step since.

evsed recording 1\n    then, compressed (gzip): frames of a length (4 bytes, big-endian) and so many bytes:
the header, and one for each step.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from evsed.core.charger import Charger
from evsed.core.settings import Settings
from evsed.recording.state import NotReadable, begun_with, thaw
from evsed.recording.steps import Step, Unpacker

MAGIC = b"evsed recording 1\n"
SUFFIX = ".evrec"
_LENGTH_BYTES = 4


class Header(msgspec.Struct, frozen=True):
    """utc_s is of the moment now_s of the monotonic clock. state is what Charger.step began with."""

    version: str
    cause: str
    session_uuid: str
    now_s: float
    utc_s: float
    settings: Settings
    state: bytes


class TapeError(Exception):
    """A file that is no recording, or not of this evsed; the text names it."""


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES) + data


class Tape:
    """header; charger: in the state that the steps begin with."""

    def __init__(self, path: Path) -> None:
        """Raises TapeError."""
        self.path = path
        frames = frames_of(path)
        self.header = self._header(next(frames, b""))
        self.charger = Charger(self.header.settings)
        try:
            thaw(self.header.state, self.charger)
        except NotReadable as error:
            raise TapeError(f"{path}: {error}; replay it with evsed {self.header.version}") from error
        self._packed = list(frames)

    def steps(self) -> Iterator[Step]:
        """Raises TapeError."""
        inputs, outputs, _ = begun_with(self.charger)
        unpacker = Unpacker(inputs, outputs)
        for n, packed in enumerate(self._packed, 1):
            try:
                yield unpacker.unpack(packed)
            except msgspec.MsgspecError as error:
                raise TapeError(f"{self.path}: step {n} cannot be read: {error}") from error

    def _header(self, data: bytes) -> Header:
        try:
            return msgspec.msgpack.decode(data, type=Header)
        except msgspec.MsgspecError as error:
            raise TapeError(f"{self.path}: the header cannot be read: {error}") from error


def packed(frames: Iterable[bytes]) -> bytes:
    """The content of a file."""
    return MAGIC + gzip.compress(b"".join(map(frame, frames)), mtime=0)


def frames_of(path: Path) -> Iterator[bytes]:
    """Those that are whole: the end of a recording that was cut off is left out. Raises TapeError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror})") from error
    if not data.startswith(MAGIC):
        raise TapeError(f"{path}: is no recording of evsed")
    try:
        body = gzip.decompress(data[len(MAGIC) :])
    except (OSError, EOFError, zlib.error) as error:
        raise TapeError(f"{path}: is damaged: {error}") from error
    at = 0
    while at + _LENGTH_BYTES <= len(body):
        end = at + _LENGTH_BYTES + int.from_bytes(body[at : at + _LENGTH_BYTES])
        if end > len(body):
            return
        yield body[at + _LENGTH_BYTES : end]
        at = end
