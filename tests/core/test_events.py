"""Every row of the event order, on the core with the world."""

import pytest

from tests.bench import Bench
from tests.core.energy_scenarios import ENERGY_SCENARIOS
from tests.core.scenarios import SCENARIOS, Scenario
from tests.core.service_scenarios import SERVICE_SCENARIOS


@pytest.mark.parametrize(
    "scenario", SCENARIOS + SERVICE_SCENARIOS + ENERGY_SCENARIOS, ids=lambda s: s.__name__
)
def test_the_story_is_told_in_order(scenario: Scenario) -> None:
    scenario(Bench)
