"""docs/safety.md names tests as evidence: they are there, and so is each case that it names."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/safety.md").read_text()
EVIDENCE = sorted(set(re.findall(r"([\w/]+\.py)::(test_\w+)(?:\[([^\]]+)\])?", TEXT)))


def test_there_is_evidence() -> None:
    assert len(EVIDENCE) > 40


@pytest.mark.parametrize(("file", "name", "case"), EVIDENCE, ids=lambda part: part)
def test_the_evidence_is_there(file: str, name: str, case: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if case:
        assert case in _cases(file), f"{file} has no case {case!r}"


def test_no_row_of_a_table_is_without_evidence() -> None:
    rows = [
        line
        for line in TEXT.splitlines()
        if line.startswith("| ") and not line.startswith(("| layer", "| hazard"))
    ]
    assert [row for row in rows if "::test_" not in row and "| hardware" not in row] == []


def _cases(file: str) -> str:
    """Where the case's name must stand: in the file, its tables, or the table of faults."""
    near = [ROOT / "tests" / file, ROOT / "tests/chain/faulty_control.py", ROOT / "evsed/core/faults.py"]
    text = "\n".join(path.read_text() for path in near)
    return text + "\n".join(
        f"exception in phase {phase!r}" for phase in re.findall(r'"([\w ]+)": \("_', text)
    )
