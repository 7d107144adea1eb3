"""The table of what has become of each name: complete for our document and EVerest's, its tests are there."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evsed.api.asyncapi import all_topics, document
from scripts.docs.coverage import Row, load, text
from scripts.tour_files import INTERFACES

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contract"
VERSION = re.compile(r"^everest_api/(\d+)/")
TEST = re.compile(r"^(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)(?:\[(?P<case>\w+)\])?$")


def enums(node: Any, name: str) -> Iterator[tuple[str, str]]:
    """(enum, value) of a schema: an enum is called as its type, or else as its field."""
    if isinstance(node, list):
        for entry in node:
            yield from enums(entry, name)
    elif isinstance(node, dict):
        for value in node.get("enum", ()):
            if isinstance(value, str):  # YAML's Off is a false in one of them
                yield name, value
        for key, entry in node.get("properties", {}).items():
            yield from enums(entry, key)
        for key in ("items", "anyOf", "oneOf"):
            yield from enums(node.get(key), name)


def covered(rows: tuple[Row, ...], kind: str) -> set[tuple[str, str]]:
    return {(row.of, name) for row in rows if row.kind == kind for name in row.names}


def address_of(interface: str, address: str) -> tuple[str, str]:
    """(version, address below the prefix)."""
    match = VERSION.match(interface)
    assert match is not None
    return match[1], address


def test_every_name_of_our_own_document_is_covered() -> None:
    rows = load()
    ours = {address_of(t.address, t.address.partition("{module_id}/")[2]) for t in all_topics(INTERFACES)}
    assert ours == covered(rows, "topic")
    values = {(row.ours, name) for row in rows if row.kind == "value" and row.ours for name in row.names}
    found = set()
    for name, schema in document(INTERFACES, "0")["components"]["schemas"].items():
        found |= {
            pair if "enum" in schema else (f"{name}.{pair[0]}", pair[1]) for pair in enums(schema, name)
        }
    assert found == values


def test_no_name_is_covered_twice() -> None:
    names = [(row.kind, row.of, name) for row in load() for name in row.names]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", sorted({row.test for row in load() if row.test}))
def test_every_test_that_is_named_exists(name: str) -> None:
    match = TEST.match(name)
    assert match is not None, name
    path = ROOT / match["file"]
    functions = {
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert match["name"] in functions
    if match["case"]:  # of a scenario: a function beside the test
        beside = "".join(file.read_text() for file in path.parent.glob("*scenarios.py"))
        assert f"def {match['case']}(" in beside


def test_every_part_of_evsed_that_is_named_exists() -> None:
    for row in load():
        for path in re.findall(r"evsed/[\w/]+\.py", row.by + row.client):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "told",
    [{}, {"by": "x"}, {"never": "x", "test": "tests/a.py::test_b"}, {"by": "x", "client": "y", "test": "z"}],
    ids=str,
)
def test_a_row_tells_one_fate_and_its_test(told: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one of by, client, never"):
        Row("type", ("X",), **told)


def test_the_table_has_a_line_for_every_name() -> None:
    rows = load()
    lines = text(rows).splitlines()
    assert sum(line.startswith("| ") for line in lines) == sum(len(row.names) for row in rows) + sum(
        line.startswith("## ") for line in lines
    )


@pytest.mark.skipif(not CONTRACT.exists(), reason=f"no API contract at {CONTRACT}")
@pytest.mark.parametrize(
    "file", ["evse_manager_consumer-1.0.0", "newer_additions", "extensions", "evse_manager-0"]
)
def test_every_name_of_the_documents_is_covered(file: str) -> None:
    contract = json.loads((CONTRACT / f"{file}.json").read_text())
    rows = load()
    topics = {address_of(contract["prefix"], entry["address"]) for entry in contract["operations"].values()}
    assert topics - covered(rows, "topic") == set()
    types = {("", name) for name in contract["$defs"]}
    assert types - covered(rows, "type") == set()
    values = {pair for name, schema in contract["$defs"].items() for pair in enums(schema, name)}
    assert values - covered(rows, "value") == set()
