"""The contract as a fixture, and the facts that several tests of the API share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity
from evsed.api.operations import Moment
from evsed.api.router import Router

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contract"
FILES = (
    "evse_manager_consumer-1.0.0.json",
    "newer_additions.json",
    "extensions.json",
)  # the first that has it


@pytest.fixture
def errors() -> ActiveErrors:
    return ActiveErrors("evse")


@pytest.fixture
def moment() -> Moment:
    return Moment(now_s=1000.0, utc_s=1769847332.481)  # 2026-01-31T08:15:32.481Z


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
        schema = answer if reply else message
        validator = jsonschema.Draft202012Validator(
            {**(schema or {}), "$defs": defs}, format_checker=jsonschema.FormatChecker()
        )
        return [error.message for error in validator.iter_errors(json.loads(payload))]

    return check
