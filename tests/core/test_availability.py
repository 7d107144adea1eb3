"""Who wins of those who want the EVSE enabled or disabled (behaviour of EVerest's table)."""

import pytest

from evsed.core.availability import AT_BOOT, Availability, winner_of
from evsed.core.commands import AvailabilityRow, EnableState
from evsed.core.commands import EnableSource as By

D, E, U = EnableState.DISABLE, EnableState.ENABLE, EnableState.UNASSIGNED
FIRMWARE, TECHNICIAN = By.FIRMWARE_UPDATE, By.SERVICE_TECHNICIAN
Call = tuple[By, EnableState, int]

# fmt: off
EXAMPLES: dict[str, tuple[tuple[Call, ...], bool, By]] = {
    # calls in this order; then: enabled, winner
    "the strongest wins": (
        ((By.LOCAL_API, D, 42), (By.LOCAL_KEY_LOCK, E, 0)),
        True, By.LOCAL_KEY_LOCK,
    ),
    "... until it is unassigned": (
        ((By.LOCAL_API, D, 42), (By.LOCAL_KEY_LOCK, E, 0), (By.LOCAL_KEY_LOCK, U, 0)),
        False, By.LOCAL_API,
    ),
    "disable beats enable": (
        ((By.CSMS, D, 10), (FIRMWARE, E, 10)),
        False, By.CSMS,
    ),
    "... also if it comes later": (
        ((FIRMWARE, E, 10), (By.CSMS, D, 10)),
        False, By.CSMS,
    ),
    "weaker ones change nothing": (
        ((By.CSMS, D, 10), (FIRMWARE, E, 10), (By.LOCAL_API, D, 12), (By.LOCAL_API, E, 200)),
        False, By.CSMS,
    ),
    "... then it lets go": (
        ((By.CSMS, D, 10), (FIRMWARE, E, 10), (By.LOCAL_API, E, 200), (By.CSMS, U, 10)),
        True, FIRMWARE,
    ),
    "enable stronger than disable": (
        ((FIRMWARE, E, 5), (By.LOCAL_API, D, 10)),
        True, FIRMWARE,
    ),
    "a source weakens itself": (
        ((By.CSMS, E, 10), (TECHNICIAN, D, 11), (By.CSMS, E, 100)),
        False, TECHNICIAN,
    ),
    "the older of two enables": (
        ((By.CSMS, E, 10), (By.LOCAL_API, E, 10)),
        True, By.CSMS,
    ),
    "the later of two disables": (
        ((By.CSMS, D, 10), (By.LOCAL_API, D, 10)),
        False, By.LOCAL_API,
    ),
    "the boot row still counts": (
        ((By.CSMS, D, 10001),),
        True, By.UNSPECIFIED,
    ),
    "a tie with the boot row": (
        ((By.CSMS, D, 10000),),
        False, By.CSMS,
    ),
}
# fmt: on


def called(*calls: Call) -> Availability:
    table = Availability()
    for call in calls:
        table.put(AvailabilityRow(*call))
    return table


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_has_its_winner(name: str) -> None:
    calls, enabled, winner = EXAMPLES[name]
    table = called(*calls)
    assert (table.enabled, table.winner.enable_source) == (enabled, winner)


def test_at_boot_it_is_enabled_by_nobody_in_particular() -> None:
    table = Availability()
    assert (table.enabled, table.winner, table.rows) == (True, AT_BOOT, (AT_BOOT,))
    assert not table.disable_due


def test_with_everybody_unassigned_it_is_enabled() -> None:
    table = called((By.UNSPECIFIED, U, 1), (By.CSMS, U, 2))
    assert table.enabled
    assert table.winner == AvailabilityRow(By.UNSPECIFIED, U, 10000)
    assert winner_of(()) == table.winner


def test_a_source_has_one_row_and_a_changed_one_is_the_newest() -> None:
    table = called((By.CSMS, E, 10), (By.LOCAL_API, E, 10), (By.CSMS, E, 10))
    assert table.winner.enable_source is By.CSMS
    table.put(AvailabilityRow(By.CSMS, E, 9))
    table.put(AvailabilityRow(By.CSMS, E, 10))
    assert table.winner.enable_source is By.LOCAL_API
    assert len(table.rows) == 3


def test_a_disable_stays_due_until_it_is_carried_out() -> None:
    table = called((By.CSMS, D, 10))
    assert table.disable_due
    table.put(AvailabilityRow(By.CSMS, E, 10))
    assert table.disable_due
    assert table.last_disable == AvailabilityRow(By.CSMS, D, 10)


def test_a_disable_that_loses_is_not_due() -> None:
    assert not called((By.CSMS, E, 1), (By.LOCAL_API, D, 2)).disable_due


def test_a_restored_table_is_weighed_again() -> None:
    table = Availability()
    table.restore((AvailabilityRow(By.CSMS, D, 10), AvailabilityRow(By.LOCAL_API, E, 20)))
    assert not table.enabled
    assert table.disable_due
    table.restore(())
    assert table.rows == (AT_BOOT,)
    assert table.enabled
