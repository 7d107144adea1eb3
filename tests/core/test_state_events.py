"""The stories per state, on the core with the world."""

import pytest

from tests.core.scenarios import Scenario
from tests.core.state_scenarios import STATE_SCENARIOS
from tests.tables.recorded import play


@pytest.mark.parametrize("scenario", STATE_SCENARIOS, ids=lambda s: s.__name__)
def test_the_story_is_told_in_every_state(scenario: Scenario) -> None:
    rows, _ = play(scenario)
    assert rows
