"""Where rows go: a terminal with the panel pinned below the log, or plain lines.

Rule 1: writing never fails; a reader that has gone is reported once through `gone`.
Rule 2: the panel is redrawn in place with one write, and no terminal mode is left behind if we are killed:
lines scroll as in any program, so that the terminal's own scrolling and copying work.
"""

import os
import signal
import termios
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

from evsed.demo.rows import ASCII, UNICODE, Glyphs, Row, cut, painted, width
from evsed.evsectl.terminal import wants_colour

# Terminals that know synchronized updates show a frame at once; the others ignore these two.
_FRAME, _SHOW = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_BELOW, _ERASE_LINE, _CLEAR = "\x1b[J", "\x1b[K", "\x1b[H\x1b[2J"
_LOG_KEPT = 500
_SIZE_UNKNOWN = os.terminal_size((80, 24))


class Screen(Protocol):
    """columns and glyphs are what a panel is made for."""

    glyphs: Glyphs

    @property
    def columns(self) -> int: ...

    def log(self, rows: Sequence[Row]) -> None: ...

    def show(self, panel: Sequence[Row]) -> None: ...

    def resized(self) -> None: ...

    def close(self) -> None:
        """Leave the log, take the panel away."""


class Writer:
    """A text stream that may lose its reader."""

    def __init__(self, stream: TextIO, gone: Callable[[], None]) -> None:
        self._stream, self._gone, self._lost = stream, gone, False

    def write(self, text: str) -> None:
        if self._lost:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._lost = True
            _forget(self._stream)
            self._gone()


class PlainScreen:
    """One line each; no panel."""

    glyphs = ASCII
    columns = 80

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def log(self, rows: Sequence[Row]) -> None:
        self._writer.write("".join(painted(spans, False) + "\n" for spans in rows))

    def show(self, panel: Sequence[Row]) -> None:
        return

    def resized(self) -> None:
        return

    def close(self) -> None:
        return


class TerminalScreen:
    def __init__(
        self, writer: Writer, coloured: bool, glyphs: Glyphs, size: Callable[[], os.terminal_size]
    ) -> None:
        self.glyphs = glyphs
        self._writer, self._coloured, self._size = writer, coloured, size
        self._logged: deque[Row] = deque(maxlen=_LOG_KEPT)
        self._panel: list[Row] = []
        self._drawn_n = 0

    @property
    def columns(self) -> int:
        """One is left free: a terminal behaves oddly after its last column."""
        return max(self._size().columns - 1, 1)

    def log(self, rows: Sequence[Row]) -> None:
        self._logged.extend(rows)
        self._writer.write(_FRAME + self._top() + _ERASE_BELOW + self._text(rows) + self._drawn() + _SHOW)

    def show(self, panel: Sequence[Row]) -> None:
        self._panel = list(panel)
        self._writer.write(_FRAME + self._top() + self._drawn() + _SHOW)

    def resized(self) -> None:
        """The terminal has moved our lines about: paint what fits anew."""
        self._writer.write(_FRAME + _CLEAR + self._text(self._fitting()) + self._drawn() + _SHOW)

    def close(self) -> None:
        top, self._panel, self._drawn_n = self._top(), [], 0
        self._writer.write(top + _ERASE_BELOW)

    def _top(self) -> str:
        return f"\x1b[{self._drawn_n}F" if self._drawn_n else "\r"

    def _drawn(self) -> str:
        shown = self._panel[: self._size().lines - 1]
        self._drawn_n = len(shown)
        columns = self.columns  # the panel may have been made for a wider terminal
        lines = (painted(cut(spans, columns), self._coloured) + _ERASE_LINE + "\n" for spans in shown)
        return "".join(lines) + _ERASE_BELOW

    def _text(self, rows: Sequence[Row]) -> str:
        return "".join(painted(spans, self._coloured) + "\n" for spans in rows)

    def _fitting(self) -> list[Row]:
        """The newest log rows that fit above the panel; a long one wraps."""
        columns, lines = self._size()
        left_n, fitting = lines - 1 - len(self._panel), deque[Row]()
        for spans in reversed(self._logged):
            left_n -= max(1, -(-width(spans) // max(columns, 1)))
            if left_n < 0:
                break
            fitting.appendleft(spans)
        return list(fitting)


def screen_for(stream: TextIO, env: Mapping[str, str], gone: Callable[[], None]) -> Screen:
    writer = Writer(stream, gone)
    if not stream.isatty() or env.get("TERM") == "dumb":
        return PlainScreen(writer)
    glyphs = UNICODE if "utf" in (stream.encoding or "").lower() else ASCII
    return TerminalScreen(writer, wants_colour(stream, env), glyphs, lambda: _size_of(stream))


@contextmanager
def quiet_keys(stream: TextIO) -> Iterator[None]:
    """Keys are not echoed into the panel while we draw, if the keyboard is ours."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # in the background we would be stopped at the end
    try:
        fd = stream.fileno()
        before = termios.tcgetattr(fd) if os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, ValueError, termios.error):
        before = None
    if before is None:
        yield
        return
    wanted = [*before]
    wanted[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSADRAIN, wanted)
    try:
        yield
    finally:
        with suppress(OSError, termios.error):  # the terminal may have gone
            termios.tcsetattr(fd, termios.TCSANOW, before)


def _size_of(stream: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return _SIZE_UNKNOWN
    return size if size.columns and size.lines else _SIZE_UNKNOWN


def _forget(stream: TextIO) -> None:
    """Let the interpreter's last flush go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
