"""What `systemctl status evsed` shows of the charging point in one line (STATUS= of sd_notify(3)).

Rule: sent when it has changed, at most once a second, never waiting for the service manager.
"""

from evsed.core.inputs import Snapshot
from evsed.service import Notifier

EVERY_S = 1.0


class StatusLine:
    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._shown = ""
        self._next_s = float("-inf")

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """To be called again and again: what comes too soon after another line is shown later."""
        if now_s < self._next_s:
            return
        line = status_line(snapshot)
        if line != self._shown and self._notifier.notify(f"STATUS={line}"):
            self._shown, self._next_s = line, now_s + EVERY_S


def status_line(s: Snapshot) -> str:
    """State, offered current, energy of the transaction, and what limits."""
    parts = [s.state.value, f"{s.offered_a:g} A offered", f"limit {s.limit_a:g} A by {s.limit_source}"]
    if s.charged_wh is not None:
        parts.insert(2, f"{s.charged_wh / 1000:.2f} kWh")
    if s.faults:
        parts.append("faults: " + ", ".join(s.faults))
    return ", ".join(parts)
