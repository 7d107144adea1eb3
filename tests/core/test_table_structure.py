"""What must be true of the tables as tables."""

import pytest

from evsed.core.charger import Charger
from evsed.core.facts import FACTS, Fact
from evsed.core.faults import BY_NAME, FAULTS, TEXTS, Clears
from evsed.core.power_path import Power
from evsed.core.settings import Settings
from evsed.core.situation import IN_TRANSACTION
from evsed.core.states import EvseState as S
from evsed.core.status_led import FAULT, LOOKS, look
from evsed.core.tables import DRIVES, TRANSITIONS, Pilot, rows_from

EDGES = {(state, row[2]) for state in S for row in rows_from(TRANSITIONS, state)}


def reachable_from(state: S) -> set[S]:
    found, todo = {state}, [state]
    while todo:
        here = todo.pop()
        new = {to for start, to in EDGES if start is here} - found
        found |= new
        todo += new
    return found


def test_every_state_says_what_it_drives() -> None:
    assert set(DRIVES) == set(S)


def test_every_state_has_a_look_of_its_own_kind() -> None:
    assert set(LOOKS) == set(S)
    assert FAULT not in LOOKS.values()


def test_every_state_is_reachable_from_boot() -> None:
    assert reachable_from(S.BOOTING) == set(S)


@pytest.mark.parametrize("state", S, ids=lambda s: s.value)
def test_there_is_a_way_back_to_idle_from(state: S) -> None:
    assert S.IDLE in reachable_from(state)


def test_nothing_leads_back_to_booting() -> None:
    assert S.BOOTING not in {to for _, to in EDGES}


def test_every_fact_has_its_function_and_some_row() -> None:
    assert set(FACTS) == set(Fact)
    assert {row[1] for row in TRANSITIONS} == set(Fact)


def test_no_row_is_hidden_behind_one_with_the_same_fact() -> None:
    for state in S:
        facts = [row[1] for row in rows_from(TRANSITIONS, state)]
        assert len(facts) == len(set(facts)), state


def test_no_row_leads_to_where_it_starts() -> None:
    assert all(start is not to for start, to in EDGES)


def test_only_charging_asks_for_power() -> None:
    assert [state for state, drive in DRIVES.items() if drive.power is Power.ON] == [S.CHARGING]


def test_a_contactor_that_may_be_closed_is_never_opened_at_once_but_by_the_ev_or_a_fault() -> None:
    ramping = {state for state, drive in DRIVES.items() if drive.power is Power.RAMP_DOWN}
    assert {to for start, to in EDGES if start is S.CHARGING} - {S.CHARGING_PAUSED_EV} <= ramping


def test_current_is_offered_in_transactions_only() -> None:
    assert {state for state, drive in DRIVES.items() if drive.pilot is Pilot.OFFER} <= IN_TRANSACTION


def test_the_plug_is_held_unless_we_are_not_there_for_it() -> None:
    assert {state for state, drive in DRIVES.items() if not drive.lock} == {S.DISABLED}


def test_first_of_the_rows_of_a_state_is_its_end() -> None:
    for state in IN_TRANSACTION:
        rows = [row[1] for row in rows_from(TRANSITIONS, state)]
        assert rows[:3] == [Fact.EV_UNPLUGGED, Fact.CP_SHORT, Fact.STOP_REQUESTED]


def test_every_fault_has_one_name_and_a_reaction() -> None:
    assert list(BY_NAME) == [fault.name for fault in FAULTS] == list(TEXTS)
    for fault in FAULTS:
        assert "/" in fault.mrec
        assert fault.severity in ("High", "Medium", "Low")
        assert fault.reaction.blocks is (fault.severity == "High"), fault.name


def test_what_ends_the_transaction_outlives_its_cause() -> None:
    for fault in FAULTS:
        if fault.ends:
            assert fault.reaction.blocks
            assert fault.clears is not Clears.AT_ONCE


def test_a_fault_outshines_every_state() -> None:
    assert {look(state, blocked=True, reserved=True) for state in S} == {FAULT}
    assert {state: look(state, blocked=False, reserved=False) for state in S} == LOOKS


def test_garbage_is_not_collected_before_the_contactor_is_known_to_be_open() -> None:
    assert not Charger(Settings()).may_collect_garbage
