"""A serial line on a pty, as a slave on a half-duplex bus sees it, with the byte times of a real wire.

Rule 1: no thread and no clock: the owner's loop watches fileno() and tells the time (monotonic seconds).
Rule 2: a byte is never there earlier than on a wire; later is possible, if the loop is late.
Rule 3: a frame ends with 3.5 characters of silence (Modbus over serial line 2.5.1.1): noise costs one frame.
"""

import math
import os
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BITS_PER_CHAR = 11  # RTU: start, 8 data, parity or second stop, stop
MIN_SILENCE_S = 0.00175  # Modbus over serial line 2.5.1.1: fixed above 19200 baud
TURNAROUND_S = 0.005  # from the end of a request to the first bit of the answer
CHUNK = 8  # bytes handed over at a time, as the FIFO of a UART does it

Answerer = Callable[[bytes], bytes | None]


class SlaveLine:
    """The timing alone: bytes heard in, bytes said out. `answer` gets each frame; None is no answer."""

    def __init__(self, answer: Answerer, baudrate: int) -> None:
        self._answer = answer
        self._char_s = BITS_PER_CHAR / baudrate
        self._silence_s = max(3.5 * self._char_s, MIN_SILENCE_S)
        self._heard = bytearray()
        self._heard_until_s = -math.inf
        self._saying = b""
        self._said = 0
        self._said_from_s = 0.0

    def hear(self, data: bytes, now_s: float) -> None:
        """Bytes put on the line at now_s. What comes while the slave talks collides and is lost."""
        self._end_frame(now_s)
        if not self._saying:
            self._heard += data
            self._heard_until_s = max(self._heard_until_s, now_s) + len(data) * self._char_s

    def say(self, now_s: float) -> bytes:
        """The bytes of the answer that have crossed the line since the last call."""
        self._end_frame(now_s)
        if not self._saying:
            return b""
        crossed = int(
            (now_s - self._said_from_s) / self._char_s + 1e-6
        )  # a deadline is late enough for its chunk
        chunk = self._saying[self._said : max(crossed, 0)]
        self._said += len(chunk)
        if self._said == len(self._saying):
            self._saying = b""
        return chunk

    def deadline_s(self) -> float | None:
        """When say() has the next thing to do."""
        if self._saying:
            return self._said_from_s + min(self._said + CHUNK, len(self._saying)) * self._char_s
        return self._heard_until_s + self._silence_s if self._heard else None

    def _end_frame(self, now_s: float) -> None:
        if not self._heard or now_s < self._heard_until_s + self._silence_s:
            return
        frame = bytes(self._heard)
        self._heard.clear()
        self._saying, self._said = self._answer(frame) or b"", 0
        self._said_from_s = self._heard_until_s + max(TURNAROUND_S, self._silence_s)


class PtyLine:
    """A SlaveLine on a pty whose client end is found at a stable path (a symbolic link)."""

    def __init__(self, path: Path, answer: Answerer, baudrate: int) -> None:
        self._line = SlaveLine(answer, baudrate)
        self._path = path
        self._master, self._client_end = os.openpty()  # the client end stays open: clients come and go
        self._tty_name = os.ttyname(self._client_end)
        tty.setraw(self._client_end)
        os.set_blocking(self._master, False)
        self._publish()

    def fileno(self) -> int:
        return self._master

    def on_readable(self, now_s: float) -> None:
        """Takes the bytes that wait; ask on_timer() for the new deadline afterwards."""
        with suppress(BlockingIOError):
            self._line.hear(os.read(self._master, 4096), now_s)

    def on_timer(self, now_s: float) -> float | None:
        """Says what is due; gives the time of the next call, None: after the next on_readable()."""
        if chunk := self._line.say(now_s):
            with suppress(BlockingIOError):  # nobody reads: the bytes are lost, as on a wire
                os.write(self._master, chunk)
        return self._line.deadline_s()

    def close(self) -> None:
        """Hangs up and takes the path away, unless another line stands there by now. Idempotent."""
        if self._master < 0:
            return
        if self._path.is_symlink() and os.readlink(self._path) == self._tty_name:
            self._path.unlink()
        os.close(self._client_end)
        os.close(self._master)
        self._master = -1

    def _publish(self) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._tty_name)
        os.replace(fresh, self._path)
