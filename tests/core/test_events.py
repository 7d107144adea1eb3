"""Every row of the event order, on the core with the world."""

import pytest

from tests.bench import Bench
from tests.core.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_the_story_is_told_in_order(scenario: Scenario) -> None:
    scenario(Bench)
