"""Ring of line changes inside the line file: one writer (the board), one reader (the world).

Rule 1: the writer never waits; the reader learns how many entries it has missed.
Rule 2: an entry proves itself by a check value, so a half-written one is read later, not wrongly.
"""

RING_ENTRIES = 1024  # 10 s of a line that changes in every 10 ms tick
ENTRY_CELLS = 4  # time, line, value, check
RING_CELLS = 1 + RING_ENTRIES * ENTRY_CELLS  # the count of entries ever written, then the entries

Change = tuple[float, int, float]  # monotonic seconds, line index, value


class RingWriter:
    def __init__(self, cells: "memoryview[float]") -> None:
        self._cells = cells

    def push(self, at_s: float, line: int, value: float) -> None:
        cells = self._cells
        written = cells[0]
        base = 1 + int(written) % RING_ENTRIES * ENTRY_CELLS
        cells[base] = at_s
        cells[base + 1] = line
        cells[base + 2] = value
        cells[base + 3] = _check(written, at_s, line, value)
        cells[0] = written + 1


class RingReader:
    """Starts at the newest entry: what was written before belongs to the past."""

    def __init__(self, cells: "memoryview[float]") -> None:
        self._cells = cells
        self._next = int(cells[0])
        self.lost_n = 0  # entries overwritten before they were read

    def drain(self) -> list[Change]:
        """Entries since the last call, oldest first."""
        written = int(self._cells[0])
        if written == self._next:
            return []
        oldest = written - RING_ENTRIES
        if self._next < oldest:
            self.lost_n += oldest - self._next
            self._next = oldest
        return self._read_to(written)

    def _read_to(self, written: int) -> list[Change]:
        cells = self._cells
        changes: list[Change] = []
        while self._next < written:
            base = 1 + self._next % RING_ENTRIES * ENTRY_CELLS
            at_s, line, value, check = cells[base : base + ENTRY_CELLS]
            if check != _check(self._next, at_s, line, value):
                break  # not all of it has arrived from the other processor yet
            changes.append((at_s, int(line), value))
            self._next += 1
        return changes


def _check(entry: float, at_s: float, line: float, value: float) -> float:
    return entry + at_s + line + value
