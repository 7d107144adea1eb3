"""scripts/gen-docs: what is committed is what it makes, and --check says so when it is not."""

import subprocess
from pathlib import Path

import pytest

from scripts.docs import __main__ as gen_docs
from scripts.docs.reference import shape

ROOT = Path(__file__).parents[2]


def test_what_is_committed_is_up_to_date() -> None:
    checked = subprocess.run(
        [ROOT / "scripts/gen-docs", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_stale_file_is_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "api.md"
    stale.write_text("of yesterday")
    monkeypatch.setattr(gen_docs, "ROOT", tmp_path)
    monkeypatch.setattr(gen_docs, "files", lambda: {stale: "of today"})
    monkeypatch.setattr("sys.argv", ["gen-docs", "--check"])
    assert gen_docs.main() == 1
    assert "api.md is stale" in capsys.readouterr().err
    assert stale.read_text() == "of yesterday"
    monkeypatch.setattr("sys.argv", ["gen-docs"])
    assert gen_docs.main() == 0
    assert stale.read_text() == "of today"


def test_every_topic_has_its_section_and_every_type_its_own() -> None:
    text = next(made for path, made in gen_docs.files().items() if path.name == "api.md")
    assert text.count("#### e2m/session_event\n") == 1
    assert text.count("#### m2e/pause_charging\n") == 2  # in both interfaces
    assert "### SessionEvent\n" in text
    assert "(not seen on the tour)" not in text


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 3}, "integer (>= 1, <= 3)"),
        ({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, "integer"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, "array of number (at least 1)"),
        ({"anyOf": [{"$ref": "#/components/schemas/wire.Limits"}, {"type": "null"}]},
         "[wire.Limits](#wirelimits) or null"),
        ({"type": "string", "enum": ["a", "b"]}, "`a`, `b`"),
    ],
)  # fmt: skip
def test_a_schema_in_a_few_words(schema: dict[str, object], told: str) -> None:
    assert shape(schema) == told
