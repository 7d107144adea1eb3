import errno
import itertools

import pytest

from hal.calibration import Point, from_points
from hal.drivers.mcp3208 import (
    Divider,
    Mcp3208PilotIn,
    Mcp3208ProximityIn,
    Mcp3208RailsIn,
    ProximityChannel,
    RailChannels,
    VoltageChannel,
    codes_of,
    frame_of,
)
from hal.drivers.spi_burst import SpiDevice
from hal.errors import DeviceFailed
from hal.types import Calibration, CpReading, Missing, PpReading, RailsReading
from tests.hal.drivers.spi_bench import PILOT, REFERENCE_V, FakeAdc, FakePort, Pilot, pilot_node_v

LEVELS_V = {"A": (12.0, -12.0), "B": (8.98, -12.0), "C": (6.0, -12.0), "D": (2.93, -12.0)}
LSB_V = 0.0081  # of the pilot


class Bench:
    """A pilot, the carrier board's conditioning, the chip, and the driver over it."""

    def __init__(self, tmp_path, channel=PILOT):
        (tmp_path / "bufsiz").write_text("16384")
        self.pilot = Pilot(12.0, -12.0, 1.0)
        self.conditioning = pilot_node_v
        self.adc = FakeAdc(ch0=lambda at_s: self.conditioning(self.pilot(at_s)))
        ticks = itertools.count(1)
        self.spi = spi_of(self.adc, tmp_path)
        self.driver = Mcp3208PilotIn(
            self.spi, channel, REFERENCE_V, lambda: self.pilot.duty, lambda: float(next(ticks))
        )

    def shows(self, *pilot):
        """The arguments are those of Pilot."""
        self.pilot = Pilot(*pilot)
        return self.driver.read()

    def forget(self):
        """An outage, after which no older burst counts."""
        self.adc.error = errno.EIO
        self.driver.read()
        self.adc.error = None


def spi_of(adc, tmp_path):
    (tmp_path / "bufsiz").write_text("16384")
    return SpiDevice(
        "MCP3208", "/dev/spidev0.0", 1_000_000, tmp_path / "bufsiz", lambda _: FakePort(), adc.ioctl
    )


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_frames_are_those_of_the_data_sheet():
    assert [frame_of(channel).hex() for channel in (0, 3, 4, 7)] == ["060000", "06c000", "070000", "07c000"]
    for channel in (-1, 8):
        with pytest.raises(ValueError, match="channels 0 to 7"):
            frame_of(channel)


def test_bits_that_the_chip_does_not_drive_are_ignored_and_the_null_bit_is_not():
    assert codes_of([0xFFEABC, 0x000ABC]) == [0xABC, 0xABC]
    with pytest.raises(DeviceFailed, match="null bit is high"):
        codes_of([0x000ABC, 0xFFFFFF])


@pytest.mark.parametrize("volts", [-15.0, -12.0, 0.0, 2.93, 12.0, 15.0])
def test_the_divider_turns_the_pin_back_into_the_pilot(volts):
    assert PILOT.divider.input_v(pilot_node_v(volts), REFERENCE_V) == pytest.approx(volts)


def test_a_divider_without_pull_up_is_a_plain_one():
    assert Divider(30e3, 10e3).input_v(3.0, REFERENCE_V) == pytest.approx(12.0)


@pytest.mark.parametrize(("high_v", "low_v"), LEVELS_V.values(), ids=LEVELS_V)
@pytest.mark.parametrize("duty", [0.1, 0.2667, 0.5333, 0.85])
def test_a_burst_in_one_system_call_finds_both_plateaus(bench, high_v, low_v, duty):
    bench.adc.noise_v = 0.003
    for phase in range(20):
        reading = bench.shows(high_v, low_v, duty, phase * 53e-6)
        assert reading.high_v == pytest.approx(high_v, abs=0.25)
        assert reading.low_v == pytest.approx(low_v, abs=0.25)
        assert reading.high_n + reading.low_n <= 64
        assert min(reading.high_n, reading.low_n) >= 3
    assert [len(message) for message in bench.adc.asked] == [64] * 20
    assert set(itertools.chain.from_iterable(bench.adc.asked)) == {0}


@pytest.mark.parametrize(("duty", "volts"), [(1.0, 9.0), (0.0, -12.0)])
def test_a_static_pilot_reads_alike_high_and_low_with_all_samples(bench, duty, volts):
    reading = bench.shows(9.0, -12.0, duty)
    assert reading.high_v == reading.low_v == pytest.approx(volts, abs=LSB_V)
    assert (reading.high_n, reading.low_n) == (64, 64)


def test_a_shorted_diode_shows_as_a_mirrored_low_plateau(bench):
    reading = bench.shows(8.8, -8.8, 0.5)
    assert reading.low_v == pytest.approx(-8.8, abs=0.1)


def test_at_96_percent_the_low_plateau_is_put_together_from_several_bursts(bench):
    readings = [bench.shows(9.0, -12.0, 0.96, burst * 271e-6) for burst in range(12)]
    found = [reading for reading in readings[4:] if reading.low_v is not None]
    assert len(found) >= 7
    assert all(reading.low_v == pytest.approx(-12.0, abs=0.7) for reading in found)


def test_bursts_of_another_duty_are_not_put_together(bench):
    for burst in range(4):
        bench.shows(9.0, -12.0, 0.96, burst * 271e-6)
    assert bench.shows(9.0, -12.0, 0.97, 0.0).low_v is None


