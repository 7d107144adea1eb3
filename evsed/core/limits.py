"""Every ceiling on current, power and phases, each a row with its source; the smallest binds.

Rule 1: a row of our own (OWN_SOURCES) is a fact of the installation and counts at once; one that somebody
asked for may be held back by the random delay.
Rule 2: watts become amperes with the phases that the EV can draw from now.
"""

import math

from evsed.core.commands import LimitKind, SetLimit, SetSchedule
from evsed.core.inputs import LimitRow
from evsed.core.schedule import Schedule

INSTALLATION = "installation"
HARDWARE = "hardware"
CABLE = "cable"
METER_SILENT = "meter_silent"
DERATING = "derating"
RANDOM_DELAY = "random_delay"
SESSION = "session"
RESTART_DELAY = "restart_delay"
FAULT = "fault"
# Nobody else may write these rows.
OWN_SOURCES = frozenset(
    (INSTALLATION, HARDWARE, CABLE, METER_SILENT, DERATING, RANDOM_DELAY, SESSION, RESTART_DELAY, FAULT)
)
NO_LIMIT_A = 1000.0  # more than any EVSE carries; the API refuses limits above it


class Limits:
    """The table.

    limit_a and source are those of the binding row; own_a and own_source the same among our own rows, asked_a
    among the others. power_w and phases are the smallest of any row, None where no row says any.
    """

    __slots__ = (
        "_fallback_a",
        "_frequency_hz",
        "_kinds",
        "_lapsed",
        "_next_s",
        "_phases_n",
        "_rows",
        "_schedules",
        "_voltage_v",
        "asked_a",
        "limit_a",
        "own_a",
        "own_source",
        "phases",
        "power_w",
        "source",
    )

    def __init__(self, fallback_a: float, voltage_v: float, phases_n: int) -> None:
        self._rows: dict[str, LimitRow] = {}
        self._kinds: dict[str, LimitKind] = {}
        self._schedules: dict[str, Schedule] = {}
        self._lapsed: set[str] = set()  # fell silent: what is left of them is our own
        self._fallback_a, self._voltage_v, self._phases_n = fallback_a, voltage_v, phases_n
        self._frequency_hz: float | None = None
        self._next_s: float | None = None
        self.limit_a = self.own_a = 0.0
        self.source = self.own_source = "none"
        self.asked_a = NO_LIMIT_A
        self.power_w: float | None = None
        self.phases: int | None = None

    def put(self, source: str, limit_a: float, text: str = "") -> None:
        """A standing row of our own; the same value again costs nothing."""
        row = self._rows.get(source)
        if row is None or row.limit_a != limit_a:
            self._rows[source] = LimitRow(source, limit_a, text=text)
            self._bind()

    def set(self, command: SetLimit, now_s: float) -> None:
        self._forget(command.source)
        end_s = None if command.duration_s is None else now_s + command.duration_s
        self._kinds[command.source] = command.kind
        self._rows[command.source] = LimitRow(
            command.source, command.limit_a, command.power_w, command.phases, end_s
        )
        self._bind()

    def set_schedule(self, command: SetSchedule, now_s: float) -> None:
        self._forget(command.source)
        if command.entries:
            lapses_at_s = now_s + command.keepalive_s if command.keepalive_s else None
            schedule = Schedule(command.source, command.entries, lapses_at_s)
            self._schedules[command.source] = schedule
            self._rows[command.source] = schedule.row(now_s, self._frequency_hz)
        self._bind()

    def clear(self, source: str) -> None:
        if source in self._rows:
            self._forget(source)
            self._bind()

    def set_phases(self, phases_n: int) -> None:
        """How many phases the EV can draw from now."""
        if phases_n != self._phases_n:
            self._phases_n = phases_n
            self._bind()

    def set_frequency(self, frequency_hz: float | None, now_s: float) -> None:
        """Of the mains, as the meter reads it; a reading without one lifts no ceiling."""
        if frequency_hz is None:
            return
        self._frequency_hz = frequency_hz
        for source, schedule in self._schedules.items():
            if schedule.frequency_bound:
                self._rows[source] = schedule.row(now_s, frequency_hz)
                self._bind()

    def update(self, now_s: float) -> None:
        """Let rows whose time is over go their way, and schedules theirs."""
        if self._next_s is None or now_s < self._next_s:
            return
        for source, row in list(self._rows.items()):
            if row.ends_at_s is not None and now_s >= row.ends_at_s:
                self._end(source, row, now_s)
        self._bind()

    def rows(self) -> tuple[LimitRow, ...]:
        return tuple(self._rows.values())

    def amperes(self, row: LimitRow) -> float:
        """What this row allows a phase; NO_LIMIT_A where it limits no current."""
        limit_a = NO_LIMIT_A if row.limit_a is None else row.limit_a
        if row.power_w is not None:
            limit_a = min(limit_a, row.power_w / self._voltage_v / self._phases_n)
        return max(limit_a, 0.0)

    def _forget(self, source: str) -> None:
        for table in (self._rows, self._kinds, self._schedules):
            table.pop(source, None)
        self._lapsed.discard(source)

    def _end(self, source: str, row: LimitRow, now_s: float) -> None:
        schedule = self._schedules.get(source)
        if schedule is not None and (schedule.lapses_at_s is None or now_s < schedule.lapses_at_s):
            self._rows[source] = schedule.row(now_s, self._frequency_hz)
            return
        lapsed = schedule is not None or self._kinds.get(source) is LimitKind.KEEPALIVE
        self._forget(source)
        if lapsed:
            # Whoever spoke last may have asked for less than the fallback: silence must not raise it.
            fallback_a = min(self.amperes(row), self._fallback_a)
            self._rows[source] = LimitRow(source, fallback_a, row.power_w, row.phases, text="fell silent")
            self._lapsed.add(source)

    def _bind(self) -> None:
        rows = self._rows.values()
        self._next_s = min((r.ends_at_s for r in rows if r.ends_at_s is not None), default=None)
        self.source, self.limit_a = self._smallest(list(rows))
        own = [r for r in rows if r.source in OWN_SOURCES or r.source in self._lapsed]
        self.own_source, self.own_a = self._smallest(own)
        asked = [self.amperes(r) for r in rows if r not in own]
        self.asked_a = min(asked, default=NO_LIMIT_A)
        self.power_w = min((r.power_w for r in rows if r.power_w is not None), default=None)
        self.phases = min((r.phases for r in rows if r.phases is not None), default=None)

    def _smallest(self, rows: list[LimitRow]) -> tuple[str, float]:
        best = min(rows, key=self.amperes, default=None)
        if best is None:
            return "none", 0.0
        limit_a = self.amperes(best)
        return best.source, limit_a if math.isfinite(limit_a) else 0.0
