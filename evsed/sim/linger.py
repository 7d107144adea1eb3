"""When a world without an evsed ends."""


class Linger:
    """Starts to count at start_s (monotonic), as if an owner had left then."""

    def __init__(self, start_s: float) -> None:
        self._left_at_s = start_s

    def touch(self, now_s: float) -> None:
        """Somebody who will own the lines is on the way."""
        self._left_at_s = now_s

    def over(self, owned: bool, linger_s: float, now_s: float) -> bool:
        """Nobody has owned the lines for linger_s; 0 is for ever."""
        if owned:
            self._left_at_s = now_s
        return 0.0 < linger_s <= now_s - self._left_at_s
