"""The last minute of the core, kept for when something goes wrong: inputs, outputs and events of every step.

Rule 1: a step costs an append. Once every SEGMENT_S the state is frozen, so that the oldest half can go.
Rule 2: what is to be told goes out in pieces, a few a tick, and only what the link takes without waiting.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from evsed import __version__
from evsed.clock import utc_s
from evsed.core.charger import Charger
from evsed.core.events import Event, FaultRaised, SessionEvent
from evsed.core.faults import BY_NAME
from evsed.core.inputs import Inputs, Outputs
from evsed.core.settings import Settings
from evsed.core.states import StopReason
from evsed.link.messages import Recording
from evsed.recording.state import encode, freeze
from evsed.recording.steps import Packer, Step
from evsed.recording.tape import Header, frame

SEGMENT_S = 30.0
SEGMENT_STEPS_N = 6000  # a client that floods us makes steps, too
AFTER_S = 1.0  # a recording goes on for so long after its cause
PIECE_STEPS_N = 40  # of a tick: a tenth of a millisecond
NO_MORE_S = 10.0  # causes that follow each other belong to the first

# A transaction that ended for one of these ended as somebody wanted it to.
WANTED = frozenset(
    (
        StopReason.LOCAL,
        StopReason.REMOTE,
        StopReason.EV_DISCONNECTED,
        StopReason.UNLOCK_COMMAND,
        StopReason.REBOOT,
        StopReason.ENERGY_LIMIT_REACHED,
        StopReason.TIME_LIMIT_REACHED,
    )
)

Send = Callable[[Recording], bool]


class _Segment:
    """The state that it begins with, and what it has packed against."""

    def __init__(self, charger: Charger) -> None:
        self.state = freeze(charger)
        self.steps: list[Step] = []


class Recorder:
    """cause: why a recording is being made, "" while none is."""

    def __init__(
        self, charger: Charger, settings: Settings, now_s: float, utc_s: Callable[[], float] = utc_s
    ) -> None:
        self._charger, self._settings, self._utc_s = charger, settings, utc_s
        self._segments: deque[_Segment] = deque((_Segment(charger),), maxlen=2)
        self._steps = self._segments[-1].steps
        self._next_segment_s = now_s + SEGMENT_S
        self._due_s: float | None = None
        self._quiet_until_s = float("-inf")
        self._pieces: Iterator[Recording] | None = None
        self._piece: Recording | None = None
        self._recordings_n = 0
        self.cause = self._session = ""

    def step(self, now_s: float, inputs: Inputs, outputs: Outputs, events: list[Event]) -> None:
        """After Charger.step."""
        self._steps.append(Step(now_s, inputs, outputs, tuple(events)))
        if events and not self.cause and now_s >= self._quiet_until_s:
            for event in events:
                self._look(event, now_s)

    def ask(self, cause: str, now_s: float, session: str = "", after_s: float = 0.0) -> None:
        """Make a recording; one that is being made already is enough."""
        if not self.cause:
            self.cause, self._session, self._due_s = cause, session, now_s + after_s

    def pump(self, now_s: float, send: Send) -> None:
        """Between two ticks: begin a segment that is due, send some of a recording."""
        if now_s >= self._next_segment_s or len(self._steps) >= SEGMENT_STEPS_N:
            self._begin_segment(now_s)
        if self._due_s is not None and now_s >= self._due_s:
            self._due_s = None
            self._pieces = self._told(tuple(self._segments), now_s)
            self._begin_segment(now_s)
        self._send_some(now_s, send)

    def crash(self, error: BaseException, now_s: float, send: Send) -> None:
        """The loop is at its end: all at once, as far as the link takes it."""
        self.cause, self._session = f"exception {type(error).__name__}", self._session
        for piece in self._told(tuple(self._segments), now_s):
            if not send(piece):
                return

    def _look(self, event: Event, now_s: float) -> None:
        if isinstance(event, FaultRaised) and BY_NAME[event.fault].reaction.blocks:
            self.ask(f"fault {event.fault}", now_s, event.uuid, AFTER_S)
        elif isinstance(event, SessionEvent) and event.stop_reason not in (None, *WANTED):
            assert event.stop_reason is not None
            self.ask(f"stop {event.stop_reason.value}", now_s, event.uuid, AFTER_S)

    def _begin_segment(self, now_s: float) -> None:
        self._segments.append(_Segment(self._charger))
        self._steps = self._segments[-1].steps
        self._next_segment_s = now_s + SEGMENT_S

    def _send_some(self, now_s: float, send: Send) -> None:
        if self._pieces is None:
            return
        piece = self._piece or next(self._pieces, None)
        if piece is None:
            self._pieces, self.cause, self._session = None, "", ""
            self._quiet_until_s = now_s + NO_MORE_S
        else:
            self._piece = None if send(piece) else piece

    def _told(self, segments: tuple[_Segment, ...], now_s: float) -> Iterator[Recording]:
        self._recordings_n += 1
        n, cause, session = self._recordings_n, self.cause, self._session
        state = segments[0].state
        header = Header(__version__, cause, session, now_s, self._utc_s(), self._settings, encode(state))
        yield Recording(n, cause, session, now_s, frame(msgspec.msgpack.encode(header)))
        packer = Packer(*_begun_with(state))
        for segment in segments:
            for start in range(0, len(segment.steps), PIECE_STEPS_N):
                steps = segment.steps[start : start + PIECE_STEPS_N]
                yield Recording(
                    n, cause, session, now_s, b"".join(frame(packer.pack(step)) for step in steps)
                )
        yield Recording(n, cause, session, now_s, b"", last=True)


def _begun_with(state: dict[str, Any]) -> tuple[Inputs, Outputs]:
    return state["_s"].content["inputs"], state["_outputs"]
