import pytest

from tests.hal.sim.rig import Rig


def test_an_hour_at_16_a_on_three_phases_is_11_kwh(rig: Rig) -> None:
    rig.charge(current_a=16.0, duty=16.0 / 60.0)
    before_wh = rig.world.meter_values().energy_import_wh
    rig.run(3600.0, step_s=0.05)
    used_wh = rig.world.meter_values().energy_import_wh - before_wh
    assert used_wh == pytest.approx(11040.0, rel=0.001)


def test_one_phase_draw_loads_l1_only(rig: Rig) -> None:
    rig.charge(current_a=10.0, phases=1)
    reading = rig.world.meter_values()
    assert reading.current_a == pytest.approx((10.0, 0.0, 0.0))
    assert reading.power_phase_w == pytest.approx((2300.0, 0.0, 0.0))
    assert reading.power_w == pytest.approx(2300.0)
    assert reading.voltage_v == (230.0, 230.0, 230.0)
    assert reading.frequency_hz == 50.0


def test_nothing_flows_before_the_contacts_close_or_after_the_plug_is_pulled(rig: Rig) -> None:
    rig.world.plug_in()
    rig.world.ev.request_power(16.0, 3)
    rig.board.pilot_out.set_duty(0.2667)
    rig.run(5.0)
    assert rig.world.meter_values().energy_import_wh == 0.0
    rig.charge()
    rig.world.unplug()
    rig.run(0.01)
    assert rig.world.meter_values().power_w == 0.0


def test_long_steps_keep_reaction_times_and_energy() -> None:
    fine, coarse = Rig(), Rig()
    for rig, step_s in ((fine, 0.01), (coarse, 0.09)):
        rig.charge()
        rig.run(9.0, step_s=step_s)
    energy_wh = fine.world.meter_values().energy_import_wh
    assert coarse.world.meter_values().energy_import_wh == pytest.approx(energy_wh, rel=0.001)


def test_trace_is_in_order_of_time_with_the_boards_own_stamps(rig: Rig) -> None:
    rig.charge()
    stamps_s = [entry.t for entry in rig.trace]
    assert stamps_s == sorted(stamps_s)
    assert {entry.line for entry in rig.trace} == {
        "cp", "s2", "duty", "contactor", "mirror", "heartbeat_lost"
    }  # fmt: skip


def test_an_edge_that_arrives_late_keeps_its_stamp(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.world.advance(start_s + 0.001)
    rig.board.contactor.drive(True)
    rig.clock.move_to(start_s + 0.001)
    rig.run(0.03)
    assert rig.shown("contactor") == [(start_s, True)]
    assert rig.shown("mirror") == [(pytest.approx(start_s + 0.020), True)]
