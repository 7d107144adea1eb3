"""The plug lock: pulses, retries, failure, force, and never an unlock under power."""

from itertools import pairwise

import pytest

from evsed.core.connector_lock import PULSE_S, RETRY_S, ConnectorLock
from hal.types import LockDrive

TICK_S = 0.01
TRAVEL_S = 0.25


class Bolt:
    """A lock with its motor; jammed does not move, blind has a switch that always says blind."""

    def __init__(self) -> None:
        self.lock = ConnectorLock()
        self.now_s = 100.0
        self.position = 0.0
        self.jammed = False
        self.blind: bool | None = None
        self.drives: list[LockDrive] = []
        self.pulses: list[tuple[LockDrive, float]] = []  # drive, start

    @property
    def locked(self) -> bool:
        return self.position >= 1.0 if self.blind is None else self.blind

    def run(self, wanted: bool, seconds: float = TICK_S, may_unlock: bool = True) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            before = self.lock.drive
            self.lock.update(wanted, self.locked, may_unlock, self.now_s)
            self.drives.append(self.lock.drive)
            if self.lock.drive not in (before, LockDrive.OFF):
                self.pulses.append((self.lock.drive, self.now_s))
            self._move()

    def _move(self) -> None:
        way = {LockDrive.LOCK: 1, LockDrive.UNLOCK: -1, LockDrive.OFF: 0}[self.lock.drive]
        if not self.jammed:
            self.position = min(1.0, max(0.0, self.position + way * TICK_S / TRAVEL_S))


def locked_bolt() -> Bolt:
    bolt = Bolt()
    bolt.run(True, 2.0)
    assert bolt.lock.held
    assert bolt.lock.locked
    bolt.drives.clear()
    bolt.pulses.clear()
    return bolt


def test_it_locks_with_one_pulse_of_its_length() -> None:
    bolt = Bolt()
    bolt.run(True, 10.0)
    assert bolt.drives.count(LockDrive.LOCK) == round(0.6 / TICK_S)
    assert LockDrive.UNLOCK not in bolt.drives
    assert bolt.drives[0] is LockDrive.LOCK
    assert not bolt.lock.failed


def test_it_unlocks_with_one_pulse() -> None:
    bolt = locked_bolt()
    bolt.run(False, 10.0)
    assert bolt.drives.count(LockDrive.UNLOCK) == round(0.6 / TICK_S)
    assert not bolt.lock.held
    assert not bolt.lock.locked
    assert not bolt.lock.opened


def test_an_unlocked_lock_that_nobody_wants_is_left_alone() -> None:
    bolt = Bolt()
    bolt.run(False, 10.0)
    assert set(bolt.drives) == {LockDrive.OFF}


def test_it_is_not_unlocked_while_power_may_flow() -> None:
    bolt = locked_bolt()
    bolt.run(False, 10.0, may_unlock=False)
    assert set(bolt.drives) == {LockDrive.OFF}
    assert bolt.lock.held
    bolt.run(False, TICK_S, may_unlock=True)
    assert bolt.lock.drive is LockDrive.UNLOCK


def test_a_forced_unlock_waits_for_the_power_too() -> None:
    bolt = locked_bolt()
    bolt.lock.force_unlock()
    bolt.run(True, 10.0, may_unlock=False)
    assert set(bolt.drives) == {LockDrive.OFF}
    bolt.run(True, 2.0)
    assert not bolt.lock.locked
    bolt.run(True, 10.0)
    assert not bolt.lock.locked


def test_a_force_that_had_to_wait_is_driven_although_the_switch_says_unlocked() -> None:
    bolt = locked_bolt()
    bolt.lock.force_unlock()
    bolt.run(True, 2.0, may_unlock=False)
    bolt.blind = False
    bolt.run(True, 2.0)
    assert bolt.position == 0.0


