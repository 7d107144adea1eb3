"""Stories in which power must go, or must not come back, although nothing simple is wrong."""

import msgspec
import pytest

from evsed.core import commands as c
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason
from tests.bench import TICK_S, Bench
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE, charging, limit, row


def stubborn(**settings: object) -> Bench:
    """An EV that draws 16 A whatever the pilot says."""
    bench = Bench(Settings(**settings))
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.world.ev.request_power_fixed(16.0, 3)
    bench.run_until(S.CHARGING)
    bench.run(4.0)
    assert bench.powered
    return bench


def longest_closed_without_offer_s(bench: Bench, seconds: float, each_tick) -> float:
    """Longest time with the contactor closed in which the pilot offered current for under 3 s at once."""
    longest_s = closed_s = offered_s = 0.0
    for _ in range(round(seconds / TICK_S)):
        each_tick()
        bench.tick()
        offered_s = offered_s + TICK_S if bench.outputs.duty < 1.0 else 0.0
        closed_s = 0.0 if offered_s > 3.0 or not bench.powered else closed_s + TICK_S
        longest_s = max(longest_s, closed_s)
    return longest_s


@pytest.mark.parametrize("letters", ["BA", "AEB", "EF", "BAE"])
def test_a_pilot_that_bounces_among_states_without_power_still_opens_within_100_ms(letters: str) -> None:
    bench = charging(Bench)
    for n in range(10):
        bench.world.ev.force_cp(letters[n % len(letters)])
        bench.tick()
    assert not bench.outputs.contactor_closed


def test_without_ventilation_a_pilot_between_b_and_d_opens() -> None:
    bench = charging(Bench, has_ventilation=False)
    for n in range(10):
        bench.world.ev.force_cp("BD"[n % 2])
        bench.tick()
    assert not bench.outputs.contactor_closed


def test_limits_that_flap_do_not_prolong_the_six_seconds() -> None:
    bench = stubborn()
    period_n = round(5.93 / TICK_S)
    ticks = iter(range(10_000))

    def flap() -> None:
        n = next(ticks) % period_n
        if n == 0:
            bench.ask(limit(0.0))
        elif n == period_n - 3:
            bench.ask(limit(10.0))

    assert longest_closed_without_offer_s(bench, 30.0, flap) < 6.5


def test_pausing_and_resuming_does_not_prolong_the_six_seconds() -> None:
    bench = stubborn()
    ticks = iter(range(10_000))

    def flap() -> None:
        n = next(ticks) % 590
        if n == 0:
            bench.ask(c.PauseCharging())
        elif n == 585:
            bench.ask(c.ResumeCharging())

    assert longest_closed_without_offer_s(bench, 30.0, flap) < 6.5


def test_a_lost_proximity_contact_opens_also_while_stopping() -> None:
    bench = stubborn()
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(0.1)
    assert bench.powered
    bench.world.cable.set_coding(float("inf"))
    bench.run(0.1)
    assert not bench.powered


def test_a_charger_that_has_just_started_waits_the_reclose_time_before_it_closes() -> None:
    """It cannot know when its predecessor opened the contactor."""
    bench = Bench(Settings(reclose_min_s=2.4), settle_s=0.1)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.request_power()
    bench.run_until(S.CHARGING)
    bench.run(2.2 - (bench.clock.now_s() - 1000.0))
    assert not bench.outputs.contactor_closed
    bench.run(0.5)
    assert bench.powered


def test_state_f_ends_the_proof_of_the_diode() -> None:
    bench = charging(Bench)
    bench.ask(DISABLE)
    bench.run(4.0)
    bench.world.ev.short_diode()
    bench.ask(ENABLE)
    bench.run(1.0)
    bench.ask(ACCEPT)
    closings_n = 0
    for _ in range(300):
        bench.tick()
        closings_n += bench.outputs.contactor_closed
    assert closings_n == 0


def test_a_diode_that_lets_half_of_the_negative_wave_pass_is_a_fault() -> None:
    bench = charging(Bench)
    inputs = bench.sampler.sample(())
    for n in range(1, 30):
        half = msgspec.structs.replace(inputs.cp, low_v=-8.0)
        leaky = msgspec.structs.replace(inputs, sample_seq=inputs.sample_seq + n, cp=half)
        outputs, _ = bench.charger.step(leaky, bench.clock.now_s() + n * TICK_S)
    assert not outputs.contactor_closed
    assert bench.charger.snapshot().faults == ("diode",)


def test_a_latched_fault_outlives_a_remote_disable_and_enable() -> None:
    bench = charging(Bench)
    bench.world.press_emergency_stop(True)
    bench.run(2.0)
    bench.world.press_emergency_stop(False)
    bench.run(2.0)
    bench.ask(DISABLE)
    bench.run(1.0)
    bench.ask(ENABLE)
    bench.run(1.0)
    bench.ask(ACCEPT)
    bench.run(10.0)
    assert not bench.powered
    assert bench.charger.snapshot().faults == ("emergency_stop",)
    bench.unplug()
    assert bench.charger.snapshot().faults == ()
    bench.charge()


def test_power_waits_for_a_lock_whose_bolt_may_still_be_moving() -> None:
    bench = charging(Bench)
    bench.ask(c.StopTransaction(StopReason.REMOTE))
    bench.run(4.0)
    bench.ask(c.ForceUnlock())
    bench.run(0.04)
    lock = bench.charger._s.lock
    lock.hold_again()
    bench.tick()
    assert bench.board.lock
    assert not lock.confirmed
    bench.run(1.0)
    assert lock.confirmed
    assert bench.board.lock.locked()


