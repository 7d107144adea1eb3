import pytest

from tests.hal.sim.rig import Rig


def pulse(rig: Rig, duration_s: float) -> None:
    """On for this long; the world hears of both edges afterwards, as from another process."""
    start_s = rig.clock.now_s()
    rig.board.rcd_test.drive(True)
    rig.clock.move_to(start_s + duration_s)
    rig.board.rcd_test.drive(False)
    rig.clock.move_to(start_s)


def test_the_test_winding_trips_with_open_contacts_after_20_ms(rig: Rig) -> None:
    rig.board.rcd_test.drive(True)
    rig.run(0.018, step_s=0.001)
    assert not rig.board.trips.rcd_tripped()
    rig.run(0.003, step_s=0.001)
    assert rig.board.trips.rcd_tripped()


def test_a_trip_by_test_holds_while_the_test_is_on_and_resets_after_it(rig: Rig) -> None:
    rig.board.rcd_test.drive(True)
    rig.run(1.0)
    assert rig.board.trips.rcd_tripped()
    rig.board.rcd_test.drive(False)
    rig.run(0.02)
    assert not rig.board.trips.rcd_tripped()


def test_a_trip_by_test_opens_the_contactor_and_holds_until_the_drive_is_gone(rig: Rig) -> None:
    rig.charge()
    rig.board.rcd_test.drive(True)
    rig.run(0.1)
    rig.board.rcd_test.drive(False)
    rig.run(0.5)
    assert rig.board.trips.rcd_tripped()
    assert not rig.board.contactor.mirror_closed()
    rig.board.contactor.drive(False)
    rig.run(0.02)
    assert not rig.board.trips.rcd_tripped()


@pytest.mark.parametrize(("duration_s", "trips"), [(0.019, False), (0.021, True)])
def test_20_ms_count_from_edge_to_edge_whatever_the_steps_of_the_world(
    rig: Rig, duration_s: float, trips: bool
) -> None:
    rig.charge()  # the drive holds the trip
    pulse(rig, duration_s)
    rig.run(0.1, step_s=0.1)
    assert rig.board.trips.rcd_tripped() is trips


def test_two_short_pulses_do_not_add_up(rig: Rig) -> None:
    rig.charge()
    for _ in range(2):
        pulse(rig, 0.015)
        rig.run(0.03)
    assert not rig.board.trips.rcd_tripped()


def test_a_test_that_begins_during_a_trip_holds_it(rig: Rig) -> None:
    rig.charge()
    rig.world.rcd.leak(6.0)
    rig.run(0.1)
    rig.world.rcd.leak(0.0)
    rig.board.rcd_test.drive(True)
    rig.board.contactor.drive(False)
    rig.run(0.01)
    assert rig.board.trips.rcd_tripped()


def test_a_stuck_rcd_lets_the_test_pass_without_a_trip_until_it_is_repaired(rig: Rig) -> None:
    rig.world.rcd.stick(True)
    rig.board.rcd_test.drive(True)
    rig.run(0.5)
    assert not rig.board.trips.rcd_tripped()
    rig.world.rcd.stick(False)
    rig.run(0.02)
    assert rig.board.trips.rcd_tripped()


def test_the_test_ends_with_its_owner(rig: Rig) -> None:
    rig.board.rcd_test.drive(True)
    rig.run(0.05)
    rig.beating = False
    rig.lines.lose_owner()
    rig.run(0.05)
    assert rig.lines.get("rcd_test") == 0.0
    assert not rig.board.trips.rcd_tripped()
