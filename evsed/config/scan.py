"""On which line of a TOML text each key stands (tomllib does not tell).

Rule: the text is known to be TOML, or is searched for a key given twice; the scan checks nothing else.
"""

import re
from collections.abc import Iterator

import msgspec

# One token: a string (may span lines), a comment, a bracket, a line end, or anything else.
TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\"'#\[\]{}\n]+"
    r"|.",
    re.DOTALL,
)
PART = r"(?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[A-Za-z0-9_-]+)"
PATH = rf"\s*{PART}(?:\s*\.\s*{PART})*\s*"
HEADER = re.compile(rf"\s*(\[\[?)({PATH})\]")
ASSIGNMENT = re.compile(rf"({PATH})=")

KeyPath = tuple[str, ...]


class Place(msgspec.Struct, frozen=True):
    """A [table] header (`is_table`), a [[table]] header (`repeats` too) or a key, and its line (from 1)."""

    path: KeyPath
    line: int
    is_table: bool = False
    repeats: bool = False


def places(text: str) -> list[Place]:
    """Every table header and key of `text`, in order; keys carry their table's path."""
    found: list[Place] = []
    table: KeyPath = ()
    for line, statement in _statements(text):
        if header := HEADER.match(statement):
            table = _path(header[2])
            found.append(Place(table, line, is_table=True, repeats=header[1] == "[["))
        elif assignment := ASSIGNMENT.match(statement):
            found.append(Place(table + _path(assignment[1]), line))
    return found


def line_of(found: list[Place], path: KeyPath) -> int:
    """The line of `path`, or of the nearest thing that holds it; 1 if nothing does."""
    for length in range(len(path), 0, -1):
        for place in found:
            if place.path[:length] == path[:length]:
                return place.line
    return 1


def given_twice(found: list[Place]) -> list[tuple[Place, int]]:
    """Each repeated key or table header, with the line where it stood first."""
    first: dict[tuple[KeyPath, bool], int] = {}
    repeated: list[tuple[Place, int]] = []
    for place in found:
        line = first.setdefault((place.path, place.is_table), place.line)
        if line != place.line and not place.repeats:
            repeated.append((place, line))
    return repeated


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines: (line of the start, text); brackets and strings that span lines keep one together."""
    line, start, depth, parts = 1, 1, 0, [""]
    for token in TOKEN.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        line += token.count("\n")
        if token == "\n" and depth <= 0:
            yield start, "".join(parts)
            start, depth, parts = line, 0, []
        else:
            parts.append(token)
    yield start, "".join(parts)


def _path(text: str) -> KeyPath:
    """Escapes in a quoted key stay as written: no key of ours has one."""
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(PART, text))
