"""The contract as a fixture, and the facts that several tests of the API share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evsed.api.identity import Identity
from evsed.api.router import Router

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contract"
FILES = ("evse_manager_consumer-1.0.0.json", "extensions.json")


@pytest.fixture
def router() -> Router:
    return Router(Identity(module_id="evse"))


@pytest.fixture(scope="session")
def contract() -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """address -> (schema of the message, schema of the reply, definitions)"""
    if not CONTRACT.is_dir():
        pytest.skip(f"the contract is not there: {CONTRACT}")
    rows: dict[str, tuple[Any, Any, dict[str, Any]]] = {}
    for name in FILES:
        document = json.loads((CONTRACT / name).read_text())
        for operation in document["operations"].values():
            row = (operation["payload"], operation.get("reply"), document["$defs"])
            rows.setdefault(operation["address"], row)
    return rows


@pytest.fixture(scope="session")
def problems_of(contract: dict[str, Any]) -> Callable[..., list[str]]:
    """What the contract has against a message (or a reply) of an address; date-times are looked into."""

    def check(address: str, payload: bytes, reply: bool = False) -> list[str]:
        message, answer, defs = contract[address]
        validator = jsonschema.Draft202012Validator(
            {**(answer if reply else message), "$defs": defs}, format_checker=jsonschema.FormatChecker()
        )
        return [error.message for error in validator.iter_errors(json.loads(payload))]

    return check
