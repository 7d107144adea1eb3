"""Our document in the AsyncAPI project's own parser."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import evsed.api

pytestmark = pytest.mark.foreign
DOCUMENT = Path(evsed.api.__file__).parent / "asyncapi.json"
PARSE = Path(__file__).parent / "parse.js"


def parse(node_modules: Path, *documents: Path) -> list[dict[str, Any]]:
    """What the parser makes of each."""
    node = subprocess.run(
        ["node", PARSE, node_modules, *documents], capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in node.stdout.splitlines()]


def test_our_document_is_valid_and_one_with_a_mistake_is_not(node_modules: Path, tmp_path: Path) -> None:
    document = json.loads(DOCUMENT.read_text())
    operations = document["operations"]
    operations["send_request_pause_charging"]["action"] = "shout"
    (tmp_path / "broken.json").write_text(json.dumps(document))
    found, broken = parse(node_modules, DOCUMENT, tmp_path / "broken.json")
    assert found["problems"] == []
    assert set(found["sends"]) | set(found["receives"]) == set(operations)
    assert set(found["receives"]) == {name for name in operations if "receive_" in name}
    assert set(found["replied"]) == {name for name in operations if "send_request_" in name}
    assert any("action" in problem for problem in broken["problems"])
