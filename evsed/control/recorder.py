"""The last minute of the core, kept for when something goes wrong: inputs, outputs and events of every step.

Rule 1: a step costs an append. Once every SEGMENT_S the state is frozen, so that the oldest half can go.
Rule 2: what is to be told goes out in pieces, a few a tick, and only what the link takes without waiting.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from evsed import __version__
from evsed.clock import utc_s
from evsed.control.causes import Cause, Causes
from evsed.core.charger import Charger
from evsed.core.events import Event
from evsed.core.inputs import Inputs, Outputs
from evsed.core.settings import Settings
from evsed.link.messages import Recording
from evsed.recording.state import begun_with, encode, freeze, session_of
from evsed.recording.steps import Packer, Step
from evsed.recording.tape import Header, frame

SEGMENT_S = 30.0
SEGMENT_STEPS_N = 6000  # a client that floods us makes steps, too
AFTER_S = 1.0  # a recording goes on for so long after its cause
PIECE_STEPS_N = 40  # of a tick: a tenth of a millisecond
CRASH_S = 0.5  # the board is safe then; how long the restart may wait for a link that is full
_PAUSE_S = 0.005

Send = Callable[[Recording], bool]


class _Segment:
    """The state that it begins with, and what it has packed against."""

    def __init__(self, charger: Charger) -> None:
        self.state = freeze(charger)
        self.steps: list[Step] = []

    @property
    def newest(self) -> tuple[Inputs, Outputs, float]:
        """What Charger.step was called with last, and what it returned."""
        if self.steps:
            step = self.steps[-1]
            return step.inputs, step.outputs, step.now_s
        s = self.state["_s"].content
        return s["inputs"], self.state["_outputs"], s["now_s"]


class _Told(NamedTuple):
    """A recording that is being handed over."""

    cause: str
    session_uuid: str
    now_s: float
    segments: tuple[_Segment, ...]


class Recorder:
    """cause: why a recording is being made, "" while none is."""

    def __init__(
        self, charger: Charger, settings: Settings, now_s: float, utc_s: Callable[[], float] = utc_s
    ) -> None:
        self._charger, self._settings, self._utc_s = charger, settings, utc_s
        self._segments: deque[_Segment] = deque((_Segment(charger),), maxlen=2)
        self._steps = self._segments[-1].steps
        self._next_segment_s = now_s + SEGMENT_S
        self._causes = Causes()
        self._due_s: float | None = None
        self._next: Cause | None = None  # came while another one was being told
        self._told: _Told | None = None
        self._pieces: Iterator[Recording] | None = None
        self._piece: Recording | None = None
        self._recordings_n = 0
        self.cause = self._session = ""

    def step(self, now_s: float, inputs: Inputs, outputs: Outputs, events: list[Event]) -> None:
        """After Charger.step."""
        self._steps.append(Step(now_s, inputs, outputs, tuple(events)))
        for event in events:
            cause = self._causes.new(event, now_s)
            if cause is not None:
                self._take(cause)

    def ask(self, cause: str, now_s: float, session_uuid: str = "", after_s: float = 0.0) -> None:
        """Make a recording, of the open session if no other is named; one that is being made is enough."""
        if not self.cause:
            self.cause, self._session, self._due_s = cause, session_uuid, now_s + after_s

    def pump(self, now_s: float, send: Send) -> None:
        """Between two ticks: begin a segment that is due, send some of a recording."""
        if now_s >= self._next_segment_s or len(self._steps) >= SEGMENT_STEPS_N:
            self._begin_segment(now_s)
        if self._due_s is not None and now_s >= self._due_s:
            self._due_s = None
            self._begin_to_tell(now_s)
            self._begin_segment(now_s)
        self._send_some(now_s, send)

    def begin_again(self) -> None:
        """Another gateway listens, which has nothing of what the one before it was told."""
        if self._told is not None:
            self._pieces, self._piece = self._pieces_of(self._told), None

    def crash(self, error: BaseException, now_s: float, send: Send, sleep: Callable[[float], object]) -> None:
        """The loop is at its end: all at once. A link that is full is waited for, CRASH_S at the most."""
        self._note_unfinished()
        self.cause, self._session = f"exception {type(error).__name__}", ""
        pauses = iter(range(round(CRASH_S / _PAUSE_S)))
        for piece in self._begin_to_tell(now_s):
            while not send(piece):
                if next(pauses, None) is None:
                    return
                sleep(_PAUSE_S)

    def _take(self, cause: Cause) -> None:
        """Within AFTER_S of another one both are in its recording; later the next one is made of it."""
        if not self.cause:
            self.ask(cause.text, cause.at_s, cause.session_uuid, AFTER_S)
        elif self._due_s is None and self._next is None:
            self._next = cause

    def _note_unfinished(self) -> None:
        """The step that has raised: what went in, and nothing of what came of it."""
        inputs, _, now_s = begun_with(self._charger)
        seen, outputs, seen_s = self._segments[-1].newest
        if inputs is not seen or now_s != seen_s:
            self._steps.append(Step(now_s, inputs, outputs, (), finished=False))

    def _begin_segment(self, now_s: float) -> None:
        self._segments.append(_Segment(self._charger))
        self._steps = self._segments[-1].steps
        self._next_segment_s = now_s + SEGMENT_S

    def _begin_to_tell(self, now_s: float) -> Iterator[Recording]:
        self._recordings_n += 1
        session_uuid = self._session or session_of(self._charger)
        self._told = _Told(self.cause, session_uuid, now_s, tuple(self._segments))
        self._pieces = self._pieces_of(self._told)
        return self._pieces

    def _send_some(self, now_s: float, send: Send) -> None:
        if self._pieces is None:
            return
        piece = self._piece or next(self._pieces, None)
        if piece is None:
            self._end_telling(now_s)
        else:
            self._piece = None if send(piece) else piece

    def _end_telling(self, now_s: float) -> None:
        self._told = self._pieces = None
        self.cause = self._session = ""
        cause, self._next = self._next, None
        if cause is not None and now_s - cause.at_s < SEGMENT_S:  # the ring still has it
            self.ask(cause.text, now_s, cause.session_uuid, max(0.0, cause.at_s + AFTER_S - now_s))

    def _pieces_of(self, told: _Told) -> Iterator[Recording]:
        for part_n, data in enumerate(self._packed(told)):
            yield self._piece_of(told, part_n, data)

    def _piece_of(self, told: _Told, part_n: int, data: bytes) -> Recording:
        n, last = self._recordings_n, not data
        return Recording(n, told.cause, told.session_uuid, told.now_s, data, last, part_n)

    def _packed(self, told: _Told) -> Iterator[bytes]:
        """The header, the steps, and nothing as the end."""
        first = told.segments[0]
        s = first.state["_s"].content
        yield frame(msgspec.msgpack.encode(self._header(told, encode(first.state))))
        packer = Packer(s["inputs"], first.state["_outputs"])
        for segment in told.segments:
            for start in range(0, len(segment.steps), PIECE_STEPS_N):
                steps = segment.steps[start : start + PIECE_STEPS_N]
                yield b"".join(frame(packer.pack(step)) for step in steps)
        yield b""

    def _header(self, told: _Told, state: bytes) -> Header:
        return Header(
            __version__, told.cause, told.session_uuid, told.now_s, self._utc_s(), self._settings, state
        )
