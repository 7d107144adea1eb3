import pytest

from hal.sim.lines import INDEX, ConnectorType, Lines
from hal.sim.world import World
from hal.types import LockDrive
from tests.hal.sim.rig import Rig


def close_s(rig: Rig) -> float:
    return next(at_s for at_s, closed in rig.shown("mirror") if closed)


def test_contactor_closes_20_ms_and_opens_15_ms_after_its_drive(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.board.contactor.drive(True)
    rig.run(0.1)
    stop_s = rig.clock.now_s()
    rig.board.contactor.drive(False)
    rig.run(0.1)
    assert rig.shown("contactor") == [(start_s, True), (stop_s, False)]
    assert rig.shown("mirror") == [
        (pytest.approx(start_s + 0.020), True),
        (pytest.approx(stop_s + 0.015), False),
    ]


def test_a_drive_pulse_too_short_to_close_is_still_in_the_trace(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.board.contactor.drive(True)
    rig.clock.move_to(start_s + 0.004)
    rig.board.contactor.drive(False)
    rig.run(0.1)
    assert rig.shown("contactor") == [(start_s, True), (start_s + 0.004, False)]
    assert rig.shown("mirror") == []


def test_no_heartbeat_no_coil(rig: Rig) -> None:
    rig.beating = False
    rig.run(0.2)
    rig.board.contactor.drive(True)
    rig.run(0.5)
    assert not rig.board.contactor.mirror_closed()
    rig.beating = True
    rig.run(0.05)
    assert rig.board.contactor.mirror_closed()


def test_lost_heartbeat_opens_the_contactor_100_ms_after_the_last_edge(rig: Rig) -> None:
    rig.charge()
    last_edge_s = rig.clock.now_s()
    rig.beating = False
    rig.run(0.2)
    assert rig.shown("heartbeat_lost")[-1] == (pytest.approx(last_edge_s + 0.1), True)
    assert rig.shown("mirror")[-1] == (pytest.approx(last_edge_s + 0.115), False)
    assert rig.shown("contactor")[-1][1] is True
    assert rig.world.meter_values().power_w == 0.0


def test_power_cut_opens_the_contactor(rig: Rig) -> None:
    rig.charge()
    rig.world.set_mains(0.0)
    rig.run(0.1)
    assert not rig.board.contactor.mirror_closed()
    assert rig.world.meter_values().voltage_v == (0.0, 0.0, 0.0)
    rig.world.set_mains(230.0)
    rig.run(0.1)
    assert rig.board.contactor.mirror_closed()


def test_welded_contactor_stays_closed_and_a_stuck_one_open(rig: Rig) -> None:
    rig.charge()
    rig.world.contactor.weld(True)
    rig.board.contactor.drive(False)
    rig.run(0.5)
    assert rig.board.contactor.mirror_closed()
    assert rig.world.meter_values().power_w == pytest.approx(11040.0, rel=0.01)
    rig.world.contactor.weld(False)
    rig.world.contactor.stick_open(True)
    rig.board.contactor.drive(True)
    rig.run(0.5)
    assert not rig.board.contactor.mirror_closed()


def test_shunt_trip_takes_the_supply_until_it_is_switched_on_again(rig: Rig) -> None:
    rig.charge()
    rig.lines.drive(INDEX["shunt_trip"], 1.0, rig.clock.now_s())
    rig.run(0.1)
    rig.lines.drive(INDEX["shunt_trip"], 0.0, rig.clock.now_s())
    rig.run(0.1)
    assert rig.lines.get("mains_v") == 0.0
    assert not rig.board.contactor.mirror_closed()
    rig.world.set_mains(230.0)
    rig.run(0.1)
    assert rig.lines.get("mains_v") == 230.0


def test_the_shunt_trip_of_a_dead_owner_lets_the_breaker_be_closed_again(rig: Rig) -> None:
    rig.lines.drive(INDEX["shunt_trip"], 1.0, rig.clock.now_s())
    rig.run(0.05)
    rig.beating = False
    rig.lines.lose_owner()
    rig.run(0.05)
    assert rig.lines.get("mains_v") == 0.0
    rig.world.set_mains(230.0)
    rig.run(0.05)
    assert rig.lines.get("mains_v") == 230.0


def test_owner_that_dies_in_memory_loses_contactor_and_lock_but_not_the_duty(rig: Rig) -> None:
    rig.charge()
    rig.board.lock.drive(LockDrive.LOCK)
    rig.beating = False
    rig.lines.lose_owner()
    died_s = rig.clock.now_s()
    rig.run(0.05)
    assert rig.shown("contactor")[-1] == (pytest.approx(died_s + 0.01), False)
    assert rig.lines.get("lock_motor") == 0.0
    assert rig.lines.get("duty") == 0.2667
    assert not rig.board.contactor.mirror_closed()


def test_rcd_trips_above_5_ma_and_only_with_closed_contacts(rig: Rig) -> None:
    rig.world.rcd.leak(6.0)
    rig.run(1.0)
    assert not rig.board.trips.rcd_tripped()
    rig.charge()
    assert rig.shown("rcd")[0][1] is True
    assert rig.shown("rcd")[0][0] == pytest.approx(close_s(rig), abs=0.011)


def test_5_ma_do_not_trip(rig: Rig) -> None:
    rig.world.rcd.leak(5.0)
    rig.charge()
    assert rig.shown("rcd") == []


def test_tripped_rcd_takes_the_coil_and_holds_until_current_and_drive_are_gone(rig: Rig) -> None:
    rig.charge()
    rig.world.rcd.leak(6.0)
    rig.run(0.1)
    assert rig.board.trips.rcd_tripped()
    assert not rig.board.contactor.mirror_closed()
    rig.world.rcd.leak(0.0)
    rig.run(0.5)
    assert rig.board.trips.rcd_tripped()
    rig.board.contactor.drive(False)
    rig.run(0.1)
    assert not rig.board.trips.rcd_tripped()


def test_tripped_rcd_holds_while_the_current_remains(rig: Rig) -> None:
    rig.charge()
    rig.world.rcd.leak(6.0)
    rig.run(0.1)
    rig.board.contactor.drive(False)
    rig.run(0.5)
    assert rig.board.trips.rcd_tripped()


def test_lock_takes_a_quarter_second_and_is_neither_locked_nor_open_between(rig: Rig) -> None:
    rig.board.lock.drive(LockDrive.LOCK)
    rig.run(0.2)
    assert not rig.board.lock.locked()
    assert not rig.world.lock.open
    rig.run(0.06)
    assert rig.board.lock.locked()
    rig.board.lock.drive(LockDrive.OFF)
    rig.run(1.0)
    assert rig.board.lock.locked()
    rig.board.lock.drive(LockDrive.UNLOCK)
    rig.run(0.02)
    assert not rig.board.lock.locked()
    rig.run(0.25)
    assert rig.world.lock.open


def test_jammed_lock_does_not_move(rig: Rig) -> None:
    rig.world.lock.jam(True)
    rig.board.lock.drive(LockDrive.LOCK)
    rig.run(1.0)
    assert not rig.board.lock.locked()
    assert rig.world.lock.open


def test_a_locked_plug_stays_in_the_socket_after_the_ev_side_is_pulled(rig: Rig) -> None:
    rig.world.plug_in()
    rig.board.lock.drive(LockDrive.LOCK)
    rig.run(0.5)
    rig.world.unplug()
    rig.run(0.01)
    assert rig.lines.get("cp_pos_v") == 12.0
    rig.run(5.0)
    assert rig.lines.get("pp_ohm") == 220.0
    rig.board.lock.drive(LockDrive.UNLOCK)
    rig.run(0.5)
    assert rig.lines.get("pp_ohm") == 220.0
    rig.run(0.1)
    assert rig.lines.get("pp_ohm") == float("inf")


def test_ev_can_be_plugged_again_into_a_cable_that_was_left_locked(rig: Rig) -> None:
    rig.world.plug_in()
    rig.board.lock.drive(LockDrive.LOCK)
    rig.run(0.5)
    rig.world.unplug()
    rig.run(1.0)
    rig.world.plug_in()
    rig.run(0.1)
    assert rig.letters() == "BAB"


def test_a_plug_does_not_go_into_a_locked_empty_socket(rig: Rig) -> None:
    rig.board.lock.drive(LockDrive.LOCK)
    rig.run(0.5)
    rig.world.plug_in()
    rig.run(0.5)
    assert rig.letters() == ""
    rig.board.lock.drive(LockDrive.UNLOCK)
    rig.run(0.5)
    assert rig.letters() == "B"


@pytest.mark.parametrize(("ampacity_a", "ohm"), [(13, 1500.0), (20, 680.0), (32, 220.0), (63, 100.0)])
def test_cable_coding_follows_the_ampacity(ampacity_a: int, ohm: float) -> None:
    rig = Rig(cable_ampacity_a=ampacity_a)
    rig.world.plug_in()
    rig.run(0.05)
    assert rig.board.proximity_in.read().resistance_ohm == ohm


def test_unknown_cable_ampacity_is_refused() -> None:
    with pytest.raises(ValueError, match="25 A: expected one of 13, 20, 32, 63"):
        World(Lines.in_memory(), cable_ampacity_a=25)


def test_tethered_cable_has_no_coding_and_no_lock() -> None:
    rig = Rig(ConnectorType.CABLE)
    rig.world.plug_in()
    rig.run(0.05)
    assert rig.lines.get("pp_ohm") == float("inf")
    assert rig.letters() == "B"
    assert rig.board.lock is None
    assert rig.board.proximity_in is None
