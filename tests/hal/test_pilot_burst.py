import pytest

from hal.pilot_burst import BurstWindow, evaluate
from hal.sim.adc import BurstSource
from hal.types import CpReading

LEVELS_V = {"A": 12.0, "B": 8.98, "C": 6.0, "D": 2.93}


def burst(source: BurstSource, high_v: float, duty: float, noise_v: float = 0.03) -> tuple[float, ...]:
    source.start()
    return source.half(0, high_v, -12.0, duty, noise_v) + source.half(1, high_v, -12.0, duty, noise_v)


@pytest.mark.parametrize("high_v", LEVELS_V.values(), ids=LEVELS_V.keys())
@pytest.mark.parametrize("duty", [0.1, 0.16, 0.2667, 0.5333, 0.85])
def test_one_burst_finds_both_plateaus_from_10_to_85_percent(high_v: float, duty: float) -> None:
    source = BurstSource(seed=7)
    for _ in range(300):
        reading = evaluate(burst(source, high_v, duty))
        assert reading.high_n >= 3
        assert reading.low_n >= 3
        assert reading.high_v == pytest.approx(high_v, abs=0.25)
        assert reading.low_v == pytest.approx(-12.0, abs=0.25)


def test_plateau_means_are_within_a_tenth_of_a_volt_at_usual_duties() -> None:
    source = BurstSource(seed=7)
    readings = [evaluate(burst(source, 8.98, 0.2667)) for _ in range(200)]
    highs_v = [reading.high_v for reading in readings if reading.high_v is not None]
    assert len(highs_v) == 200
    assert sum(highs_v) / 200 == pytest.approx(8.98, abs=0.1)


@pytest.mark.parametrize(("duty", "share"), [(0.05, 0.95), (0.89, 1.0), (0.93, 1.0), (0.96, 0.85)])
def test_window_finds_short_plateaus(duty: float, share: float) -> None:
    source, window = BurstSource(seed=3), BurstWindow()
    readings = [window.push(burst(source, 8.98, duty), duty) for _ in range(2000)][4:]
    good = [
        reading
        for reading in readings
        if reading.high_v is not None
        and reading.low_v is not None
        and 8.0 < reading.high_v < 9.5
        and -12.5 < reading.low_v < -11.0
    ]
    assert len(good) >= share * len(readings)


def test_samples_on_edges_count_for_neither_plateau() -> None:
    reading = evaluate([9.0] * 10 + [3.0, 5.0, -4.0] + [-12.0] * 20)
    assert reading == CpReading(9.0, -12.0, 10, 20)


def test_a_single_outlier_leads_neither_cluster() -> None:
    reading = evaluate([14.0] + [9.0] * 10 + [-12.0] * 10 + [-15.0])
    assert reading == CpReading(9.0, -12.0, 10, 10)


def test_two_samples_are_too_few_for_a_plateau() -> None:
    assert evaluate([9.0, 9.1] + [-12.0] * 62) == CpReading(None, -12.0, 2, 62)


def test_static_pilot_reads_the_same_high_and_low() -> None:
    reading = evaluate([8.9, 9.0, 9.1] * 20)
    assert reading.high_v == reading.low_v == pytest.approx(9.0)
    assert reading.high_n == reading.low_n == 60


def test_noise_wider_than_one_cluster_is_still_a_static_pilot() -> None:
    spread = [9.0 + 0.02 * step for step in range(-25, 26)]
    reading = evaluate(spread)
    assert reading.high_v == reading.low_v


@pytest.mark.parametrize("samples_v", [[], [9.0], [9.0, 9.0]])
def test_fewer_than_three_samples_are_no_reading(samples_v: list[float]) -> None:
    reading = evaluate(samples_v)
    assert reading == CpReading(None, None, len(samples_v), len(samples_v))


def test_window_shows_a_change_in_the_first_burst_that_sees_it() -> None:
    window = BurstWindow()
    for _ in range(4):
        window.push([9.0] * 20 + [-12.0] * 44, 0.3)
    assert window.push([6.0] * 20 + [-12.0] * 44, 0.3).high_v == 6.0
    assert window.push([12.0] * 3 + [6.0] * 17 + [-12.0] * 44, 0.3).high_v == 12.0