def test_a_force_without_power_off_gives_no_pulse_even_to_an_open_lock() -> None:
    bolt = Bolt()
    bolt.lock.force_unlock()
    bolt.run(False, 5.0, may_unlock=False)
    assert set(bolt.drives) == {LockDrive.OFF}


def test_a_forced_unlock_is_driven_although_the_switch_says_unlocked() -> None:
    bolt = Bolt()
    bolt.lock.force_unlock()
    bolt.run(False, 5.0)
    assert bolt.drives.count(LockDrive.UNLOCK) == round(0.6 / TICK_S)


def test_a_force_ends_when_nobody_is_there_any_more() -> None:
    bolt = locked_bolt()
    bolt.lock.force_unlock()
    bolt.run(True, 2.0)
    bolt.run(False, 2.0)
    bolt.run(True, 2.0)
    assert bolt.lock.held
    assert bolt.lock.locked


def test_a_jammed_lock_is_tried_again_and_fails_after_the_last_pulse_begins() -> None:
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(True, 30.0)
    starts = [at_s for drive, at_s in bolt.pulses if drive is LockDrive.LOCK]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[:2] == [pytest.approx(1.6, abs=TICK_S)] * 2
    assert gaps[2:] == [pytest.approx(5.6, abs=TICK_S)] * len(gaps[2:])
    assert len(gaps) > 4
    assert bolt.lock.failed


def test_it_has_not_failed_before_the_last_try() -> None:
    bolt = Bolt()
    bolt.jammed = True
    while len(bolt.pulses) < 3:
        assert not bolt.lock.failed
        bolt.run(True)
    assert bolt.lock.failed


def test_a_freed_lock_has_failed_no_more() -> None:
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(True, 10.0)
    assert bolt.lock.failed
    bolt.jammed = False
    bolt.run(True, 10.0)
    assert bolt.lock.locked
    assert not bolt.lock.failed
    assert bolt.lock.drive is LockDrive.OFF


def test_the_other_direction_is_tried_at_once_after_a_failure() -> None:
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(True, 10.0)
    bolt.position, bolt.jammed = 0.5, False
    bolt.blind = True
    bolt.run(False)
    assert not bolt.lock.failed
    assert bolt.lock.drive is LockDrive.UNLOCK


def test_a_change_of_mind_turns_the_motor_at_once() -> None:
    bolt = Bolt()
    bolt.run(True, 0.2)
    assert bolt.lock.drive is LockDrive.LOCK
    bolt.run(False)
    assert bolt.lock.drive in (LockDrive.OFF, LockDrive.UNLOCK)
    bolt.run(False, 2.0)
    assert bolt.position == 0.0 or bolt.lock.drive is LockDrive.OFF
    assert not bolt.lock.locked


def test_a_lock_that_springs_open_is_noticed_and_locked_again() -> None:
    bolt = locked_bolt()
    bolt.position = 0.0
    bolt.run(True)
    assert bolt.lock.opened
    assert bolt.lock.drive is LockDrive.LOCK
    bolt.run(True, 0.2)
    assert bolt.lock.opened
    bolt.run(True, 0.1)
    assert not bolt.lock.opened
    assert bolt.lock.locked


def test_a_lock_that_was_never_locked_has_not_opened() -> None:
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(True, 10.0)
    assert not bolt.lock.opened


def test_a_lock_that_worked_has_all_its_tries_again() -> None:
    bolt = locked_bolt()
    bolt.position, bolt.jammed = 0.0, True
    while len(bolt.pulses) < 3:
        bolt.run(True)
        assert bolt.lock.failed is (len(bolt.pulses) == 3)


def test_an_unlock_pulse_ends_at_once_when_power_may_flow_again_and_is_made_up_for_later() -> None:
    bolt = locked_bolt()
    bolt.run(False, 0.1)
    assert bolt.lock.drive is LockDrive.UNLOCK
    bolt.run(False, TICK_S, may_unlock=False)
    assert bolt.lock.drive is LockDrive.OFF
    bolt.run(False, 3.0, may_unlock=False)
    assert bolt.drives.count(LockDrive.UNLOCK) == round(0.1 / TICK_S)
    bolt.run(False, 3.0)
    assert bolt.position == 0.0


