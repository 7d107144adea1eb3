"""Board + link -> Inputs."""

import uuid
from collections.abc import Callable

import msgspec

from evsed.core.commands import Request
from evsed.core.inputs import Inputs
from hal.interfaces import Board
from hal.types import MeterReading, Temperature


class Sampler:
    """Takes one sample a tick. What has come over the link since stands in requests and in its fields."""

    def __init__(self, board: Board, new_uuid: Callable[[], object] = uuid.uuid4) -> None:
        self._board = board
        self._new_uuid = new_uuid
        self._seq = 0
        self._spare_uuid = str(self._new_uuid())
        self.meter: MeterReading | None = None
        self.temperatures: tuple[Temperature, ...] = ()
        self.stored_transaction = ""
        self._last: Inputs | None = None

    def sample(self, requests: tuple[Request, ...]) -> Inputs:
        """Everything new: reads the board, which takes one ADC burst."""
        board = self._board
        self._seq += 1
        self._last = Inputs(
            sample_seq=self._seq,
            cp=board.pilot_in.read(),
            pp=board.proximity_in.read() if board.proximity_in else None,
            mirror_closed=board.contactor.mirror_closed(),
            locked=board.lock.locked() if board.lock else False,
            rcd_tripped=board.trips.rcd_tripped(),
            emergency_stop=board.trips.emergency_stop(),
            stop_pressed=board.trips.stop_pressed(),
            rails=board.rails_in.read() if board.rails_in else None,
            temperatures=self.temperatures,
            meter=self.meter,
            requests=requests,
            stored_transaction=self.stored_transaction,
            spare_uuid=self._spare_uuid,
        )
        return self._last

    def resample(self, requests: tuple[Request, ...]) -> Inputs | None:
        """The last sample again, with new requests, trips and meter reading; None before the first sample."""
        if self._last is None:
            return None
        return msgspec.structs.replace(
            self._last,
            rcd_tripped=self._board.trips.rcd_tripped(),
            emergency_stop=self._board.trips.emergency_stop(),
            meter=self.meter,
            requests=requests,
            stored_transaction=self.stored_transaction,
            spare_uuid=self._spare_uuid,
        )

    def uuid_used(self, session_uuid: str) -> None:
        """The core has opened a session: the next one needs another uuid."""
        if session_uuid == self._spare_uuid:
            self._spare_uuid = str(self._new_uuid())
