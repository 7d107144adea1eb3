"""When an event happened and which one it is."""

import msgspec


class Stamp(msgspec.Struct, frozen=True):
    """The sequence-th event of that run of control.

    at_s (monotonic) and at_utc_s are the same instant; readings, which carry monotonic time, get their
    UTC from it.
    """

    at_s: float
    at_utc_s: float
    boot_id: str
    sequence: int
    clock_synchronised: bool = True

    def utc_of(self, monotonic_s: float) -> float:
        return self.at_utc_s + (monotonic_s - self.at_s)
