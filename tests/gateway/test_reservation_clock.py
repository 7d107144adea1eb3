"""Expiry dates against clocks that are wrong, get right, or are set."""

import msgspec
import pytest

from evsed.api.operations import Moment
from evsed.core.commands import Reservation, SetReservationExpiry
from evsed.gateway.reservation_clock import ReservationClock, judged

UTC_S = 1_800_000_000.0
RESERVED = Reservation(7, "CAFE", expires_at_s=1.0, expiry_utc_s=UTC_S + 60.0)
RIGHT = Moment(100.0, UTC_S, synchronised=True)
WRONG = Moment(100.0, 5.0, synchronised=False)


def later(moment: Moment, seconds: float, set_by_s: float = 0.0) -> Moment:
    return msgspec.structs.replace(
        moment, now_s=moment.now_s + seconds, utc_s=moment.utc_s + seconds + set_by_s
    )


def test_a_stored_reservation_gets_the_time_of_this_run() -> None:
    assert judged(RESERVED, RIGHT) == msgspec.structs.replace(RESERVED, expires_at_s=160.0)


def test_no_date_is_judged_by_a_clock_that_is_not_synchronised() -> None:
    assert judged(RESERVED, WRONG) == msgspec.structs.replace(RESERVED, expires_at_s=None)


@pytest.mark.parametrize("moment", [RIGHT, WRONG])
def test_without_a_date_it_never_expires(moment: Moment) -> None:
    assert judged(Reservation(7, expires_at_s=1.0), moment) == Reservation(7)
    assert judged(None, moment) is None


def test_the_date_is_judged_once_at_the_first_synchronisation() -> None:
    clock = ReservationClock()
    assert clock.check(RESERVED, WRONG) is None
    assert clock.check(RESERVED, RIGHT) == SetReservationExpiry(160.0)
    assert clock.check(RESERVED, later(RIGHT, 1.0)) is None


def test_the_date_is_judged_once_more_when_the_clock_has_been_set() -> None:
    clock = ReservationClock()
    clock.check(RESERVED, RIGHT)
    ahead = later(RIGHT, 1.0, set_by_s=30.0)
    assert clock.check(RESERVED, ahead) == SetReservationExpiry(130.0)
    assert clock.check(RESERVED, later(ahead, 1.0)) is None


def test_a_clock_that_is_slewed_is_not_set() -> None:
    clock = ReservationClock()
    clock.check(RESERVED, RIGHT)
    assert clock.check(RESERVED, later(RIGHT, 1.0, set_by_s=0.4)) is None


@pytest.mark.parametrize("reservation", [None, Reservation(7)])
def test_where_there_is_no_date_there_is_nothing_to_say(reservation: Reservation | None) -> None:
    assert ReservationClock().check(reservation, RIGHT) is None
