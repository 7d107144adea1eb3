"""Recordings made by the real recorder, of stories told on the bench."""

import gzip
from pathlib import Path

from evsed.control.recorder import Recorder
from evsed.link.messages import Recording
from evsed.recording.tape import MAGIC
from tests.bench import UTC_AT_START_S, Bench


class RecordedBench(Bench):
    """A bench whose core is recorded as the control loop does it; what is told stands in pieces."""

    def _boot(self) -> None:
        super()._boot()
        now_s = self.clock.now_s()
        self.recorder = Recorder(
            self.charger, self.settings, now_s, lambda: UTC_AT_START_S + self.clock.now_s()
        )
        self.pieces: list[Recording] = []
        self.takes = True
        step = self.charger.step

        def recorded(inputs, at_s):
            outputs, events = step(inputs, at_s)
            self.recorder.step(at_s, inputs, outputs, events)
            return outputs, events

        self.charger.step = recorded

    def tick(self, *requests) -> None:
        super().tick(*requests)
        self.recorder.pump(self.clock.now_s(), self.take)

    def take(self, piece: Recording) -> bool:
        if self.takes:
            self.pieces.append(piece)
        return self.takes

    def record(self) -> list[Recording]:
        """All of one that is asked for now, once what is being told already has been told."""
        while self.recorder.cause:
            self.tick()
        self.pieces.clear()
        self.recorder.ask("request", self.clock.now_s())
        for _ in range(2000):
            self.tick()
            if self.pieces and self.pieces[-1].last:
                return self.pieces
        raise AssertionError("the recording did not end")


def written(pieces: list[Recording], folder: Path) -> Path:
    path = folder / "some.evrec"
    path.write_bytes(MAGIC + gzip.compress(b"".join(piece.data for piece in pieces)))
    return path
