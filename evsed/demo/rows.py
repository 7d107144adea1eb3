"""What is shown, before it meets a terminal: rows of coloured spans, cut by columns, painted last."""

from collections.abc import Sequence

import msgspec

from evsed.evsectl.terminal import Colour

BOLD, DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


class Span(msgspec.Struct, frozen=True):
    """style is a terminal's escape sequence or empty; every character of the text is one column wide."""

    text: str
    style: str = Colour.PLAIN.value


Row = tuple[Span, ...]


class Glyphs(msgspec.Struct, frozen=True):
    """The characters that a terminal may lack."""

    rule: str
    full: str
    empty: str
    dot: str
    separator: str


UNICODE = Glyphs("─", "█", "░", "●", " · ")
ASCII = Glyphs("-", "#", ".", "*", ", ")


def row(text: str, style: str = "") -> Row:
    return (Span(text, style),)


def width(spans: Sequence[Span]) -> int:
    return sum(len(span.text) for span in spans)


def cut(spans: Sequence[Span], columns: int) -> Row:
    """The first `columns` columns."""
    kept, left = [], columns
    for span in spans:
        if left <= 0:
            break
        kept.append(Span(span.text[:left], span.style))
        left -= len(span.text)
    return tuple(kept)


def painted(spans: Sequence[Span], coloured: bool) -> str:
    if not coloured:
        return "".join(span.text for span in spans)
    return "".join(f"{span.style}{span.text}{_RESET}" if span.style else span.text for span in spans)
