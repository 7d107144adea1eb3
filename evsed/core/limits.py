"""Every ceiling on the current, each a row with its source; the smallest binds."""

from evsed.core.commands import LimitKind, SetLimit
from evsed.core.inputs import LimitRow

INSTALLATION = "installation"
CABLE = "cable"
METER_SILENT = "meter_silent"
OWN_SOURCES = frozenset((INSTALLATION, CABLE, METER_SILENT))  # nobody else may write these rows


class _Row:
    __slots__ = ("end_s", "kind", "limit_a")

    def __init__(self, limit_a: float, kind: LimitKind, end_s: float | None) -> None:
        self.limit_a, self.kind, self.end_s = limit_a, kind, end_s


class Limits:
    """The table. limit_a and source are those of the binding row; kept up to date by update()."""

    __slots__ = ("_fallback_a", "_next_end_s", "_rows", "limit_a", "source")

    def __init__(self, fallback_a: float) -> None:
        self._rows: dict[str, _Row] = {}
        self._fallback_a = fallback_a
        self._next_end_s: float | None = None
        self.limit_a = 0.0
        self.source = "none"

    def put(self, source: str, limit_a: float) -> None:
        """A standing row of our own; the same value again costs nothing."""
        row = self._rows.get(source)
        if row is None or row.limit_a != limit_a:
            self._rows[source] = _Row(limit_a, LimitKind.STANDING, None)
            self._bind()

    def set(self, command: SetLimit, now_s: float) -> None:
        end_s = None if command.duration_s is None else now_s + command.duration_s
        self._rows[command.source] = _Row(command.limit_a, command.kind, end_s)
        self._bind()

    def clear(self, source: str) -> None:
        if self._rows.pop(source, None) is not None:
            self._bind()

    def update(self, now_s: float) -> None:
        """Let rows whose time is over go their way."""
        if self._next_end_s is not None and now_s >= self._next_end_s:
            for source, row in list(self._rows.items()):
                if row.end_s is not None and now_s >= row.end_s:
                    self._end(source, row)
            self._bind()

    def rows(self) -> tuple[LimitRow, ...]:
        return tuple(LimitRow(source, row.limit_a) for source, row in self._rows.items())

    def _end(self, source: str, row: _Row) -> None:
        if row.kind is LimitKind.KEEPALIVE:
            # Whoever spoke last may have asked for less than the fallback: silence must not raise it.
            self._rows[source] = _Row(min(row.limit_a, self._fallback_a), LimitKind.STANDING, None)
        else:
            del self._rows[source]

    def _bind(self) -> None:
        self._next_end_s = min((r.end_s for r in self._rows.values() if r.end_s is not None), default=None)
        self.source, row = min(self._rows.items(), key=lambda item: item[1].limit_a, default=("none", None))
        self.limit_a = max(row.limit_a, 0.0) if row else 0.0
