"""Heat and the limit, degree by degree."""

from evsed.core.derating import Derating
from evsed.core.settings import Settings
from hal.types import Temperature


def at(derating: Derating, temperature_c: float) -> float | None:
    derating.update((Temperature("evse", temperature_c),))
    return derating.limit_a


def test_nothing_known_changes_nothing() -> None:
    derating = Derating(Settings())
    at(derating, 75.0)
    derating.update(())
    assert derating.limit_a == 27.0


def test_one_ampere_less_for_each_degree_but_never_below_what_a_pilot_can_say() -> None:
    derating = Derating(Settings(max_current_a=10.0))
    assert [at(derating, c) for c in (70.0, 70.5, 72.0, 84.0)] == [None, 9.0, 8.0, 6.0]


def test_a_step_is_taken_back_only_three_degrees_below_it() -> None:
    derating = Derating(Settings())
    assert [at(derating, c) for c in (72.0, 70.0, 69.1, 69.0, 67.1, 67.0)] == [
        30.0,
        30.0,
        30.0,
        30.0,
        31.0,
        None,
    ]


def test_the_stop_has_a_hysteresis_too() -> None:
    derating = Derating(Settings())
    stopped = []
    for temperature_c in (84.9, 85.0, 82.0, 81.9):
        at(derating, temperature_c)
        stopped.append(derating.stopped)
    assert stopped == [False, True, True, False]
