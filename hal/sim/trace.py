"""The trace: every change of a physical line, stamped where it happened."""

from collections import deque

import msgspec

TRACE_ENTRIES = 65536  # a trace that nobody drains forgets its oldest entries

TraceValue = bool | float | str


class TraceEntry(msgspec.Struct, frozen=True, gc=False):
    """One change: t in monotonic seconds; line and value as the trace topic spells them."""

    t: float
    line: str
    value: TraceValue


class Trace:
    def __init__(self, first: dict[str, TraceValue]) -> None:
        self._last = first
        self._entries: deque[TraceEntry] = deque(maxlen=TRACE_ENTRIES)

    def note(self, line: str, value: TraceValue, at_s: float) -> None:
        """Record the level of a line; an unchanged level leaves no entry."""
        if self._last[line] != value:
            self._last[line] = value
            self._entries.append(TraceEntry(at_s, line, value))

    def drain(self) -> list[TraceEntry]:
        """Entries since the last call in the order of their stamps."""
        entries = sorted(self._entries, key=lambda entry: entry.t)
        self._entries.clear()
        return entries
