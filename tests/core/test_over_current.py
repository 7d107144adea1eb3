"""More than offered for longer than allowed: (I + 0.5 A) x 1.10, any phase, 7 s."""

import pytest

from evsed.core.over_current import OverCurrent
from evsed.core.settings import Settings
from hal.types import MeterReading

ALLOWED_AT_16_A = (16.0 + 0.5) * 1.10


class Watched:
    def __init__(self, settings: Settings | None = None) -> None:
        self.over_current = OverCurrent(settings or Settings())
        self.now_s = 0.0

    def run(self, current_a: tuple[float, ...] | None, offered_a: float, seconds: float) -> bool:
        """A new reading every 0.125 s."""
        for _ in range(round(seconds / 0.125)):
            self.now_s += 0.125
            meter = None if current_a is None else MeterReading(self.now_s, 0.0, current_a=current_a)
            self.over_current.update(meter, offered_a)
        return self.over_current.tripped


TOO_MUCH_A = (ALLOWED_AT_16_A + 0.01, 0.0, 0.0)


def test_it_trips_after_seven_seconds_and_not_before() -> None:
    watched = Watched()
    assert not watched.run(TOO_MUCH_A, 16.0, 7.0)
    assert watched.run(TOO_MUCH_A, 16.0, 0.125)


@pytest.mark.parametrize("phase", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_any_phase_counts_whatever_its_direction(phase: int, sign: float) -> None:
    current_a = tuple(sign * TOO_MUCH_A[0] if i == phase else 0.0 for i in range(3))
    assert Watched().run(current_a, 16.0, 8.0)


def test_a_meter_with_one_phase_is_enough() -> None:
    assert Watched().run((TOO_MUCH_A[0],), 16.0, 8.0)


def test_what_is_allowed_never_trips() -> None:
    assert not Watched().run((ALLOWED_AT_16_A, ALLOWED_AT_16_A, ALLOWED_AT_16_A), 16.0, 60.0)


def test_a_moment_within_the_limit_starts_the_time_anew() -> None:
    watched = Watched()
    for _ in range(10):
        assert not watched.run(TOO_MUCH_A, 16.0, 6.875)
        watched.run((16.0, 16.0, 16.0), 16.0, 0.125)


def test_a_lowered_limit_leaves_the_ev_its_seconds() -> None:
    watched = Watched()
    watched.run((32.0, 32.0, 32.0), 32.0, 60.0)
    assert not watched.run((32.0, 32.0, 32.0), 6.0, 5.0)
    assert not watched.run((6.0, 6.0, 6.0), 6.0, 60.0)


@pytest.mark.parametrize(("current_a", "offered_a"), [(None, 16.0), ((99.0,), 0.0), ((), 16.0)])
def test_without_a_reading_or_an_offer_nothing_is_watched(
    current_a: tuple[float, ...] | None, offered_a: float
) -> None:
    assert not Watched().run(current_a, offered_a, 60.0)


def test_a_trip_stays_until_it_is_reset() -> None:
    watched = Watched()
    watched.run(TOO_MUCH_A, 16.0, 8.0)
    assert watched.run((0.0,), 16.0, 60.0)
    watched.over_current.reset()
    assert not watched.run(TOO_MUCH_A, 16.0, 6.875)
    watched.over_current.reset()
    assert not watched.run(TOO_MUCH_A, 16.0, 6.875)


def test_a_meter_that_has_fallen_silent_accuses_nobody() -> None:
    watched = Watched()
    watched.run(TOO_MUCH_A, 16.0, 5.0)
    old = MeterReading(watched.now_s, 0.0, current_a=TOO_MUCH_A)
    for _ in range(1000):
        watched.over_current.update(old, 16.0)
    assert not watched.over_current.tripped


def test_its_numbers_are_settings() -> None:
    strict = Settings(over_current_tolerance=0.0, over_current_noise_a=0.0, over_current_timeout_s=6.0)
    watched = Watched(strict)
    assert not watched.run((16.1,), 16.0, 6.0)
    assert watched.run((16.1,), 16.0, 0.125)
