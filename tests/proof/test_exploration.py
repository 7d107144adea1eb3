"""Every reachable state of each model keeps the invariants and has a way back to Idle (all with --soak)."""

import msgspec
import pytest

from evsed.core.charger import Charger
from evsed.core.inputs import Outputs
from evsed.core.settings import Settings
from evsed.core.situation import Situation
from evsed.core.tables import Drive
from tests.proof.abstraction import DEADLINES, IGNORED, Plan, machines, slots_of
from tests.proof.explore import Exploration, Model, Violation
from tests.proof.models import CABLE, MODELS, env, model

SAMPLE_N = 400  # states of each model by default


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_first_states_keep_the_invariants(model: Model) -> None:
    assert Exploration(model, SAMPLE_N).run().states_n >= SAMPLE_N


@pytest.mark.soak
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_state_keeps_the_invariants(model: Model) -> None:
    found = Exploration(model).run()
    print(f"{model.name}: {found.states_n} states, {found.steps_n} steps, fixpoint")


def test_every_time_in_the_core_has_its_deadlines() -> None:
    charger = Charger(Settings())
    names = {prefix + name for prefix, machine in machines(charger._s) for name in slots_of(machine)}
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


def test_a_copy_goes_its_own_way() -> None:
    exploration = Exploration(MODELS[0], 50)
    exploration.run()
    plan: Plan = exploration._plan
    node = exploration._todo[0][1]
    before = plan.key(node.charger)
    for change in MODELS[0].changes:
        exploration._after(0, node, change)
    assert plan.key(node.charger) == before
