"""Events of the core -> messages on the link, and messages of the gateway -> what the sampler needs.

Rule 1: nothing here blocks, and the work of one call is bounded.
Rule 2: a gateway that is away costs nothing but the ring's memory.
"""

import os
import socket
import uuid
from collections import deque
from collections.abc import Callable

from evsed.control.sampling import Sampler
from evsed.core.commands import Request
from evsed.core.events import (
    LASTING,
    CommandDone,
    Event,
    FaultCleared,
    FaultRaised,
    LastingEvent,
    Note,
    SessionEvent,
    StateChanged,
)
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind
from evsed.link import messages as m
from evsed.link.channel import Channel, ChannelClosed
from evsed.link.ring import EventRing
from hal.types import MeterReading, PilotCalibration

SEND_PER_TICK_N = 16
RECEIVE_PER_CALL_N = 16
JOURNAL_LINES_N = 256  # waiting lines; the oldest go when there are more
CONNECT_EVERY_S = 0.1

_INFO, _WARNING, _ERROR = 6, 4, 3


class HandOver:
    """Control's end of the link. requests fills with what the gateway asks."""

    def __init__(self, path: str, sampler: Sampler, calibration: PilotCalibration | None = None) -> None:
        """calibration: what the gateway is told to be in force."""
        self._path = path
        self._calibration = calibration or PilotCalibration()
        self._sampler = sampler
        self._channel: Channel[m.FromGateway] | None = None
        self._welcomed = False
        self._restored = False
        self._next_connect_s = 0.0
        self._boot_id = str(uuid.uuid4())
        self._replies: deque[m.Done] = deque()
        self._journal: deque[m.Journal] = deque(maxlen=JOURNAL_LINES_N)
        self._transaction: tuple[int, str] | None = None
        self.ring = EventRing()
        self.requests: deque[Request] = deque()
        self.record_asked = False
        self.welcomed_anew = False  # since somebody has last looked

    def fileno(self) -> int | None:
        return self._channel.fileno() if self._channel else None

    @property
    def all_acknowledged(self) -> bool:
        return self.ring.acknowledged_n >= self.ring.last_n

    def take(self, events: list[Event], now_s: float) -> None:
        """Number what must last, queue the rest; now_s is when the core said it."""
        for event in events:
            if isinstance(event, LASTING):
                self._keep(event, now_s)
            elif isinstance(event, CommandDone) and event.request_id:
                self._replies.append(m.Done(event))
            self._journalise(event)

    def pump(self, now_s: float) -> None:
        """Connect if need be and send what is waiting, replies first."""
        if self._channel is None:
            self._connect(now_s)
        if self._channel is not None and self._welcomed:
            self._guarded(self._send_waiting)

    def receive(self) -> bool:
        """Take what the gateway has sent; true if the core should step for it."""
        before = len(self.requests), self._sampler.stored_transaction
        self._guarded(self._receive_some)
        return before != (len(self.requests), self._sampler.stored_transaction)

    def offer(self, message: Snapshot | m.Health | m.Goodbye) -> None:
        """Latest-value messages: sent now or never."""
        if self._channel is not None and self._welcomed:
            channel = self._channel
            self._guarded(lambda: channel.send(message))

    def send_recording(self, piece: m.Recording) -> bool:
        """False if it has to be sent again: nobody listens, or not fast enough."""
        sent = False

        def send() -> None:
            nonlocal sent
            sent = self._channel is not None and self._channel.send(piece)

        if self._welcomed:
            self._guarded(send)
        return sent

    def journal(self, priority: int, text: str, **fields: str) -> None:
        self._journal.append(m.Journal(priority, text, fields))

    def take_requests(self) -> tuple[Request, ...]:
        requests = tuple(self.requests)
        self.requests.clear()
        return requests

    def _keep(self, event: LastingEvent, now_s: float) -> None:
        n = self.ring.append(event, now_s)
        if isinstance(event, SessionEvent) and event.kind is EventKind.TRANSACTION_STARTED:
            self._transaction = (n, event.uuid)
        if isinstance(event, SessionEvent) and event.kind is EventKind.SESSION_STARTED:
            self._sampler.uuid_used(event.uuid)

    def _journalise(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._restored = True
            text = f"{event.old.value} -> {event.new.value} ({event.because})"
            self.journal(_INFO, text, EVSE_STATE=event.new.value, EVSE_SESSION=event.uuid)
        elif isinstance(event, Note):
            self.journal(_INFO, event.text, EVSE_SESSION=event.uuid)
        elif isinstance(event, FaultRaised):
            self.journal(
                _ERROR, f"fault {event.fault}: {event.text}", EVSE_ERROR=event.mrec, EVSE_SESSION=event.uuid
            )
        elif isinstance(event, FaultCleared):
            self.journal(
                _INFO, f"fault {event.fault} cleared", EVSE_ERROR=event.mrec, EVSE_SESSION=event.uuid
            )

    def _connect(self, now_s: float) -> None:
        if now_s < self._next_connect_s:
            return
        self._next_connect_s = now_s + CONNECT_EVERY_S
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            return
        self._channel = Channel(sock, m.FromGateway)
        self._guarded(self._say_hello)

    def _say_hello(self) -> None:
        assert self._channel is not None
        n, calibration = self.ring.last_n, self._calibration
        self._channel.send(m.Hello(self._boot_id, os.getpid(), n, self._restored, calibration))

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except ChannelClosed:
            self._forget_channel()

    def _forget_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel, self._welcomed = None, False
        # Nobody is left to hear these: whoever asked has gone with the connection.
        self._replies.clear()
        self.requests.clear()

    def _send_waiting(self) -> None:
        channel = self._channel
        assert channel is not None
        for queue in (self._replies, self._journal):
            while queue and channel.send(queue[0]):
                queue.popleft()
        for event in self.ring.unsent(SEND_PER_TICK_N):
            if not channel.send(event):
                return
            self.ring.sent(event.n)

    def _receive_some(self) -> None:
        for _ in range(RECEIVE_PER_CALL_N):
            message = self._channel.receive() if self._channel else None
            if message is None:
                return
            self._take_in(message)

    def _take_in(self, message: m.FromGateway) -> None:
        if isinstance(message, m.Ask):
            self.requests.append(message.request)
        elif isinstance(message, m.Acknowledge):
            self._acknowledge(message.n)
        elif isinstance(message, m.MeterUpdate):
            if isinstance(message.reading, MeterReading):
                self._sampler.meter = message.reading
        elif isinstance(message, m.TemperatureUpdate):
            self._sampler.temperatures = message.temperatures
        elif isinstance(message, m.Record):
            self.record_asked = True
        else:
            self._welcomed = self.welcomed_anew = True
            self.ring.rewind(message.stored_n)
            self._acknowledge(message.stored_n)

    def _acknowledge(self, n: int) -> None:
        self.ring.acknowledge(n)
        if self._transaction and n >= self._transaction[0]:
            self._sampler.stored_transaction = self._transaction[1]
            self._transaction = None
