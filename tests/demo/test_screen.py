import io
import os
from collections.abc import Mapping

import pytest

from evsed.demo.rows import UNICODE, Span, row
from evsed.demo.screen import PlainScreen, TerminalScreen, Writer, screen_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class Emulator:
    """The cells of a terminal, for the few sequences that a screen uses."""

    def __init__(self, columns: int, lines: int) -> None:
        self.size = os.terminal_size((columns, lines))
        self._rows = [""]
        self._at = 0
        self._fresh = True  # nothing was put on this row since the cursor came to it

    @property
    def text(self) -> list[str]:
        """What stands above the cursor."""
        return self._rows[self._top : self._at]

    @property
    def _top(self) -> int:
        return max(len(self._rows) - self.size.lines, 0)

    def feed(self, text: str) -> None:
        while text:
            if text.startswith("\x1b["):
                end = next(i for i in range(2, len(text)) if text[i].isalpha())
                self._control(text[2 : end + 1])
                text = text[end + 1 :]
            else:
                self._put(text[0])
                text = text[1:]

    def _control(self, sequence: str) -> None:
        self._fresh = True
        if sequence.endswith("F"):
            self._at = max(self._at - int(sequence[:-1]), self._top)
        elif sequence == "J":
            del self._rows[self._at + 1 :]
            self._rows[self._at] = ""
        elif sequence == "2J":
            del self._rows[self._top + 1 :]
            self._rows[self._top] = ""
        elif sequence == "H":
            self._at = self._top

    def _put(self, character: str) -> None:
        if character == "\r":
            return
        if character == "\n":
            self._at += 1
            if self._at == len(self._rows):
                self._rows.append("")
            self._fresh = True
            return
        if len(self._rows[self._at]) == self.size.columns and not self._fresh:
            self._put("\n")
        if self._fresh:
            self._rows[self._at], self._fresh = "", False
        self._rows[self._at] += character


class Shown:
    """A screen and the terminal that it draws on."""

    def __init__(self, columns: int, lines: int, coloured: bool = False) -> None:
        self.stream = Terminal()
        self.emulator = Emulator(columns, lines)
        self.screen = TerminalScreen(
            Writer(self.stream, lambda: None), coloured, UNICODE, lambda: self.emulator.size
        )
        self._fed_n = 0

    @property
    def text(self) -> list[str]:
        written = self.stream.getvalue()
        self.emulator.feed(written[self._fed_n :])
        self._fed_n = len(written)
        return self.emulator.text


def test_lines_scroll_above_the_panel() -> None:
    shown = Shown(40, 10)
    shown.screen.show([row("panel 1"), row("panel 2")])
    shown.screen.log([row("first")])
    shown.screen.log([row("second")])
    assert shown.text == ["first", "second", "panel 1", "panel 2"]


def test_the_panel_is_redrawn_in_its_place() -> None:
    shown = Shown(40, 10)
    shown.screen.log([row("first")])
    shown.screen.show([row("a longer panel"), row("panel 2")])
    shown.screen.show([row("new")])
    assert shown.text == ["first", "new"]


def test_a_full_terminal_keeps_the_newest_lines_above_the_panel() -> None:
    shown = Shown(40, 5)
    shown.screen.show([row("panel")])
    for n in range(9):
        shown.screen.log([row(f"line {n}")])
    assert shown.text[-4:] == ["line 6", "line 7", "line 8", "panel"]


def test_after_a_resize_what_fits_is_painted_anew() -> None:
    shown = Shown(40, 10)
    shown.screen.show([row("panel " + "p" * 30)])
    shown.screen.log([row("old"), row("w" * 30), row("new")])
    assert shown.text
    shown.emulator.size = os.terminal_size((20, 5))
    shown.screen.resized()
    assert shown.text == ["w" * 20, "w" * 10, "new", "panel " + "p" * 13]


def test_a_panel_higher_than_the_terminal_is_cut() -> None:
    shown = Shown(40, 4)
    shown.screen.show([row(f"row {n}") for n in range(9)])
    shown.screen.show([row(f"row {n}") for n in range(9)])
    assert shown.text == ["row 0", "row 1", "row 2"]


def test_at_the_end_the_lines_stay_and_the_panel_goes() -> None:
    shown = Shown(40, 10)
    shown.screen.log([row("first")])
    shown.screen.show([row("panel")])
    shown.screen.close()
    shown.screen.log([row("ended")])
    assert shown.text == ["first", "ended"]


def test_a_frame_is_one_write_between_its_two_marks() -> None:
    shown = Shown(40, 10)
    shown.screen.show([row("panel")])
    written = shown.stream.getvalue()
    assert written.startswith("\x1b[?2026h")
    assert written.endswith("\x1b[?2026l")


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_colours_are_left_out_when_the_user_says_so(env: Mapping[str, str], coloured: bool) -> None:
    stream = Terminal()
    screen_for(stream, env, lambda: None).log([(Span("red", "\x1b[31m"),)])
    assert ("\x1b[31m" in stream.getvalue()) is coloured


@pytest.mark.parametrize(("stream", "env"), [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})])
def test_without_a_terminal_there_are_only_lines(stream: io.StringIO, env: Mapping[str, str]) -> None:
    screen = screen_for(stream, env, lambda: None)
    assert isinstance(screen, PlainScreen)
    screen.show([row("panel")])
    screen.log([(Span("line", "\x1b[31m"),)])
    screen.close()
    assert stream.getvalue() == "line\n"


def test_a_reader_that_has_gone_is_reported_once() -> None:
    reports: list[str] = []
    screen = screen_for(ClosedPipe(), {}, lambda: reports.append("gone"))
    screen.log([row("one")])
    screen.log([row("two")])
    assert reports == ["gone"]
