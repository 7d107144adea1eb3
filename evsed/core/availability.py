"""Who wants the EVSE enabled or disabled, and who wins (behaviour of EVerest's enable_disable table)."""

from evsed.core.commands import AvailabilityRow, EnableSource, EnableState

AT_BOOT = AvailabilityRow(EnableSource.UNSPECIFIED, EnableState.ENABLE, 10000)
_NOBODY = AvailabilityRow(EnableSource.UNSPECIFIED, EnableState.UNASSIGNED, 10000)


def winner_of(rows: tuple[AvailabilityRow, ...]) -> AvailabilityRow:
    """The row that decides.

    The lowest number wins; at equal numbers Disable beats Enable, an older Enable stays, a later Disable
    takes over. Unassigned rows do not count; with none left the EVSE is enabled.
    """
    best: AvailabilityRow | None = None
    for row in rows:
        if row.enable_state is not EnableState.UNASSIGNED and (best is None or _beats(row, best)):
            best = row
    return best or _NOBODY


def _beats(row: AvailabilityRow, best: AvailabilityRow) -> bool:
    if row.enable_priority != best.enable_priority:
        return row.enable_priority < best.enable_priority
    return row.enable_state is EnableState.DISABLE


class Availability:
    """The table, one row a source in the order of their arrival, and its winner.

    disable_due: a Disable has won that has not been carried out yet; it stays due when an Enable follows
    before the session has been ended, so that a client sees Disabled and then Enabled, in this order.
    """

    __slots__ = ("disable_due", "last_disable", "rows", "winner")

    def __init__(self) -> None:
        self.rows: tuple[AvailabilityRow, ...] = (AT_BOOT,)
        self.winner = AT_BOOT
        self.last_disable = AT_BOOT  # the winner when the EVSE was last disabled
        self.disable_due = False

    @property
    def enabled(self) -> bool:
        return self.winner.enable_state is not EnableState.DISABLE

    def put(self, row: AvailabilityRow) -> None:
        """Replace this source's row; a changed row counts as the newest."""
        if row not in self.rows:
            self.restore((*(r for r in self.rows if r.enable_source is not row.enable_source), row))

    def restore(self, rows: tuple[AvailabilityRow, ...]) -> None:
        was_enabled = self.enabled
        self.rows = rows or (AT_BOOT,)
        self.winner = winner_of(self.rows)
        if was_enabled and not self.enabled:
            self.disable_due, self.last_disable = True, self.winner
