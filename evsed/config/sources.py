"""Where settings come from: TOML files and --set, read into Settings and Problems; bounds are not looked at.

Rule: a source never raises; what is wrong with it becomes a Problem, so that all problems are told at once.
"""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from evsed.config.check import printable, shown
from evsed.config.keys import EVSED, KEYS, Vocabulary
from evsed.config.scan import Place, given_twice, line_of, places

# fmt: off
READ_ERRORS = {
    errno.ENOENT:  "no such file",
    errno.EISDIR:  "is a directory, a file is needed",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.EACCES:  "permission denied: let user id {uid} read it and enter its directories (chmod, chown)",
}
# fmt: on
TOMLLIB_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Setting(msgspec.Struct, frozen=True):
    """A value as TOML gives it; `where` leads an error text, `origin` is what --print-config tells."""

    name: str
    value: object
    where: str
    origin: str


class Problem(msgspec.Struct, frozen=True):
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


Finding = Setting | Problem


def parts_of(directory: Path) -> tuple[list[Path], list[Finding]]:
    """The *.toml of a drop-in directory by name; a missing directory has none."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [Problem(str(directory), _read_error(error))]
    return [directory / name for name in names if name.endswith(".toml") and not name.startswith(".")], []


def from_file(path: Path, may_be_missing: bool = False) -> list[Finding]:
    document = read(path, may_be_missing)
    return document if isinstance(document, list) else from_tables(document, document.tables, EVSED)


class Document(msgspec.Struct, frozen=True):
    """A TOML file that could be read, and where in it everything stands."""

    path: Path
    tables: Mapping[str, Any]
    places: list[Place]

    def where(self, *key_path: str) -> str:
        return f"{self.path}:{line_of(self.places, key_path)}"


def read(path: Path, may_be_missing: bool = False) -> "Document | list[Finding]":
    """Or the problems; a file that may be missing has none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        if may_be_missing and error.errno == errno.ENOENT:
            return []
        return [Problem(str(path), _read_error(error))]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Problem(f"{path}:{line}", "not UTF-8 text; save the file as UTF-8")]
    return _from_text(path, text)


def from_set(argument: str) -> Finding:
    """One --set KEY=VALUE."""
    where = f"--set {printable(argument)}"
    name, equals, value = argument.partition("=")
    name = name.strip()
    if not equals:
        return Problem(where, "expected KEY=VALUE, such as --set mqtt.port=1883")
    if name not in KEYS:
        return Problem(where, unknown_key(name, EVSED))
    is_text, is_quoted = KEYS[name].kind == "str", value.lstrip()[:1] in ("'", '"')
    if is_text and not is_quoted:
        return Setting(name, value, where, "--set")
    try:
        return Setting(name, _toml_value(value), where, "--set")
    except (ValueError, RecursionError):
        if is_text:
            return Problem(where, f"{name}: not a TOML text; close the quotes or leave them out")
        return Setting(name, value, where, "--set")  # a bare word, refused by the key's type


def _toml_value(text: str) -> object:
    import tomllib

    document = tomllib.loads(f"value = {text}")
    if len(document) != 1:
        raise ValueError("more than a value")
    return document["value"]


def _from_text(path: Path, text: str) -> "Document | list[Finding]":
    import tomllib

    found = places(text)
    try:
        return Document(path, tomllib.loads(text), found)
    except (ValueError, RecursionError) as error:
        repeated = [_repeated(path, place, first) for place, first in given_twice(found)]
        return [*repeated] or [_syntax_problem(path, text, error)]


def _repeated(path: Path, place: Place, first_line: int) -> Problem:
    name = printable(".".join(place.path))
    what = f"table [{name}]" if place.is_table else name
    return Problem(f"{path}:{place.line}", f"{what}: given twice, first on line {first_line}; keep one")


def _syntax_problem(path: Path, text: str, error: Exception) -> Problem:
    place = TOMLLIB_PLACE.search(str(error))
    reason = TOMLLIB_PLACE.sub("", str(error))
    if place is None:  # a number or a nesting beyond what Python takes
        return Problem(f"{path}:1", f"cannot be read as TOML: {reason}")
    at = f"{place[1]}:{place[2]}" if place[1] else f"{text.count(chr(10)) + 1}:1"
    hint = "; a text needs quotes" if reason == "Invalid value" else ""
    return Problem(f"{path}:{at}", f"not valid TOML: {reason}{hint}")


def from_tables(
    document: Document, tables: Mapping[str, Any], vocabulary: Vocabulary, below: tuple[str, ...] = ()
) -> list[Finding]:
    """tables: those of the document, or what it has in the table `below`."""
    return [
        finding
        for table, body in tables.items()
        for finding in _from_table(document, vocabulary, below, table, body)
    ]


def _from_table(
    document: Document, vocabulary: Vocabulary, below: tuple[str, ...], table: str, body: object
) -> list[Finding]:
    where = document.where(*below, table)
    if table not in vocabulary.tables:
        is_table = isinstance(body, Mapping)
        text = _unknown_table(table, vocabulary) if is_table else unknown_key(table, vocabulary)
        return [Problem(where, text)]
    if not isinstance(body, Mapping):
        return [Problem(where, f"{table}: is a table, got {shown(body)}; write [{table}] and its keys below")]
    return [
        _from_key(document.where(*below, table, field), f"{table}.{field}", value, vocabulary)
        for field, value in body.items()
    ]


def _from_key(where: str, name: str, value: object, vocabulary: Vocabulary) -> Finding:
    if name not in vocabulary.keys:
        return Problem(where, unknown_key(name, vocabulary))
    return Setting(name, value, where, where)


def unknown_key(name: str, vocabulary: Vocabulary) -> str:
    return f"{printable(name)}: unknown key; {_nearest_key(name, vocabulary)}"


def _nearest_key(name: str, vocabulary: Vocabulary) -> str:
    """The most similar key of the table, else the key of that name in another table, else what there is."""
    from difflib import get_close_matches

    table, _, field = name.rpartition(".")
    keys = vocabulary.keys
    in_table = {key.field: key.name for key in keys.values() if key.table == (table or name)}
    similar = [in_table[match] for match in get_close_matches(field, in_table, n=1)]
    namesakes = [key.name for key in keys.values() if key.field == field]
    near = similar or namesakes or ([] if in_table else get_close_matches(name, keys, n=1))
    return (
        f"nearest key: did you mean {near[0]}?"
        if near
        else f"known here: {', '.join(in_table.values() or vocabulary.tables)}"
    )


def _unknown_table(table: str, vocabulary: Vocabulary) -> str:
    from difflib import get_close_matches

    near = get_close_matches(table, vocabulary.tables, n=1)
    hint = f"did you mean [{near[0]}]?" if near else f"known tables: {', '.join(vocabulary.tables)}"
    return f"[{printable(table)}]: unknown table; {hint}"


def _read_error(error: OSError) -> str:
    text = READ_ERRORS.get(error.errno or 0, error.strerror or str(error))
    return text.format(uid=os.geteuid())
