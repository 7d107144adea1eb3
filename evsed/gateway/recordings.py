"""Control's recordings as files in the state directory: named by time, session and cause, the newest kept.

Rule: a recording that control could not end (it died) is kept as far as it came.
"""

import gzip
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from evsed.clock import utc_of
from evsed.link.messages import Recording
from evsed.recording.tape import MAGIC, SUFFIX
from evsed.service import INFO, WARNING, JournalLine

FILES_N = 40
TOTAL_BYTES = 16 << 20
PENDING_BYTES = 8 << 20  # a control that tells more than a minute can hold is broken
UNFINISHED = ".new"  # a gateway that was killed may leave one behind
_SESSION_CHARACTERS = 8  # of the uuid, as people see it elsewhere


class Recordings:
    def __init__(self, folder: Path, journal: JournalLine) -> None:
        self.folder, self._journal = folder, journal
        self._first: Recording | None = None
        self._data = bytearray()
        self._writing = threading.Lock()  # one file after the other

    def take(self, piece: Recording) -> None:
        """One whose beginning went to a gateway that is no more is left out: control begins it again."""
        if piece.part_n == 0:
            self._first, self._data = piece, bytearray()
        if self._first is None or self._first.n != piece.n:
            return
        self._data += piece.data
        if piece.last or len(self._data) > PENDING_BYTES:
            self.end()

    def end(self) -> None:
        """Nothing more comes of it. Compressing and writing is not for the loop that answers clients."""
        first, data = self._first, bytes(self._data)
        self._first, self._data = None, bytearray()
        if first is not None and data:
            threading.Thread(target=self._write, args=(first, data), name="recording").start()

    def of(self, session_uuid: str) -> Path | None:
        """The newest of a session."""
        mark = f"-{session_uuid[:_SESSION_CHARACTERS]}-"
        return next((path for path in self._newest_first() if mark in path.name), None)

    def _write(self, first: Recording, data: bytes) -> None:
        with self._writing:
            self._write_one(first, data)

    def _write_one(self, first: Recording, data: bytes) -> None:
        path = self.folder / _name(first)
        try:
            self.folder.mkdir(mode=0o750, exist_ok=True)
            fresh = path.with_suffix(UNFINISHED)
            with fresh.open("wb") as file:
                file.write(MAGIC + gzip.compress(data, mtime=0))
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(0o640)
            fresh.replace(path)
            self._prune()
        except OSError as error:
            self._journal(WARNING, f"recording {path} could not be written: {error.strerror}", {})
        else:
            fields = {"EVSE_SESSION": first.session_uuid} if first.session_uuid else {}
            self._journal(INFO, f"recorded {first.cause}: {path}", fields)

    def _prune(self) -> None:
        for left_over in self.folder.glob(f"*{UNFINISHED}"):
            left_over.unlink()
        total_bytes = 0
        for n, path in enumerate(self._newest_first(), 1):
            total_bytes += path.stat().st_size
            if n > FILES_N or total_bytes > TOTAL_BYTES:
                path.unlink()

    def _newest_first(self) -> Iterator[Path]:
        """Their names begin with the time."""
        yield from sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)


def _name(first: Recording) -> str:
    at = datetime.fromtimestamp(utc_of(first.now_s), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    cause = re.sub(r"[^A-Za-z0-9]+", "-", first.cause).strip("-")
    return f"{at}-{first.session_uuid[:_SESSION_CHARACTERS] or 'none'}-{cause}{SUFFIX}"
