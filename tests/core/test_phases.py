"""Which number of phases is wanted, to the exact limit of each rule."""

import msgspec
import pytest

from evsed.core.phases import SETTLE_S, Phases
from evsed.core.settings import Settings, SwitchMode

LEAST_W = 6.0 * 3 * 230.0  # what three phases need
SETTINGS = Settings(
    phase_switching=True,
    switch_mode=SwitchMode.BOTH,
    switch_power_hysteresis_w=100.0,
    switch_time_hysteresis_s=60.0,
    switch_max_n=0,
)


def phases(**changes: object) -> Phases:
    return Phases(msgspec.structs.replace(SETTINGS, **changes))


def one_phase() -> Phases:
    """By its own choice since 0 s."""
    found = phases()
    found.update(0.0, None, 0.0)
    assert found.wanted == 1
    return found


def test_where_it_is_not_supported_nothing_is_ever_due() -> None:
    found = phases(phase_switching=False)
    found.update(0.0, 1, 0.0)
    assert (found.wanted, found.due) == (3, False)


@pytest.mark.parametrize(("limit", "wanted"), [(1, 1), (2, 1), (3, 3), (None, 3)])
def test_a_limit_of_phases_binds_below_three(limit: int | None, wanted: int) -> None:
    found = phases()
    found.update(None, limit, 0.0)
    assert found.wanted == wanted


@pytest.mark.parametrize(("power_w", "wanted"), [(LEAST_W, 3), (LEAST_W - 0.1, 1), (None, 3)])
def test_below_what_three_phases_need_it_takes_one(power_w: float | None, wanted: int) -> None:
    found = phases()
    found.update(power_w, None, 0.0)
    assert found.wanted == wanted


@pytest.mark.parametrize(("over_w", "wanted"), [(100.0, 3), (99.9, 1)])
def test_back_to_three_takes_the_hysteresis_in_power(over_w: float, wanted: int) -> None:
    found = one_phase()
    for now_s in (1.0, 61.0):
        found.update(LEAST_W + over_w, None, now_s)
    assert found.wanted == wanted


@pytest.mark.parametrize(("after_s", "wanted"), [(60.0, 3), (59.9, 1)])
def test_back_to_three_takes_the_hysteresis_in_time(after_s: float, wanted: int) -> None:
    found = one_phase()
    found.update(None, None, 1.0)
    found.update(None, None, 1.0 + after_s)
    assert found.wanted == wanted


def test_one_way_it_never_goes_back() -> None:
    found = phases(switch_mode=SwitchMode.ONEWAY)
    found.update(0.0, None, 0.0)
    for now_s in (1.0, 100.0):
        found.update(None, None, now_s)
    assert found.wanted == 1


def test_each_change_counts_once_however_long_the_power_stays_low() -> None:
    found = one_phase()
    for now_s in (1.0, 2.0):
        found.update(0.0, None, now_s)
    assert found.switches_n == 1
    for now_s in (3.0, 63.0):
        found.update(None, None, now_s)
    assert (found.wanted, found.switches_n) == (3, 2)


def test_after_the_most_switches_it_stays() -> None:
    found = phases(switch_max_n=1)
    found.update(0.0, None, 0.0)
    for now_s in (1.0, 100.0):
        found.update(None, None, now_s)
    assert found.wanted == 1


def test_with_all_phases_there_is_nothing_to_change_back() -> None:
    found = phases()
    for now_s in (0.0, 100.0):
        found.update(None, None, now_s)
    assert found.switches_n == 0


def test_a_clients_wish_stands_over_the_power() -> None:
    found = phases()
    for three_phases, power_w, wanted in ((False, None, 1), (True, 0.0, 3)):
        found.ask(three_phases)
        found.update(power_w, None, 0.0)
        assert found.wanted == wanted


def test_it_has_settled_after_its_time() -> None:
    found = one_phase()
    found.switch(10.0)
    assert not found.settled(10.0)
    assert not found.settled(10.0 + SETTLE_S / 2)
    assert found.settled(10.0 + SETTLE_S + 1e-9)
    found.switch(0.0)
    assert found.settled(SETTLE_S)
    assert SETTLE_S == 0.2
