"""One tick, the rhythm of ticks, and what others see of it."""

import gc
import os
from itertools import pairwise
from pathlib import Path

import pytest

from evsed.control.loop import STEPS_BETWEEN_TICKS_N, Loop
from evsed.core import commands as c
from evsed.core.inputs import Snapshot
from evsed.core.states import EvseState as S
from evsed.link import messages as m
from tests.control.loop_rig import NotedNotifier, NotedSampler, Rig
from tests.control.rig import TICK_S, NotedLines

# One tick.


def test_a_tick_samples_steps_applies_hands_over_and_then_beats_and_pets(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "link.sock")
    board = NotedLines(changes=rig.notes)
    sampler = NotedSampler(board)
    sampler.notes = rig.notes
    board.pilot_out.set_duty(0.5)  # so that the first outputs change a line
    notifier = NotedNotifier(rig.notes)
    loop = Loop(board, rig.charger, sampler, rig.link, notifier, rig.clock, TICK_S, rig.recorder)
    rig.notes.clear()
    loop.tick()
    order = [name for name, _ in rig.notes if name not in ("offer", "led", "journal", "status")]
    assert order == ["sample", "step", "phases", "duty", "hand over", "heartbeat", "notify"]
    rig.close()


def test_every_tick_beats_once(rig: Rig) -> None:
    before = rig.lines.get("heartbeat")
    rig.tick(10)
    assert rig.lines.get("heartbeat") - before == 10


def test_a_step_for_commands_neither_beats_nor_pets(rig: Rig) -> None:
    rig.tick(5)
    before, rig.notes[:] = rig.lines.get("heartbeat"), []
    assert rig.gateway
    rig.gateway.ask(1, c.Restore())
    rig.loop._step_for_commands()
    assert [name for name, _ in rig.notes if name in ("resample", "step", "notify")] == ["resample", "step"]
    assert rig.lines.get("heartbeat") == before
    rig.gateway.receive()
    assert rig.gateway.of(m.Done)


def test_the_watchdog_is_petted_no_more_often_than_needed(rig: Rig) -> None:
    rig.tick(101)
    assert rig.named("notify").count("WATCHDOG=1") == pytest.approx(1.0 / 0.25, abs=1)


# The rhythm.


def test_no_overrun_where_every_tick_is_held(rig: Rig) -> None:
    rig.run(50)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert health[0].overruns_n == 0
    assert rig.named("journal") == []


def test_a_late_tick_is_counted_told_and_not_caught_up_with(rig: Rig) -> None:
    def slow() -> None:
        rig.pilot.takes_s = 0.055

    def quick() -> None:
        rig.pilot.takes_s = TICK_S

    rig.at_sample = {10: slow, 11: quick}
    rig.run(700)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert health[-1].overruns_n == 1
    assert health[-1].late_max_ms == pytest.approx(45.0)
    assert health[-1].tick_max_ms == pytest.approx(55.0)
    assert rig.named("journal") == ["tick 45 ms late"]
    steps = [at_s for at_s in rig.named("step") if isinstance(at_s, float)]
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(steps)}
    assert gaps == {TICK_S, 0.055}


def test_between_two_ticks_there_are_at_most_four_steps_for_commands(rig: Rig) -> None:
    """An edge that nobody takes away wakes the loop again and again."""
    read_fd, write_fd = os.pipe()
    os.write(write_fd, b"!")

    class Trips:
        def rcd_tripped(self) -> bool:
            return False

        def emergency_stop(self) -> bool:
            return False

        def stop_pressed(self) -> bool:
            return False

        def wake_fd(self) -> int:
            return read_fd

    rig.board.trips = Trips()
    rig.pilot.takes_s = 0.001
    rig.run(20)
    order = "".join({"sample": "|", "resample": "c"}.get(name, "") for name, _ in rig.notes)
    between = [len(steps) for steps in order.split("|")[1:-1]]
    assert set(between) == {STEPS_BETWEEN_TICKS_N}
    os.close(read_fd)
    os.close(write_fd)


def test_a_due_tick_goes_before_commands(rig: Rig) -> None:
    assert rig.gateway
    rig.tick(5)
    gateway = rig.gateway
    rig.at_sample = {n: lambda: gateway.ask(1, c.PauseCharging()) for n in range(6, 30)}
    rig.run(20)
    assert rig.named("resample") == []
    rig.gateway.receive()
    assert len(rig.gateway.of(m.Done)) >= 18


def test_a_command_between_two_ticks_is_answered_before_the_next(rig: Rig) -> None:
    assert rig.gateway
    rig.tick(5)
    rig.pilot.takes_s = 0.001
    gateway = rig.gateway

    def ask_late() -> None:
        """Comes after this tick's receive() and before the wait for the next one."""
        gateway.ask(9, c.Restore())

    rig.at_sample = {7: ask_late}
    rig.run(3)
    order = [name for name, what in rig.notes if name in ("sample", "resample")]
    assert order[5:8] == ["sample", "sample", "resample"]
    gateway.receive()
    assert [done.done.request_id for done in gateway.of(m.Done) if isinstance(done, m.Done)] == [9]


# What others see.


def test_a_snapshot_goes_out_on_every_change_and_five_times_a_second(rig: Rig) -> None:
    rig.tick(5)
    rig.notes.clear()
    rig.tick(100)
    snapshots = [offer for offer in rig.named("offer") if isinstance(offer, Snapshot)]
    assert len(snapshots) == pytest.approx(5, abs=1)
    assert rig.gateway
    rig.notes.clear()
    rig.gateway.ask(1, c.Restore())
    rig.tick(2)
    assert S.IDLE in [s.state for s in rig.named("offer") if isinstance(s, Snapshot)]


def test_health_tells_ticks_and_forgets_its_worst(rig: Rig) -> None:
    rig.tick(1010)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert [h.ticks_n for h in health] == pytest.approx([0, 500, 1000], abs=3)


def test_the_longest_tick_is_told_once(rig: Rig) -> None:
    def slow() -> None:
        rig.pilot.takes_s = 0.013

    def as_ever() -> None:
        rig.pilot.takes_s = TICK_S

    rig.at_sample = {10: slow, 11: as_ever}
    rig.run(1010)
    health = [offer for offer in rig.named("offer") if isinstance(offer, m.Health)]
    assert [h.tick_max_ms for h in health] == pytest.approx([0.0, 13.0, 10.0])


def test_garbage_is_collected_in_idle_and_never_while_charging(rig: Rig) -> None:
    collected: list[float] = []
    gc.callbacks.append(lambda phase, info: collected.append(rig.clock.now_s()) if phase == "start" else None)
    rig.charge()
    assert not gc.isenabled()
    first = rig.clock.now_s()
    rig.tick(7000)
    gc.callbacks.pop()
    assert collected
    assert [at_s for at_s in collected if at_s >= first] == []
