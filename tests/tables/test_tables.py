"""Every row of both tables is needed: with it missing or changed, some scenario fails.

Which scenarios use a row is recorded once, by rows that note themselves; only those are played again.
"""

from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from evsed.core.power_path import Power
from evsed.core.states import EvseState as S
from evsed.core.tables import DRIVES, TRANSITIONS, Pilot, Tables, Transition
from tests.bench import Bench
from tests.core.scenarios import Scenario
from tests.tables.recorded import ROWS, Row, table, uses


def taking(row: Row) -> list[Scenario]:
    return [scenario for scenario, rows in uses().items() if row in rows]


def visiting(state: S) -> list[Scenario]:
    """Scenarios that are in a state at the end of some step."""
    return [scenario for scenario, rows in uses().items() if any(state in _ends(row) for row in rows)]


def _ends(row: Row) -> tuple[S, S]:
    return row[1], TRANSITIONS[row[0]][2]


def failing(scenarios: list[Scenario], tables: Tables) -> Scenario | None:
    """The first scenario that fails with these tables."""
    for scenario in scenarios:
        try:
            scenario(partial(Bench, tables=tables))
        except (AssertionError, LookupError):
            return scenario
    return None


# Rows that cannot be taken in this state, and why they stand in the table all the same.
UNREACHABLE = {
    "WakeUpF-EV_UNPLUGGED-StoppingCharging": "while we drive -12 V the EV's diode hides that it has left; "
    "the row stands there because it stands in every state of a transaction",
}

# Changes of DRIVES that nobody can see, and why.
GUARDED = "the interlock allows no power without a transaction"
NEVER_CLOSED = "the contactor is open on entry, and ramping down does not close it"
NOT_STORED = "OFFER offers nothing without a stored transaction"
EQUIVALENT = {
    (S.BOOTING, "pilot", Pilot.OFFER): NOT_STORED,
    (S.BOOTING, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.BOOTING, "power", Power.ON): GUARDED,
    (S.DISABLED, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.DISABLED, "power", Power.ON): GUARDED,
    (S.IDLE, "pilot", Pilot.OFFER): NOT_STORED,
    (S.IDLE, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.IDLE, "power", Power.ON): GUARDED,
    (S.WAITING_FOR_AUTHENTICATION, "pilot", Pilot.OFFER): NOT_STORED,
    (S.WAITING_FOR_AUTHENTICATION, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.WAITING_FOR_AUTHENTICATION, "power", Power.ON): GUARDED,
    (S.WAITING_FOR_ENERGY, "pilot", Pilot.OFFER): "below 6 A OFFER is X1; from 6 A on the state is left",
    (S.CHARGING_PAUSED_EV, "power", Power.RAMP_DOWN): "in B the contactor opens whatever is wanted",
    (
        S.CHARGING_PAUSED_EV,
        "power",
        Power.ON,
    ): "what would close it takes the state to Charging in the same step",
    (S.WAKE_UP_F, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.WAKE_UP_F, "power", Power.ON): "at -12 V no EV can ask for power",
    (S.WAKE_UP_X1, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (
        S.WAKE_UP_X1,
        "power",
        Power.ON,
    ): "state F has ended the proof of the diode: the interlock allows no power",
    (S.FINISHED, "pilot", Pilot.OFFER): NOT_STORED,
    (S.FINISHED, "power", Power.RAMP_DOWN): NEVER_CLOSED,
    (S.FINISHED, "power", Power.ON): GUARDED,
}


def row_name(row: Row) -> str:
    _, fact, to, _ = TRANSITIONS[row[0]]
    return f"{row[1].value}-{fact.value}-{to.value}"


REACHABLE = [row for row in ROWS if row_name(row) not in UNREACHABLE]


@pytest.mark.parametrize("row", REACHABLE, ids=row_name)
def test_a_missing_row_is_noticed(row: Row) -> None:
    tables = Tables(table(lambda r, t: None if r == row else t))
    assert failing(taking(row), tables), f"{len(taking(row))} scenarios take it and none fails without it"


EMITS = [(i, n) for i, transition in enumerate(TRANSITIONS) for n in range(len(transition[3]))]


@pytest.mark.parametrize(("i", "n"), EMITS)
def test_a_missing_emit_is_noticed(i: int, n: int) -> None:
    def without(row: Row, t: Transition) -> Transition:
        return (*t[:3], t[3][:n] + t[3][n + 1 :]) if row[0] == i else t

    scenarios = [s for s, rows in uses().items() if any(row[0] == i for row in rows)]
    assert failing(scenarios, Tables(table(without))), f"{TRANSITIONS[i][1]}: {TRANSITIONS[i][3][n].__name__}"


def changes() -> Iterator[tuple[S, str, object]]:
    """Each field of each entry of DRIVES with every other value that makes a difference."""
    for state, drive in DRIVES.items():
        for field in ("pilot", "power", "lock"):
            present = getattr(drive, field)
            for value in (True, False) if field == "lock" else type(present):
                if value is not present and (state, field, value) not in EQUIVALENT:
                    yield state, field, value


@pytest.mark.parametrize(
    ("state", "field", "value"), list(changes()), ids=lambda v: str(getattr(v, "value", v))
)
def test_a_changed_drive_is_noticed(state: S, field: str, value: object) -> None:
    changed = msgspec.structs.replace(DRIVES[state], **{field: value})
    assert failing(visiting(state), Tables(drives={**DRIVES, state: changed}))


@pytest.mark.parametrize("state", S, ids=lambda s: s.value)
def test_a_missing_drive_is_noticed(state: S) -> None:
    drives = {s: d for s, d in DRIVES.items() if s is not state}
    assert failing(visiting(state), Tables(drives=drives))


@pytest.mark.parametrize(("state", "field", "value"), EQUIVALENT, ids=lambda v: str(getattr(v, "value", v)))
def test_a_change_that_is_called_equivalent_is_not_noticed(state: S, field: str, value: object) -> None:
    changed = msgspec.structs.replace(DRIVES[state], **{field: value})
    assert changed != DRIVES[state]
    assert not failing(visiting(state)[:1], Tables(drives={**DRIVES, state: changed}))


def test_the_rows_called_unreachable_are_in_the_table_and_never_taken() -> None:
    assert {row_name(row) for row in ROWS if not taking(row)} == set(UNREACHABLE)
