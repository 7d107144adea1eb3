"""Board + link -> Inputs."""

import uuid

from evsed.core.commands import Request
from evsed.core.inputs import Inputs
from hal.interfaces import Board
from hal.types import MeterReading


class Sampler:
    """Takes one sample a tick. What has come over the link since stands in requests, meter and stored."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._seq = 0
        self._spare_uuid = str(uuid.uuid4())
        self.meter: MeterReading | None = None
        self.stored_transaction = ""
        self._last: Inputs | None = None

    def sample(self, requests: tuple[Request, ...]) -> Inputs:
        """Everything new: reads the board, which takes one ADC burst."""
        board = self._board
        self._seq += 1
        cp = board.pilot_in.read()
        self._last = Inputs(
            self._seq,
            cp,
            board.proximity_in.read() if board.proximity_in else None,
            board.contactor.mirror_closed(),
            board.lock.locked() if board.lock else False,
            board.trips.rcd_tripped(),
            board.trips.emergency_stop(),
            self.meter,
            requests,
            self.stored_transaction,
            self._spare_uuid,
        )
        return self._last

    def resample(self, requests: tuple[Request, ...]) -> Inputs | None:
        """The last sample again, with new requests and trips; None before the first sample."""
        last = self._last
        if last is None:
            return None
        return Inputs(
            last.sample_seq,
            last.cp,
            last.pp,
            last.mirror_closed,
            last.locked,
            self._board.trips.rcd_tripped(),
            self._board.trips.emergency_stop(),
            last.meter,
            requests,
            self.stored_transaction,
            self._spare_uuid,
        )

    def uuid_used(self, session_uuid: str) -> None:
        """The core has opened a session: the next one needs another uuid."""
        if session_uuid == self._spare_uuid:
            self._spare_uuid = str(uuid.uuid4())