def test_window_takes_no_high_plateau_from_older_bursts_when_the_newest_has_one() -> None:
    window = BurstWindow()
    for _ in range(3):
        window.push([9.0] * 61 + [-12.0] * 3, 0.96)
    assert window.push([6.0] * 63 + [-12.0], 0.96) == CpReading(6.0, -12.0, 63, 10)


def test_window_forgets_at_a_new_duty() -> None:
    window = BurstWindow()
    window.push([9.0] * 61 + [-12.0] * 3, 0.96)
    assert window.push([9.0] * 62 + [-12.0] * 2, 0.95) == CpReading(9.0, None, 62, 2)


def test_window_reaches_back_four_bursts_and_no_further() -> None:
    window = BurstWindow()
    window.push([9.0] * 61 + [-12.0] * 3, 0.96)
    readings = [window.push([9.0] * 64, 0.96) for _ in range(4)]
    assert [reading.low_v for reading in readings] == [-12.0, -12.0, -12.0, None]


def test_a_burst_without_low_samples_does_not_look_like_a_static_pilot() -> None:
    reading = BurstWindow().push([9.0] * 64, 0.96)
    assert reading == CpReading(9.0, None, 64, 0)


@pytest.mark.parametrize("duty", [0.05, 0.3, 0.96])
def test_a_shorted_pilot_is_seen_in_one_burst_at_any_duty(duty: float) -> None:
    window = BurstWindow()
    for _ in range(4):
        window.push([9.0] * 20 + [-12.0] * 44, duty)
    assert window.push([0.0] * 64, duty).high_v == 0.0


def test_below_10_percent_a_few_samples_may_all_be_edges_and_are_no_high_plateau() -> None:
    window = BurstWindow()
    assert window.push([5.9, 6.2, 6.5] + [-12.0] * 61, 0.05) == CpReading(None, -12.0, 3, 61)
    assert window.push([8.9, 9.0, 9.1] + [-12.0] * 61, 0.05) == CpReading(None, -12.0, 3, 61)
    reading = window.push([8.9, 9.0, 9.1] + [-12.0] * 61, 0.05)
    assert reading.high_v == pytest.approx(9.0)
    assert reading.high_n == 6


def test_below_10_percent_six_samples_are_more_than_edges() -> None:
    assert BurstWindow().push([9.0] * 6 + [-12.0] * 58, 0.08) == CpReading(9.0, -12.0, 6, 58)
    assert BurstWindow().push([9.0] * 5 + [-12.0] * 59, 0.08) == CpReading(None, -12.0, 5, 59)
    assert BurstWindow().push([9.0] * 3 + [-12.0] * 61, 0.1) == CpReading(9.0, -12.0, 3, 61)


def test_above_90_percent_a_few_samples_that_are_not_deep_may_be_edges_and_are_no_low_plateau() -> None:
    window = BurstWindow()
    assert window.push([9.0] * 60 + [-8.8] * 4, 0.96) == CpReading(9.0, None, 60, 4)
    assert window.push([9.0] * 61 + [-8.8] * 3, 0.96) == CpReading(9.0, None, 61, 7)
    assert window.push([9.0] * 61 + [-8.8] * 3, 0.96).low_v == pytest.approx(-8.8)
    assert BurstWindow().push([9.0] * 61 + [-11.0] * 3, 0.96) == CpReading(9.0, -11.0, 61, 3)


def test_a_shorted_diode_shows_within_a_hundred_bursts_at_96_percent() -> None:
    source = BurstSource(seed=9)
    for _ in range(30):
        window = BurstWindow()
        readings = [window.push(shorted(source), 0.96) for _ in range(100)]
        mirrored = [r for r in readings if r.low_v is not None and r.low_v == pytest.approx(-8.8, abs=0.7)]
        assert len(mirrored) >= 3


def shorted(source: BurstSource) -> tuple[float, ...]:
    source.start()
    return source.half(0, 8.8, -8.8, 0.96, 0.03) + source.half(1, 8.8, -8.8, 0.96, 0.03)
