"""Every reachable state of each model keeps the invariants and has a way back to Idle (all with --soak)."""

import multiprocessing
import time
from typing import NamedTuple

import msgspec
import pytest

from evsed.core.charger import Charger
from evsed.core.inputs import Outputs
from evsed.core.settings import Settings
from evsed.core.situation import Situation
from evsed.core.tables import Drive
from tests.proof.abstraction import DEADLINES, IGNORED, NOT_MOVED, machines, slots_of
from tests.proof.explore import Exploration, Found, Model, Violation
from tests.proof.models import CABLE, MODELS, env, model

SAMPLE_N = 400  # states of each model by default


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_first_states_keep_the_invariants(model: Model) -> None:
    assert Exploration(model, SAMPLE_N).run().states_n >= SAMPLE_N


class Fixpoint(NamedTuple):
    name: str
    found: Found
    took_s: float


def _fixpoint(name: str) -> Fixpoint:
    """Of a model by its name, as it goes to another process. Raises Violation."""
    began_s = time.monotonic()
    found = Exploration(next(model for model in MODELS if model.name == name)).run()
    return Fixpoint(name, found, time.monotonic() - began_s)


@pytest.mark.soak
def test_every_state_of_every_model_keeps_the_invariants() -> None:
    """All processors share the models, each of which is run to its fixpoint; minutes."""
    began_s, states_n, steps_n = time.monotonic(), 0, 0
    with multiprocessing.Pool() as pool:
        for name, found, took_s in pool.imap_unordered(_fixpoint, [model.name for model in MODELS], 1):
            print(
                f"{name:16} {found.states_n:8,} states {found.steps_n:9,} steps {took_s:6.1f} s", flush=True
            )
            states_n, steps_n = states_n + found.states_n, steps_n + found.steps_n
    took_s = time.monotonic() - began_s
    print(f"{'all at their fixpoint':16} {states_n:,} states, {steps_n:,} steps, {took_s:.0f} s")


def test_every_time_in_the_core_has_its_deadlines() -> None:
    charger = Charger(Settings())
    moved = [(owner, machine) for owner, machine in machines(charger._s) if owner not in NOT_MOVED]
    names = {f"{owner}.{name}".lstrip(".") for owner, machine in moved for name in slots_of(machine)}
    times = {name for name in names if name.endswith("_s") and name not in IGNORED}
    assert times == set(DEADLINES)


class Sticky(Charger):
    """Its contactor stays closed once it is."""

    def _drive(self, s: Situation, drive: Drive) -> Outputs:
        before = self._outputs.contactor_closed
        outputs = super()._drive(s, drive)
        return msgspec.structs.replace(outputs, contactor_closed=outputs.contactor_closed or before)


def test_a_core_that_does_not_open_is_found_out() -> None:
    broken = msgspec.structs.replace(model("broken", env(cp="ABC"), **CABLE), charger=Sticky)
    with pytest.raises(Violation, match="power in a state without it") as found:
        Exploration(broken).run()
    assert "cp=C" in str(found.value)


def test_a_saved_state_stays_as_it_was() -> None:
    exploration = Exploration(MODELS[0], 50)
    exploration.run()
    plan, (_, node) = exploration._plan, exploration._todo[0]
    plan.load(node.charger)
    before = plan.key()
    for change in MODELS[0].changes:
        exploration._after(0, node, change)
    plan.load(node.charger)
    assert (plan.key(), plan.save()) == (before, node.charger)