def test_calibration_removes_the_board_s_errors_from_the_next_burst_on(bench):
    bench.conditioning = lambda volts: 1.02 * pilot_node_v(volts) + 0.01
    low_v, high_v = bench.shows(12.0, -12.0, 0.0).low_v, bench.shows(12.0, -12.0, 1.0).high_v
    assert high_v > 12.3
    bench.driver.calibrate(from_points(Point(low_v, -12.0), Point(high_v, 12.0)))
    for volts in (-12.0, 2.93, 6.0, 8.98, 12.0):
        assert bench.shows(volts, -12.0, 1.0).high_v == pytest.approx(volts, abs=2 * LSB_V)
    assert bench.driver.calibration.apply(high_v) == pytest.approx(12.0)


def test_calibration_can_come_with_the_channel(tmp_path):
    channel = VoltageChannel(0, PILOT.divider, Calibration(1.0, 0.5))
    bench = Bench(tmp_path, channel)
    assert bench.shows(9.0, -12.0, 1.0).high_v == pytest.approx(9.5, abs=LSB_V)


# fmt: off
TROUBLE = [
    ({"null_bit": 1},             "no answer (the null bit is high); check supply, chip select and MISO"),
    ({"node_v": {0: lambda _: 0.0}}, "control pilot reads 0 on every sample; check MISO"),
    ({"node_v": {0: lambda _: 4.0}}, "control pilot reads 4095 on every sample"),
    ({"error": errno.EIO},        "transfer on /dev/spidev0.0 failed: Input/output error"),
    ({"error": errno.ENODEV},     "/dev/spidev0.0 went away during a transfer"),
]
# fmt: on


@pytest.mark.parametrize(("spoil", "text"), TROUBLE)
def test_trouble_is_missing_since_the_first_failure_and_over_with_the_next_good_burst(bench, spoil, text):
    good = {name: getattr(bench.adc, name) for name in spoil}
    assert isinstance(bench.shows(9.0, -12.0, 1.0), CpReading)
    for name, value in spoil.items():
        setattr(bench.adc, name, value)
    first, second = bench.driver.read(), bench.driver.read()
    assert text in first.reason
    assert first == second == Missing(first.reason, 1.0)
    for name, value in good.items():
        setattr(bench.adc, name, value)
    assert isinstance(bench.driver.read(), CpReading)
    bench.adc.error = errno.EIO
    assert bench.driver.read().since_s == 2.0


def test_an_outage_ends_the_memory_of_older_bursts(bench):
    for burst in range(4):
        bench.shows(9.0, -12.0, 0.96, burst * 271e-6)
    bench.adc.error = errno.EIO
    bench.driver.read()
    bench.adc.error = None
    assert bench.shows(9.0, -12.0, 0.96, 0.0).low_v is None


@pytest.mark.parametrize("resistance_ohm", [0.0, 60.0, 100.0, 220.0, 680.0, 1500.0, 4500.0])
def test_proximity_is_read_in_ohms(tmp_path, resistance_ohm):
    node_v = REFERENCE_V * resistance_ohm / (1000.0 + resistance_ohm)
    adc = FakeAdc(ch3=lambda at_s: node_v)
    proximity = Mcp3208ProximityIn(spi_of(adc, tmp_path), ProximityChannel(3, 1000.0))
    reading = proximity.read()
    assert isinstance(reading, PpReading)
    assert reading.resistance_ohm == pytest.approx(resistance_ohm, rel=0.01, abs=0.5)
    assert adc.asked == [[3] * 5]


def test_no_plug_reads_above_4500_ohm_and_one_disturbed_sample_does_not_count(tmp_path):
    volts = iter([3.3, 3.3, 0.5, 3.3, 3.3])
    adc = FakeAdc(ch3=lambda at_s: next(volts))
    proximity = Mcp3208ProximityIn(spi_of(adc, tmp_path), ProximityChannel(3, 1000.0))
    assert proximity.read().resistance_ohm > 4500.0


def test_proximity_without_a_chip_is_missing(tmp_path):
    adc = FakeAdc(ch3=lambda at_s: 1.0)
    proximity = Mcp3208ProximityIn(spi_of(adc, tmp_path), ProximityChannel(3, 1000.0), lambda: 5.0)
    adc.null_bit = 1
    missing = proximity.read()
    assert missing == Missing(missing.reason, 5.0)


def test_the_rails_are_read_in_one_system_call_each_by_its_own_divider(tmp_path):
    channels = RailChannels(
        VoltageChannel(4, Divider(100e3, 20e3)),
        VoltageChannel(5, PILOT.divider),
        VoltageChannel(6, Divider(10e3, 10e3)),
    )
    adc = FakeAdc(ch4=lambda _: 11.9 / 6, ch5=lambda _: pilot_node_v(-11.8), ch6=lambda _: 5.1 / 2)
    rails = Mcp3208RailsIn(spi_of(adc, tmp_path), channels, REFERENCE_V, lambda: 7.0)
    reading = rails.read()
    assert isinstance(reading, RailsReading)
    assert reading.plus_12_v == pytest.approx(11.9, abs=0.01)
    assert reading.minus_12_v == pytest.approx(-11.8, abs=0.01)
    assert reading.plus_5_v == pytest.approx(5.1, abs=0.01)
    assert adc.asked == [[4] * 5 + [5] * 5 + [6] * 5]
    adc.error = errno.EIO
    assert rails.read().since_s == 7.0
