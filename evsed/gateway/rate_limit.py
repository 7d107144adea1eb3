"""One line now, the rest counted."""


class RateLimit:
    """Lets one through every period_s and knows how many it has held back since."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._next_s = float("-inf")
        self._held_n = 0

    def allow(self, now_s: float) -> int | None:
        """None: hold this one back. Else how many were held back since the last one."""
        if now_s < self._next_s:
            self._held_n += 1
            return None
        held_n, self._held_n = self._held_n, 0
        self._next_s = now_s + self._period_s
        return held_n
