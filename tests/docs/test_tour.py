"""scripts/tour for real: everything is seen, in the shapes of our document and of EVerest's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evsed.api.asyncapi import all_topics, document, reply_schemas
from scripts.docs.__main__ import examples
from scripts.docs.coverage import load
from scripts.tour_files import INTERFACES
from scripts.tour_story import UID

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contract"
TOUR_LIMIT_S = 90.0
DOCUMENT = document(INTERFACES, "0")
API = "everest_api/1/evse_manager_consumer/evse/"


class Tour:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.run(
            [ROOT / "scripts/tour", "--out", folder], capture_output=True, text=True, timeout=TOUR_LIMIT_S
        )
        lines = (folder / "CAPTURE.jsonl").read_text().splitlines()
        self.messages = [json.loads(line) for line in lines]
        self.examples = json.loads((folder / "EXAMPLES.json").read_text())

    def of(self, address: str) -> list[Any]:
        return [message["payload"] for message in self.messages if message["topic"] == API + address]


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    return Tour(tmp_path_factory.mktemp("tour"))


def problems_of(found: dict[str, dict[str, Any]]) -> list[str]:
    """What of these examples breaks our own document."""
    replies, problems = reply_schemas(INTERFACES), []
    for topic in all_topics(INTERFACES):
        example = found.get(topic.address, {})
        body = {
            **DOCUMENT["components"]["messages"][topic.name]["payload"],
            "components": DOCUMENT["components"],
        }
        pairs = [(body, "payload"), (replies.get(topic.operation), "reply")]
        for schema, key in pairs:
            if schema is not None and key in example:
                errors = jsonschema.Draft202012Validator(schema).iter_errors(example[key])
                problems += [f"{topic.address} {key}: {error.message[:200]}" for error in errors]
    return problems


def test_every_topic_is_seen(tour: Tour) -> None:
    assert tour.process.returncode == 0, tour.process.stderr


def test_the_examples_keep_to_the_document(tour: Tour) -> None:
    assert problems_of(tour.examples) == []
    assert len(tour.examples) > 100


def test_an_example_that_does_not_is_found(tour: Tour) -> None:
    address = next(address for address in tour.examples if address.endswith("m2e/reserve"))
    assert problems_of({address: {"payload": {"payload": "4711"}}})
    assert problems_of({address: {"reply": "yes"}})


def test_the_examples_of_the_reference_keep_to_the_document_of_now() -> None:
    """scripts/gen-docs --capture takes them anew."""
    assert problems_of(examples()) == []
    missing = [topic.address for topic in all_topics(INTERFACES) if topic.address not in examples()]
    assert missing == []


def test_the_events_of_the_story_are_told(tour: Tour) -> None:
    told = {event["event"] for event in tour.of("e2m/session_event")}
    rows = [row for row in load() if row.test.endswith("::test_the_events_of_the_story_are_told")]
    assert {name for row in rows for name in row.names} - told == set()


def test_the_card_is_told_as_the_reader_sees_it(tour: Tour) -> None:
    token = tour.of("e2m/provided_token")[0]
    assert token["id_token"]["value"] == UID
    assert (token["id_token"]["type"], token["authorization_type"]) == ("ISO14443", "RFID")


@pytest.mark.skipif(not CONTRACT.exists(), reason=f"no API contract at {CONTRACT}")
def test_the_capture_keeps_to_the_contract_and_has_all_of_it(tour: Tour) -> None:
    files = [tour.folder / "CAPTURE.jsonl", "--replies", tour.folder / "REPLIES.json"]
    checked = subprocess.run(
        [sys.executable, CONTRACT / "check.py", *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "\n0 operations of 1.0.0 not seen" in checked.stdout, checked.stdout
    assert "\n0 broken" in checked.stdout
