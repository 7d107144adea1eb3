"""Plays a scenario once and notes which rows of TRANSITIONS it takes."""

from collections.abc import Callable
from functools import cache
from typing import Any

from evsed.core.situation import Situation
from evsed.core.states import EvseState as S
from evsed.core.tables import TRANSITIONS, Tables, Transition
from tests.bench import Bench
from tests.core.energy_scenarios import ENERGY_SCENARIOS
from tests.core.scenarios import SCENARIOS, Scenario
from tests.core.service_scenarios import SERVICE_SCENARIOS
from tests.core.state_scenarios import STATE_SCENARIOS

ALL_SCENARIOS = SCENARIOS + STATE_SCENARIOS + SERVICE_SCENARIOS + ENERGY_SCENARIOS
Row = tuple[int, S]  # a row of TRANSITIONS as it applies in one state


def states_of(transition: Transition) -> tuple[S, ...]:
    return (
        (transition[0],) if isinstance(transition[0], S) else tuple(sorted(transition[0], key=list(S).index))
    )


ROWS: tuple[Row, ...] = tuple((i, state) for i, t in enumerate(TRANSITIONS) for state in states_of(t))


def table(change: Callable[[Row, Transition], Transition | None]) -> tuple[Transition, ...]:
    """TRANSITIONS with one row a state, each handed to change(); None drops it."""
    rows = []
    for i, state in ROWS:
        row = change((i, state), (state, *TRANSITIONS[i][1:]))
        if row is not None:
            rows.append(row)
    return tuple(rows)


@cache
def play(scenario: Scenario) -> tuple[frozenset[Row], float]:
    """The rows that the scenario takes, and the bench's time at its end."""
    taken: set[Row] = set()
    benches: list[Bench] = []

    def noting(row: Row, transition: Transition) -> Transition:
        def note(s: Situation) -> None:
            taken.add(row)

        return (*transition[:3], (*transition[3], note))

    def make(*args: Any, **kwargs: Any) -> Bench:
        benches.append(Bench(*args, tables=Tables(table(noting)), **kwargs))
        return benches[-1]

    scenario(make)
    return frozenset(taken), benches[-1].clock.now_s()


def uses() -> dict[Scenario, frozenset[Row]]:
    """Which rows each scenario takes; the least eventful and shortest story first."""
    played = {scenario: play(scenario) for scenario in ALL_SCENARIOS}
    ordered = sorted(played, key=lambda scenario: (len(played[scenario][0]), played[scenario][1]))
    return {scenario: played[scenario][0] for scenario in ordered}