def test_a_lock_pulse_does_not_mind_power() -> None:
    bolt = Bolt()
    bolt.run(True, 2.0, may_unlock=False)
    assert bolt.drives.count(LockDrive.LOCK) == round(0.6 / TICK_S)


def test_an_interrupted_unlock_is_not_a_failed_one() -> None:
    bolt = locked_bolt()
    for _ in range(6):
        bolt.run(False, TICK_S)
        bolt.run(False, 1.1, may_unlock=False)
    assert not bolt.lock.failed


def test_a_bolt_that_did_not_move_is_not_confirmed_between_two_pulses() -> None:
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(True, 0.7)
    assert (bolt.lock.held, bolt.lock.drive) == (True, LockDrive.OFF)
    assert not bolt.lock.confirmed


def test_a_jammed_bolt_is_tried_three_times_before_it_has_failed() -> None:
    bolt = Bolt()
    bolt.jammed = True
    while not bolt.lock.failed:
        bolt.run(True)
    assert len(bolt.pulses) == 3


def test_a_bolt_that_reads_locked_without_being_held_confirms_nothing() -> None:
    bolt = Bolt()
    bolt.blind = True
    bolt.run(False, may_unlock=False)
    assert bolt.lock.locked
    assert not bolt.lock.confirmed


def test_nothing_is_confirmed_while_the_motor_runs() -> None:
    bolt = Bolt()
    bolt.blind = True
    bolt.lock.held = True
    bolt.lock.update(True, True, False, bolt.now_s)
    bolt.lock.drive = LockDrive.LOCK
    assert bolt.lock.locked
    assert not bolt.lock.confirmed


def test_a_forced_unlock_that_was_taken_back_is_confirmed_only_once_it_has_been_locked_anew() -> None:
    bolt = locked_bolt()
    bolt.lock.force_unlock()
    bolt.run(True, may_unlock=False)
    assert bolt.lock.confirmed  # it waits for the power to be off
    bolt.lock.hold_again()
    assert not bolt.lock.confirmed
    bolt.run(True, 2.0)
    assert bolt.lock.confirmed


def test_pulse_and_rest_last_just_their_times() -> None:
    lock = ConnectorLock()
    drives = []
    for now_s in (0.0, PULSE_S - 0.01, PULSE_S, PULSE_S + RETRY_S - 0.01, PULSE_S + RETRY_S):
        lock.update(True, False, True, now_s)
        drives.append(lock.drive)
    assert drives == [LockDrive.LOCK] * 2 + [LockDrive.OFF] * 2 + [LockDrive.LOCK]


def test_a_bolt_that_is_where_it_shall_be_is_not_driven() -> None:
    bolt = Bolt()
    bolt.position = 1.0
    bolt.run(True, 2.0)
    assert bolt.lock.confirmed
    assert bolt.pulses == []


def test_a_bolt_that_reads_locked_from_the_start_has_three_tries_to_open() -> None:
    bolt = Bolt()
    bolt.blind = True
    while not bolt.lock.failed:
        bolt.run(False)
    assert len(bolt.pulses) == 3


def test_an_unlock_that_was_interrupted_is_no_try() -> None:
    bolt = locked_bolt()
    bolt.jammed = True
    whole_n, drives_n = 0, 0
    interrupted = {0, 2}  # the first pulse, and the one after a whole one
    while not bolt.lock.failed:
        while bolt.lock.drive is LockDrive.OFF:
            bolt.run(False)
        if drives_n in interrupted:
            bolt.run(False, may_unlock=False)
        else:
            while bolt.lock.drive is not LockDrive.OFF and not bolt.lock.failed:
                bolt.run(False)
            whole_n += 1
        drives_n += 1
    assert whole_n == 3
