"""Colours and redrawing in place, only where a terminal wants them."""

import os
import shutil
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TextIO

import msgspec

from evsed.config.check import printable

_HIDE_CURSOR, _SHOW_CURSOR, _ERASE_BELOW, _RESET = "\x1b[?25l", "\x1b[?25h", "\x1b[J", "\x1b[0m"
LABEL_COLUMNS = 12


class Colour(Enum):
    PLAIN = ""
    RED = "\x1b[31m"
    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    CYAN = "\x1b[36m"


class Line(msgspec.Struct, frozen=True):
    """What stands behind a label; an empty text is shown as "-"."""

    label: str
    text: str
    colour: Colour = Colour.PLAIN


def wants_colour(stream: TextIO, env: Mapping[str, str]) -> bool:
    """https://no-color.org: a NO_COLOR that is not empty forbids it."""
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def laid_out(lines: Sequence[Line], coloured: bool, columns: int | None = None) -> list[str]:
    """Ready to print; cut to `columns` where given, as a wrapped line cannot be redrawn in place."""
    return [_one(line, coloured, columns) for line in lines]


def _one(line: Line, coloured: bool, columns: int | None) -> str:
    label = f"{line.label:<{LABEL_COLUMNS}}"[:columns]
    text = printable(line.text or "-")
    if columns is not None:
        text = text[: max(0, columns - LABEL_COLUMNS)]
    if coloured and line.colour is not Colour.PLAIN:
        text = f"{line.colour.value}{text}{_RESET}"
    return label + text


class Screen:
    """A block of lines that each show() replaces; what it drew last stays when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = wants_colour(stream, os.environ)
        self._drawn_n = 0

    def __enter__(self) -> "Screen":
        self._stream.write(_HIDE_CURSOR)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stream.write(_SHOW_CURSOR)
        self._stream.flush()

    def show(self, lines: Sequence[Line]) -> None:
        columns, rows = shutil.get_terminal_size()
        texts = laid_out(lines[: rows - 1], self._coloured, columns)
        back = f"\x1b[{self._drawn_n}F" if self._drawn_n else ""
        self._stream.write(back + _ERASE_BELOW + "".join(text + "\n" for text in texts))
        self._stream.flush()
        self._drawn_n = len(texts)
