"""A schedule of ceilings over time: entry 0 counts at once, the last one without end (EVerest)."""

from itertools import pairwise

from evsed.core.commands import ScheduleEntry
from evsed.core.inputs import LimitRow

FrequencyTable = tuple[tuple[float, float], ...]


class Schedule:
    """entries in order of time, at least one. frequency_bound: some entry follows the mains frequency."""

    __slots__ = ("_entries", "_source", "frequency_bound", "lapses_at_s")

    def __init__(self, source: str, entries: tuple[ScheduleEntry, ...], lapses_at_s: float | None) -> None:
        self._source = source
        self._entries = tuple(sorted(entries, key=lambda entry: entry.starts_at_s))
        self.lapses_at_s = lapses_at_s
        self.frequency_bound = any(entry.frequency_w for entry in entries)

    def row(self, now_s: float, frequency_hz: float | None) -> LimitRow:
        index = self._index(now_s)
        entry = self._entries[index]
        power_w = entry.power_w
        if entry.frequency_w and frequency_hz is not None:
            at_frequency_w = power_at(entry.frequency_w, frequency_hz)
            power_w = at_frequency_w if power_w is None else min(power_w, at_frequency_w)
        return LimitRow(
            self._source, entry.limit_a, power_w, entry.phases, self.next_change_s(now_s), entry.by
        )

    def next_change_s(self, now_s: float) -> float | None:
        """When the next entry begins or the schedule lapses."""
        index = self._index(now_s) + 1
        starts = [entry.starts_at_s for entry in self._entries[index : index + 1]]
        return min([*starts, *([] if self.lapses_at_s is None else [self.lapses_at_s])], default=None)

    def _index(self, now_s: float) -> int:
        begun_n = sum(entry.starts_at_s <= now_s for entry in self._entries)
        return max(0, begun_n - 1)


def power_at(table: FrequencyTable, frequency_hz: float) -> float:
    """Watts at this mains frequency, on straight lines between the points and level beyond the ends."""
    if frequency_hz <= table[0][0]:
        return table[0][1]
    for (low_hz, low_w), (high_hz, high_w) in pairwise(table):
        if frequency_hz <= high_hz:
            return low_w + (high_w - low_w) * (frequency_hz - low_hz) / (high_hz - low_hz)
    return table[-1][1]
