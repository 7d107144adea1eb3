from collections.abc import Callable

import pytest

from hal.sim.board import SimBoard
from hal.sim.lines import Lines
from tests.hal.sim.rig import Rig


@pytest.fixture
def charging(rig: Rig) -> Rig:
    rig.charge()
    return rig


def open_then_switch(rig: Rig, three_phases: bool) -> None:
    rig.board.contactor.drive(False)
    rig.run(0.1)
    rig.board.phase_switch.drive(three_phases)
    rig.run(0.1)
    rig.board.contactor.drive(True)


def test_a_three_phase_ev_charges_on_l1_alone_at_the_current_offered(rig: Rig) -> None:
    rig.board.phase_switch.drive(False)
    rig.run(0.1)
    rig.charge(current_a=16.0, phases=3)
    reading = rig.world.meter_values()
    assert reading.current_a == pytest.approx((16.0, 0.0, 0.0), abs=0.01)
    assert reading.power_w == pytest.approx(3680.0, rel=0.001)
    assert reading.voltage_v == (230.0, 230.0, 230.0)


def test_a_one_phase_ev_gains_nothing_from_three_phases(rig: Rig) -> None:
    rig.charge(current_a=10.0, phases=1)
    assert rig.world.meter_values().current_a == pytest.approx((10.0, 0.0, 0.0))


def test_switching_with_open_contacts_is_right(charging: Rig) -> None:
    for three_phases, phase_n in ((False, 1.0), (True, 3.0)):
        open_then_switch(charging, three_phases)
        charging.run(5.0)
        flows_n = sum(current_a > 0.0 for current_a in charging.world.meter_values().current_a)
        assert flows_n == phase_n
    assert [phases for _, phases in charging.shown("phases")] == [1.0, 3.0]
    assert charging.world.phases_switched_under_load_n == 0


def test_switching_under_load_is_counted_and_in_the_trace(charging: Rig) -> None:
    at_s = charging.clock.now_s()
    charging.board.phase_switch.drive(False)
    charging.run(0.1)
    charging.board.phase_switch.drive(True)
    charging.run(0.1)
    assert charging.shown("phases") == [
        (pytest.approx(at_s + 0.015), 1.0),
        (pytest.approx(at_s + 0.1 + 0.020), 3.0),
    ]
    assert charging.world.phases_switched_under_load_n == 2


def test_a_welded_contactor_counts_as_load(charging: Rig) -> None:
    charging.world.contactor.weld(True)
    charging.run(0.1)
    open_then_switch(charging, three_phases=False)
    assert charging.world.phases_switched_under_load_n == 1


@pytest.mark.parametrize("step_s", [0.002, 0.01, 0.05])
def test_what_counts_is_the_moment_and_not_the_step_in_which_it_is_noticed(step_s: float) -> None:
    rig = Rig()
    rig.charge()
    start_s = rig.clock.now_s()
    rig.board.phase_switch.drive(False)  # opens after 15 ms
    rig.clock.move_to(start_s + 0.001)
    rig.board.contactor.drive(False)  # 1 ms too late
    rig.clock.move_to(start_s)
    rig.run(0.1, step_s)
    assert rig.world.phases_switched_under_load_n == 1


def test_contacts_that_close_before_the_phases_have_joined_are_counted(rig: Rig) -> None:
    rig.board.phase_switch.drive(False)
    rig.run(0.1)
    rig.board.contactor.drive(True)
    rig.board.phase_switch.drive(True)
    rig.run(0.1)
    assert rig.world.phases_switched_under_load_n == 1


def next_board(rig: Rig) -> SimBoard:
    return SimBoard(rig.lines, rig.clock)


def test_an_owner_that_dies_leaves_the_phases_and_the_next_one_sets_three(rig: Rig) -> None:
    rig.board.phase_switch.drive(False)
    rig.run(0.1)
    rig.charge()
    rig.beating = False
    rig.lines.lose_owner()
    rig.run(0.1)
    assert rig.lines.get("phase_switch") == 0.0
    rig.board = next_board(rig)
    rig.run(0.1)
    assert [phases for _, phases in rig.shown("phases")] == [1.0, 3.0]
    assert rig.world.phases_switched_under_load_n == 0


def test_a_closed_board_switches_nothing_under_load(rig: Rig) -> None:
    rig.board.phase_switch.drive(False)
    rig.run(0.1)
    rig.charge()
    rig.board.close()
    rig.beating = False
    rig.run(0.1)
    assert rig.lines.get("phase_switch") == 0.0
    next_board(rig).close()
    rig.run(0.1)
    assert rig.lines.get("phase_switch") == 1.0
    assert rig.world.phases_switched_under_load_n == 0


@pytest.mark.parametrize("ends", [Lines.lose_owner, Lines.release, None], ids=["killed", "let go", "closed"])
def test_beside_a_welded_contactor_no_claim_and_no_end_moves_the_phases(
    rig: Rig, ends: Callable[[Lines], None] | None
) -> None:
    rig.board.phase_switch.drive(False)
    rig.run(0.1)
    rig.charge()
    rig.world.contactor.weld(True)
    rig.run(0.1)
    rig.beating = False
    rig.board.close() if ends is None else ends(rig.lines)
    rig.run(1.0)
    board = next_board(rig)
    rig.run(0.1)
    assert rig.lines.get("phase_switch") == 0.0
    board.close()
    rig.run(0.1)
    assert rig.world.phases_switched_under_load_n == 0
    rig.world.contactor.weld(False)
    rig.run(0.1)
    next_board(rig).close()
    rig.run(0.1)
    assert rig.world.meter_values().current_a == (0.0, 0.0, 0.0)
    assert rig.lines.get("phase_switch") == 1.0
    assert rig.world.phases_switched_under_load_n == 0