def test_the_plug_is_not_unlocked_before_the_pilot_has_been_read() -> None:
    bench = Bench()
    bench.plug_in()
    assert bench.board.lock
    bench.restart()
    bench.run(2.0)
    assert bench.board.lock.locked()
    assert bench.faults() == []


def test_a_contactor_that_dropped_with_the_mains_waits_before_it_closes_again() -> None:
    bench = charging(Bench)
    bench.world.set_mains(0.0)
    bench.run(0.1)
    bench.world.set_mains(230.0)
    bench.run(1.0)
    assert not bench.powered
    bench.run(2.0)
    assert bench.powered


def test_a_silent_meter_does_not_accuse_the_ev_with_an_old_reading() -> None:
    bench = charging(Bench, meter_silent_s=30.0)
    bench.world.silence_meter(True)
    bench.ask(limit(10.0))
    bench.run(20.0)
    assert bench.state is S.CHARGING
    assert bench.faults() == []


def test_an_over_current_is_forgotten_with_the_ev_even_if_the_meter_falls_silent() -> None:
    bench = Bench(Settings(meter_silent_s=2.0))
    bench.charge()
    bench.world.ev.draw_above_offer(10.0)
    bench.run(15.0)
    assert "+over_current" in bench.faults()
    bench.world.silence_meter(True)
    bench.run(3.0)
    bench.unplug()
    assert "over_current" not in bench.charger.snapshot().faults


def test_two_sessions_in_one_step_have_two_uuids() -> None:
    bench = Bench()
    bench.forget()
    requests = tuple(
        c.Request(n, command) for n, command in enumerate((ACCEPT, c.WithdrawAuthorization(), ACCEPT), 1)
    )
    bench.tick(*requests)
    uuids = [e.uuid for e in bench.session_events if e.kind.value == "SessionStarted"]
    assert len(set(uuids)) == 2


def test_a_second_disable_is_no_second_event() -> None:
    bench = Bench()
    bench.ask(DISABLE)
    bench.run(0.5)
    bench.ask(row(c.EnableState.DISABLE, c.EnableSource.CSMS, 10))
    bench.run(0.5)
    bench.ask(ENABLE)
    bench.ask(row(c.EnableState.ENABLE, c.EnableSource.CSMS, 10))
    bench.run(0.5)
    assert bench.told() == "Enabled Disabled Enabled"


def test_state_f_lasts_long_enough_to_be_seen() -> None:
    bench = Bench()
    bench.ask(DISABLE)
    bench.ask(ENABLE)
    bench.tick()
    f_ticks_n = 0
    for _ in range(100):
        bench.tick()
        f_ticks_n += bench.outputs.duty == 0.0
    assert f_ticks_n * TICK_S >= bench.settings.state_f_s - 2 * TICK_S
    assert bench.state is S.IDLE


def test_nothing_is_done_for_a_client_before_the_store_has_been_read() -> None:
    bench = Bench(restored=False)
    assert not bench.ask(DISABLE).result
    assert bench.events[0].why == "starting: the store has not been read yet"
    bench.ask(c.Restore())
    bench.run(0.5)
    assert bench.told() == "Enabled"


def test_a_second_withdrawal_says_nothing_new() -> None:
    bench = Bench()
    bench.plug_in()
    bench.ask(c.WithdrawAuthorization())
    bench.forget()
    assert not bench.ask(c.WithdrawAuthorization()).result
    assert bench.told() == ""


def test_an_authorization_locks_a_plug_again_that_was_unlocked_by_force() -> None:
    bench = Bench()
    bench.plug_in()
    bench.ask(c.ForceUnlock())
    bench.run(1.0)
    assert bench.board.lock
    assert not bench.board.lock.locked()
    bench.ask(ACCEPT)
    bench.request_power()
    bench.run_until(S.CHARGING)
    assert bench.board.lock.locked()


def test_no_transaction_begins_on_a_shorted_pilot() -> None:
    bench = Bench()
    bench.plug_in()
    bench.world.ev.short_cp()
    bench.run(0.5)
    bench.ask(ACCEPT)
    bench.run(1.0)
    assert "TransactionStarted" not in bench.told()


@pytest.mark.parametrize("source", ["installation", "cable", "meter_silent"])
def test_the_charger_s_own_limits_are_nobody_else_s(source: str) -> None:
    bench = Bench()
    assert not bench.ask(c.SetLimit(source, 80.0)).result
    assert not bench.ask(c.ClearLimit(source)).result
    assert bench.charger.snapshot().limit_a == 32.0


def test_a_start_after_state_f_raises_no_pilot_fault() -> None:
    for seed in range(20):
        bench = Bench(ideal_pilot=False, settle_s=0.1, seed=seed)
        assert bench.faults() == []


class BlindMirror:
    """A contactor whose mirror contact has come off: it reads open, always."""

    def __init__(self, contactor) -> None:
        self._contactor = contactor
        self.drive = contactor.drive

    def mirror_closed(self) -> bool:
        return False


def test_phases_are_never_switched_under_a_contactor_whose_mirror_falsely_reads_open() -> None:
    bench = stubborn(phase_switching=True, switch_delay_s=1.0)
    contactor = bench.board.contactor
    bench.ask(c.SwitchPhases(three_phases=False))
    bench.run(bench.settings.switch_delay_s + 0.5)
    assert bench.powered, "the EV still draws: its six seconds are not over"
    bench.board.contactor = BlindMirror(contactor)
    for _ in range(200):
        before = bench.outputs.three_phases
        bench.tick()
        moved = bench.outputs.three_phases is not before
        assert not (moved and contactor.mirror_closed()), "the phases moved under load"
    assert not bench.outputs.three_phases
