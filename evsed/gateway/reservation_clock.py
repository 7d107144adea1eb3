"""Expiry dates of reservations on the monotonic clock, although the wall clock may be wrong or be set.

Rule: no date is judged by a clock that is not synchronised; once it is, or has been set, it is judged anew.
"""

import msgspec

from evsed.api.operations import Moment
from evsed.core.commands import Reservation, SetReservationExpiry

SET_S = 0.5  # a wall clock that has moved this much against the monotonic one counts as set


def judged(reservation: Reservation | None, moment: Moment) -> Reservation | None:
    """As it was stored -> with the expires_at_s of this run, None while it cannot be known."""
    if reservation is None:
        return None
    return msgspec.structs.replace(reservation, expires_at_s=_expires_at_s(reservation, moment))


def _expires_at_s(reservation: Reservation, moment: Moment) -> float | None:
    if reservation.expiry_utc_s is None or not moment.synchronised:
        return None
    return moment.monotonic_of(reservation.expiry_utc_s)


class ReservationClock:
    """Asked once a second whether a reservation's expiry must be judged anew."""

    def __init__(self) -> None:
        self._offset_s: float | None = None  # UTC - monotonic when dates were last judged

    def check(self, reservation: Reservation | None, moment: Moment) -> SetReservationExpiry | None:
        offset_s = moment.utc_s - moment.now_s
        known = self._offset_s is not None and abs(offset_s - self._offset_s) < SET_S
        if known or not moment.synchronised:
            return None
        self._offset_s = offset_s
        if reservation is None or reservation.expiry_utc_s is None:
            return None
        return SetReservationExpiry(moment.monotonic_of(reservation.expiry_utc_s))
