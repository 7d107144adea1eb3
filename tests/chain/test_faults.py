"""Every row of FAULTS, raised and cleared in the world through the real processes: topic, log, session."""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from evsed.core.faults import BY_NAME, FAULTS
from tests.chain.chain_evse import ChainEvse, own_broker
from tests.chain.host import note_if_late, patiently
from tests.chain.recipes import LANES, RECIPES, SETTINGS, Recipe, Stage
from tests.system.bench import eventually
from tests.system.evse_process import API, PLUG_AND_CHARGE

STAYS = ";sleep 600"  # else the EV unplugs at the end of its script

Outcome = AssertionError | None


def prove(evse: ChainEvse, recipe: Recipe) -> None:
    reach(evse, recipe.stage)
    began_s, read_n = time.monotonic(), len(evse.log)
    do(evse, recipe.provoke, recipe.asks[0] if recipe.asks else "")
    raised = told(evse, "error_raised", recipe, began_s)
    fault = BY_NAME[recipe.fault]
    assert (raised["description"], raised["severity"]) == (fault.text, fault.severity)
    until_logged(evse, f"fault {fault.name}: {fault.text}", read_n)
    until_session(evse, recipe.session)
    if fault.reaction.blocks and recipe.stage is Stage.CHARGING:
        evse.until_line("contactor", False, began_s)
    clear(evse, recipe, raised, began_s)


def clear(evse: ChainEvse, recipe: Recipe, raised: dict[str, Any], began_s: float) -> None:
    read_n = len(evse.log)
    leaves = ";unplug" if recipe.ev_leaves else ""  # a second list would replace the first before it has run
    do(evse, recipe.undo + leaves, recipe.asks[1] if recipe.asks else "")
    if recipe.restart:
        evse.kill("control")
    cleared = told(evse, "error_cleared", recipe, began_s)
    assert cleared["uuid"] == raised["uuid"]
    if not recipe.restart:
        until_logged(evse, f"fault {recipe.fault} cleared", read_n)


def do(evse: ChainEvse, script: str, ask: str) -> None:
    evse.modify(script + STAYS)
    if ask.startswith("m2e/"):
        evse.send(ask.removeprefix("m2e/"), {})
    elif ask:
        time.sleep(0.1)  # the world has heard it long before evsectl has started
        argv = [sys.executable, "-m", "evsed.evsectl", *ask.split()]
        subprocess.run(argv, env=evse.environment, capture_output=True, check=False, timeout=60)


def reach(evse: ChainEvse, stage: Stage) -> None:
    evse.modify("unplug")
    until_session(evse, "Unplugged")
    if stage is Stage.CHARGING:
        plugged_s = time.monotonic()
        evse.modify(PLUG_AND_CHARGE)
        evse.until_line("mirror", True, plugged_s)
        until_session(evse, "Charging")


def told(evse: ChainEvse, topic: str, recipe: Recipe, since_s: float) -> dict[str, Any]:
    wanted = BY_NAME[recipe.fault]

    def found() -> list[dict[str, Any]]:
        messages = [message for message in evse.wire.of(f"{API}e2m/{topic}") if message.at_s >= since_s]
        errors = [message.json for message in messages]
        return [e for e in errors if (e["type"], e["description"]) == (wanted.mrec, wanted.text)]

    return eventually(found, f"{topic} {wanted.mrec}")[0]


def until_logged(evse: ChainEvse, line: str, read_n: int) -> None:
    eventually(lambda: line in evse.log[read_n:], f"a journal line {line!r}")


def until_session(evse: ChainEvse, state: str) -> None:
    eventually(lambda: (evse.value("session_info") or {}).get("state") == state, f"session_info {state}")


def run_lane(lane: tuple[Recipe, ...]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    with own_broker() as broker, ChainEvse(broker, *SETTINGS) as evse:
        for recipe in lane:
            outcomes[recipe.fault] = tried(evse, recipe)
    return outcomes


def tried(evse: ChainEvse, recipe: Recipe) -> Outcome:
    try:
        patiently(recipe.fault, lambda: try_once(evse, recipe))
    except AssertionError as error:
        return error
    return None


def try_once(evse: ChainEvse, recipe: Recipe) -> None:
    read_n = len(evse.log)
    try:
        prove(evse, recipe)
    except AssertionError as error:
        error.add_note(evse.log[-4000:])
        note_if_late(error, evse.log[read_n:])
        evse.modify(f"{recipe.undo};unplug")
        raise


def jobs(soak: bool) -> dict[str, Callable[[], dict[str, Outcome]]]:
    return {f"lane {n}": partial(run_lane, lane) for n, lane in enumerate(LANES)}


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_a_fault_is_raised_and_cleared_in_the_world(
    fault: str, outcome: Callable[[str], dict[str, Outcome]]
) -> None:
    assert fault in RECIPES, f"{fault} has no recipe in recipes.py"
    (lane,) = (n for n, lane in enumerate(LANES) if RECIPES[fault] in lane)
    error = outcome(f"lane {lane}")[fault]
    if error is not None:
        raise error


def test_no_recipe_is_left_of_a_fault_that_is_no_more() -> None:
    assert set(RECIPES) == {fault.name for fault in FAULTS}
