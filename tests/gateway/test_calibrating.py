"""A calibration on its way into the board's EEPROM."""

import asyncio

import pytest

from evsed.gateway.calibrating import NO_EEPROM, keep
from hal.board_record import BoardRecords, pilot_calibration
from hal.drivers.eeprom_i2c import EEPROM_TYPES, board_eeprom
from hal.drivers.i2c_bus import I2cChip
from hal.errors import DeviceFailed, HalError
from hal.types import BoardRecord, Calibration, CalibrationSource, PilotCalibration
from tests.hal.drivers.i2c_bench import EepromChip, FakeBus, FakeClock

FOUND = Calibration(1.01, -0.05)
RAIL = Calibration(0.99, 0.0)
BEFORE = BoardRecord("EV-0001 \u00e4", {"cp": Calibration(1.02, 0.1), "plus_12": RAIL})


class Bench:
    def __init__(self) -> None:
        clock = FakeClock()
        self.chip = EepromChip(clock, 4096, 32, 2)
        self.bus = FakeBus(clock, x50=self.chip)
        chip = I2cChip("EEPROM", "/dev/i2c-1", 0x50, self.bus)
        self.eeprom: BoardRecords = board_eeprom(chip, EEPROM_TYPES["24c32"], clock)

    def keep(self) -> dict:
        return asyncio.run(keep(self.eeprom, FOUND))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_serial_number_and_other_calibrations_stay(bench: Bench) -> None:
    bench.eeprom.write(BEFORE)
    assert bench.keep() == {"eeprom": "EEPROM at 0x50 on /dev/i2c-1", "serial_number": "EV-0001 \u00e4"}
    assert bench.eeprom.read() == BoardRecord(BEFORE.serial_number, {"cp": FOUND, "plus_12": RAIL})
    assert pilot_calibration(bench.eeprom) == (PilotCalibration(FOUND, CalibrationSource.EEPROM), ())


def test_an_empty_chip_takes_a_record_without_serial_number(bench: Bench) -> None:
    assert bench.keep()["serial_number"] == ""
    assert bench.eeprom.read() == BoardRecord("", {"cp": FOUND})


@pytest.mark.parametrize("pages_n", range(4))
def test_a_power_cut_leaves_the_record_before_or_the_new_one(bench: Bench, pages_n: int) -> None:
    bench.eeprom.write(BEFORE)
    bench.chip.pages_left = pages_n
    with pytest.raises(HalError):
        bench.keep()
    bench.chip.pages_left = 100
    found = bench.eeprom.read()
    assert found in (BEFORE, BoardRecord(BEFORE.serial_number, {"cp": FOUND, "plus_12": RAIL}))
    assert found is not None


def test_a_board_without_an_eeprom_that_answers_says_why(bench: Bench) -> None:
    assert asyncio.run(keep(None, FOUND)) == {"eeprom": None, "why": NO_EEPROM}
    bench.bus.chips.clear()
    answer = bench.keep()
    assert answer["eeprom"] is None
    assert "does not answer" in answer["why"]


def test_somebody_else_s_bytes_are_not_written_over(bench: Bench) -> None:
    bench.chip.cells[:] = foreign = bytes(range(256)) * 16
    with pytest.raises(DeviceFailed, match="no record of ours"):
        bench.keep()
    assert bench.chip.cells == foreign


def test_a_write_protected_chip_is_a_failure(bench: Bench) -> None:
    bench.eeprom.write(BEFORE)
    bench.chip.write_protected = True
    with pytest.raises(DeviceFailed, match="write protected"):
        bench.keep()
    assert bench.eeprom.read() == BEFORE
