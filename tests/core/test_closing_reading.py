"""A transaction ends with a reading that was begun with the contacts open, if one comes in time."""

import pytest

from evsed.core.commands import StopTransaction
from evsed.core.facts import CLOSING_READING_S
from evsed.core.power_path import OPENING_S
from evsed.core.states import EventKind, EvseState, StopReason
from tests.bench import TICK_S, Bench


class Unhurried(Bench):
    """Whose meter is read once a second, whatever happens, or no more."""

    reads = True

    def _read_meter(self) -> None:
        if self.reads and self.clock.now_s() >= self._next_meter_s:
            self._next_meter_s = self.clock.now_s() + 1.0
            self.sampler.meter = self.world.meter_values()


def stopping(bench: Bench) -> float:
    """Seconds from the opening to TransactionFinished."""
    bench.charge()
    bench.run(0.5)
    bench.ask(StopTransaction(StopReason.REMOTE))
    while bench.outputs.contactor_closed:
        bench.tick()
    opened_s = bench.clock.now_s()
    bench.run_until(EvseState.FINISHED)
    return bench.clock.now_s() - opened_s


def energies_wh(bench: Bench) -> tuple[float, float]:
    """Of TransactionFinished, and what the meter holds at the end."""
    (finished,) = [e for e in bench.session_events if e.kind is EventKind.TRANSACTION_FINISHED]
    assert finished.meter is not None
    return finished.meter.energy_import_wh, bench.world.meter_values().energy_import_wh


def test_the_last_reading_has_all_energy() -> None:
    bench = Unhurried()
    assert OPENING_S < stopping(bench) <= 1.0 + OPENING_S + TICK_S
    told_wh, held_wh = energies_wh(bench)
    assert told_wh == held_wh


def test_a_gateway_that_reads_at_once_makes_it_wait_for_nothing() -> None:
    bench = Bench()
    assert stopping(bench) <= OPENING_S + 2 * TICK_S
    told_wh, held_wh = energies_wh(bench)
    assert told_wh == held_wh


def test_a_reading_that_does_not_come_is_not_waited_for_longer_than_its_time() -> None:
    bench = Unhurried()
    bench.charge()
    bench.reads = False
    bench.ask(StopTransaction(StopReason.REMOTE))
    while bench.outputs.contactor_closed:
        bench.tick()
    opened_s = bench.clock.now_s()
    bench.run_until(EvseState.FINISHED)
    assert bench.clock.now_s() - opened_s == pytest.approx(CLOSING_READING_S, abs=2 * TICK_S)


def test_a_meter_that_is_known_to_be_silent_is_not_waited_for() -> None:
    bench = Unhurried()
    bench.charge()
    bench.reads = False
    bench.run(bench.settings.meter_silent_s + 1.5)
    assert "+meter_silent" in bench.faults()
    bench.ask(StopTransaction(StopReason.REMOTE))
    while bench.outputs.contactor_closed:
        bench.tick()
    opened_s = bench.clock.now_s()
    bench.run_until(EvseState.FINISHED)
    assert bench.clock.now_s() - opened_s <= OPENING_S + 2 * TICK_S


def test_an_ev_that_left_and_came_back_while_it_was_awaited_begins_a_session_of_its_own() -> None:
    bench = Unhurried()
    bench.charge()
    bench.reads = False
    bench.world.unplug()
    bench.run(0.3)
    bench.plug_in()
    assert bench.state is EvseState.STOPPING_CHARGING
    bench.forget()
    bench.run(CLOSING_READING_S)
    ends = "ChargingFinished TransactionFinished(EVDisconnected) SessionFinished"
    assert bench.told() == f"{ends} SessionStarted(EVConnected) AuthRequired"


def test_one_that_stayed_through_a_stop_does_not() -> None:
    bench = Unhurried()
    bench.charge()
    bench.ask(StopTransaction(StopReason.REMOTE))
    bench.run(10.0)
    assert bench.state is EvseState.FINISHED
