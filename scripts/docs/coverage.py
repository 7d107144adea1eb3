"""docs/api-coverage.md: what has become of every topic, type and enum value of EVerest's documents.

coverage.toml has the rows. One has `by` (who produces or serves it), `client` (accepted from a client, and
what it does) or `never` (why), and, but for `never`, the test that shows it.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

DATA = Path(__file__).parent / "coverage.toml"
INTRODUCTION = """\
# What has become of each name

<!-- Made by scripts/gen-docs of scripts/docs/coverage.toml: do not edit. -->

Every topic, type and enum value of the documents of the EVerest API (1.0.0, its newer additions, our
extensions, and the older interface), and where it is: *produced by* (or served by) a part of evsed,
*accepted* from a client only, or *never*, because. The test named shows it.
"""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """names: of one kind and one fate. of: the interface (0, 1) of topics, the enum of values, else empty.

    ours: the enum's name in our own AsyncAPI document; "" if it is not in it.
    """

    kind: Literal["topic", "type", "value"]
    names: tuple[str, ...]
    of: str = ""
    ours: str = ""
    by: str = ""
    client: str = ""
    never: str = ""
    test: str = ""

    def __post_init__(self) -> None:
        told = [text for text in (self.by, self.client, self.never) if text]
        if len(told) != 1 or bool(self.never) == bool(self.test):
            raise ValueError(
                f"{self.of} {self.names[0]}: one of by, client, never, and a test with the first two"
            )

    @property
    def fate(self) -> str:
        if self.never:
            return f"never, because {self.never}"
        return f"produced by {self.by}" if self.by else f"accepted: {self.client}"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: tuple[Row, ...]


def load() -> tuple[Row, ...]:
    return msgspec.convert(tomllib.loads(DATA.read_text()), _Table).rows


def text(rows: tuple[Row, ...]) -> str:
    return "\n".join(_lines(rows)).rstrip() + "\n"


def _lines(rows: tuple[Row, ...]) -> Iterator[str]:
    yield INTRODUCTION
    for interface, title in (("1", "Topics of interface 1"), ("0", "Topics of the older interface 0")):
        yield from _section(title, [row for row in rows if row.kind == "topic" and row.of == interface])
    yield from _section("Types", [row for row in rows if row.kind == "type"])
    for name in dict.fromkeys(row.of for row in rows if row.kind == "value"):
        yield from _section(f"Values of {name}", [r for r in rows if r.kind == "value" and r.of == name])


def _section(title: str, rows: list[Row]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| name | what becomes of it | test |\n|---|---|---|"
    for row in rows:
        for name in row.names:
            yield f"| {name} | {row.fate} | {row.test and f'`{row.test}`'} |"
    yield ""
