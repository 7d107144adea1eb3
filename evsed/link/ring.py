"""The events of one control process, numbered, kept until the gateway has stored them.

Rule: when the ring is full an event goes that a newer one replaces; a session's or transaction's begin and
end never go.
"""

from collections import OrderedDict, deque

from evsed.core.events import LastingEvent, SessionEvent
from evsed.core.states import EventKind
from evsed.link.messages import NumberedEvent

CAPACITY_N = 4096

_NEVER_DROPPED = frozenset(
    (
        EventKind.SESSION_STARTED,
        EventKind.SESSION_RESUMED,
        EventKind.SESSION_FINISHED,
        EventKind.AUTHORIZED,
        EventKind.DEAUTHORIZED,
        EventKind.TRANSACTION_STARTED,
        EventKind.TRANSACTION_FINISHED,
        EventKind.CHARGING_FINISHED,
        EventKind.RESERVATION_START,
        EventKind.RESERVATION_END,
    )
)


def replacement_key(event: LastingEvent) -> tuple[object, ...] | None:
    """Of two events with the same key the older says nothing any more; None: it always does."""
    if isinstance(event, SessionEvent):
        return None if event.kind in _NEVER_DROPPED else (event.kind, event.uuid)
    return (type(event), getattr(event, "fault", ""))


class EventRing:
    """Numbers events from 1; hands out what has not gone out yet; forgets what is acknowledged."""

    def __init__(self, capacity_n: int = CAPACITY_N) -> None:
        self._waiting: OrderedDict[int, NumberedEvent] = OrderedDict()
        self._newest: dict[tuple[object, ...], int] = {}
        self._replaced: deque[int] = deque()
        self._capacity_n = capacity_n
        self.last_n = 0
        self.acknowledged_n = 0
        self._sent_n = 0
        self.dropped_n = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, event: LastingEvent, at_s: float) -> int:
        self.last_n += 1
        self._note_replaced(event)
        if len(self._waiting) >= self._capacity_n:
            self._drop_one()
        self._waiting[self.last_n] = NumberedEvent(self.last_n, at_s, event)
        return self.last_n

    def rewind(self, stored_n: int) -> None:
        """A new connection: the other side has stored_n, everything later goes out again."""
        self.acknowledge(stored_n)
        self._sent_n = stored_n

    def acknowledge(self, n: int) -> None:
        self.acknowledged_n = max(self.acknowledged_n, n)
        while self._waiting and next(iter(self._waiting)) <= n:
            self._waiting.popitem(last=False)
        if not self._waiting:
            self._newest.clear()
            self._replaced.clear()

    def unsent(self, at_most_n: int) -> list[NumberedEvent]:
        """The next events to send, oldest first."""
        if self._sent_n >= self.last_n:
            return []
        found = []
        for n, event in self._waiting.items():
            if n > self._sent_n:
                found.append(event)
                if len(found) >= at_most_n:
                    break
        return found

    def sent(self, n: int) -> None:
        self._sent_n = n

    def _note_replaced(self, event: LastingEvent) -> None:
        key = replacement_key(event)
        if key is not None:
            older = self._newest.get(key, 0)
            if older in self._waiting:
                self._replaced.append(older)
            self._newest[key] = self.last_n

    def _drop_one(self) -> None:
        """Drop the oldest event that a later one replaces; keep everything if there is none such."""
        while self._replaced:
            if self._waiting.pop(self._replaced.popleft(), None) is not None:
                self.dropped_n += 1
                return
