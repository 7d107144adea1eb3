"""Outputs -> Board, in the safe order: open first, close last.

Rule: the phase switch moves only while the contactor is driven open; one that were asked for beside a closed
contactor stays where it is.
"""

from evsed.core.inputs import Outputs
from hal.interfaces import Board
from hal.types import Led, LockDrive


class Actuator:
    """Writes only what has changed since the last time; every line starts at what the board starts with."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._applied: Outputs | None = None
        self._three_phases: bool | None = None  # None: not driven yet
        self._lit: tuple[Led, bool] | None = None

    def apply(self, outputs: Outputs, now_s: float) -> None:
        if outputs is not self._applied:
            self._apply_power(outputs, self._applied)
            self._applied = outputs
        if outputs.three_phases is not self._three_phases:
            self._apply_phases(outputs)
        self._blink(outputs.led, now_s)

    def _apply_power(self, new: Outputs, old: Outputs | None) -> None:
        board = self._board
        if not new.contactor_closed:
            board.contactor.drive(False)
        if new.three_phases is not self._three_phases:
            self._apply_phases(new)
        if new.cp_connected is not (old.cp_connected if old else True):
            board.pilot_out.set_connected(new.cp_connected)
        if old is None or new.duty != old.duty:
            board.pilot_out.set_duty(new.duty)
        if board.lock and new.lock is not (old.lock if old else LockDrive.OFF):
            board.lock.drive(new.lock)
        if board.shunt_trip and new.shunt_trip is not (old.shunt_trip if old else False):
            board.shunt_trip.drive(new.shunt_trip)
        if board.rcd_test and new.rcd_test is not (old.rcd_test if old else False):
            board.rcd_test.drive(new.rcd_test)
        if new.contactor_closed and not (old and old.contactor_closed):
            board.contactor.drive(True)

    def _apply_phases(self, new: Outputs) -> None:
        """Only without power on the contacts; a welded contactor keeps its phases until it lets go."""
        switch = self._board.phase_switch
        if switch is None:
            self._three_phases = new.three_phases
        elif not new.contactor_closed and not self._board.contactor.mirror_closed():
            switch.drive(new.three_phases)
            self._three_phases = new.three_phases

    def _blink(self, led: Led, now_s: float) -> None:
        lit = led.period_s == 0.0 or now_s % led.period_s < led.period_s / 2
        if self._lit != (led, lit):
            self._lit = (led, lit)
            self._board.led.show(led, lit)
