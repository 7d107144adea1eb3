import errno
import zlib

import msgspec
import pytest

from hal.drivers.eeprom_i2c import EEPROM_TYPES, board_eeprom
from hal.drivers.i2c_bus import I2cChip
from hal.errors import DeviceFailed, DeviceMissing
from hal.types import BoardRecord, Calibration
from tests.hal.drivers.i2c_bench import EepromChip, FakeBus, FakeClock

RECORD = BoardRecord("EV-000123", {"cp": Calibration(1.0123, -0.045), "plus_12": Calibration(0.99, 0.0)})
OTHER = BoardRecord("EV-000123", {"cp": Calibration(1.0, 0.5)})


class Bench:
    def __init__(self, name):
        self.type = EEPROM_TYPES[name]
        self.clock = FakeClock()
        self.chip = EepromChip(
            self.clock, self.type.size_bytes, self.type.page_bytes, self.type.address_bytes
        )
        self.bus = FakeBus(self.clock, x50=self.chip)
        self.eeprom = self.again()

    def again(self):
        """A driver that has just been started."""
        return board_eeprom(I2cChip("EEPROM", "/dev/i2c-1", 0x50, self.bus), self.type, self.clock)

    def flip(self, at):
        self.chip.cells[at] ^= 1


@pytest.fixture
def bench():
    return Bench("24c32")


def test_a_chip_that_was_never_written_holds_no_record(bench):
    assert bench.eeprom.read() is None


@pytest.mark.parametrize("name", EEPROM_TYPES)
def test_what_is_written_is_read_by_the_next_process(name):
    bench = Bench(name)
    bench.eeprom.write(RECORD)
    assert bench.again().read() == RECORD
    bench.eeprom.write(OTHER)
    assert bench.again().read() == OTHER
    assert bench.again().read() == OTHER


@pytest.mark.parametrize("name", EEPROM_TYPES)
def test_no_write_runs_over_the_end_of_a_page(name):
    bench = Bench(name)
    bench.eeprom.write(RECORD)
    bench.eeprom.write(OTHER)
    page_n = bench.type.page_bytes
    assert len(bench.chip.writes) > 2
    assert all(at // page_n == (at + count_n - 1) // page_n for at, count_n in bench.chip.writes)


def test_each_page_waits_for_the_one_before_and_no_longer_than_needed(bench):
    started_s = bench.clock.now_s()
    bench.eeprom.write(RECORD)
    pages_n = len(bench.chip.writes)
    taken_s = bench.clock.now_s() - started_s
    assert pages_n * 0.005 <= taken_s < pages_n * 0.012 + 0.05


def test_a_slow_clone_is_waited_for_and_one_that_stays_deaf_is_not(bench):
    bench.chip.write_s = 0.015
    bench.eeprom.write(RECORD)
    assert bench.eeprom.read() == RECORD
    bench.chip.write_s = 1.0
    started_s = bench.clock.now_s()
    with pytest.raises(DeviceMissing, match="EEPROM at 0x50 on /dev/i2c-1 does not answer"):
        bench.eeprom.write(OTHER)
    assert bench.clock.now_s() - started_s < 0.2


def test_writes_go_to_the_older_copy_in_turn(bench):
    for place, record in enumerate((RECORD, OTHER, RECORD, OTHER)):
        bench.chip.writes.clear()
        bench.eeprom.write(record)
        assert {at // (bench.type.size_bytes // 2) for at, _ in bench.chip.writes} == {place % 2}


@pytest.mark.parametrize("pages_n", [0, 1, 2])
def test_a_power_cut_during_a_write_leaves_the_record_before(bench, pages_n):
    bench.eeprom.write(RECORD)
    bench.chip.pages_left = pages_n
    with pytest.raises(DeviceMissing):
        bench.eeprom.write(OTHER)
    bench.chip.pages_left = 100
    assert bench.again().read() == RECORD
    bench.again().write(OTHER)
    assert bench.again().read() == OTHER


@pytest.mark.parametrize("at", [0, 4, 5, 8, 9, 20, 30])
def test_a_flipped_bit_makes_the_copy_count_no_more(bench, at):
    bench.eeprom.write(RECORD)
    bench.eeprom.write(OTHER)
    bench.flip((bench.type.size_bytes // 2) + at)
    assert bench.again().read() == RECORD
    bench.flip(at)
    with pytest.raises(DeviceFailed, match=r"copy 0: .*; EEPROM at 0x50 on /dev/i2c-1, copy 1: .*calibrate"):
        bench.again().read()
    bench.again().write(RECORD)
    assert bench.again().read() == RECORD


def test_the_sequence_goes_round_at_16_bit(bench):
    """The header by hand: magic, version, sequence, length; CRC-32 of all before it."""
    body = msgspec.msgpack.encode({"serial_number": "old", "calibrations": {}})
    sealed = b"EVSE" + b"\x01" + b"\xff\xfe" + len(body).to_bytes(2) + body
    data = sealed + zlib.crc32(sealed).to_bytes(4)
    bench.chip.cells[: len(data)] = data
    assert bench.eeprom.read() == BoardRecord("old")
    for serial in ("a", "b", "c", "d"):
        bench.eeprom.write(BoardRecord(serial))
        assert bench.again().read() == BoardRecord(serial)
    assert bench.chip.cells[5:7] == b"\x00\x02"


def test_a_write_protected_chip_is_noticed(bench):
    bench.chip.write_protected = True
    with pytest.raises(DeviceFailed, match="reads back other bytes than written; is it write protected"):
        bench.eeprom.write(RECORD)


def test_a_record_larger_than_its_place_is_refused_before_anything_is_written():
    bench = Bench("24c02")
    with pytest.raises(DeviceFailed, match="room is for 128"):
        bench.eeprom.write(BoardRecord("x" * 130))
    assert bench.chip.writes == []


def test_a_calibration_beyond_tolerance_is_neither_written_nor_read(bench):
    bad = BoardRecord("EV-1", {"cp": Calibration(1.5, 0.0)})
    with pytest.raises(DeviceFailed, match=r"gain 1\.5000"):
        bench.eeprom.write(bad)
    assert bench.chip.writes == []


def test_a_record_of_a_later_version_is_told_as_such(bench):
    bench.eeprom.write(RECORD)
    bench.chip.cells[4] = 2
    with pytest.raises(DeviceFailed, match="record of version 2, known is 1"):
        bench.again().read()


def test_somebody_else_s_bytes_are_no_record(bench):
    bench.chip.cells[:] = bytes(range(256)) * 16
    with pytest.raises(DeviceFailed, match="no record of ours"):
        bench.eeprom.read()


def test_a_sealed_body_that_is_no_record_counts_as_damage(bench):
    sealed = b"EVSE" + b"\x01" + b"\x00\x00" + b"\x00\x02" + b"\x91\x05"
    data = sealed + zlib.crc32(sealed).to_bytes(4)
    bench.chip.cells[: len(data)] = data
    with pytest.raises(DeviceFailed, match="copy 0: Expected `object`"):
        bench.eeprom.read()


def test_a_chip_or_bus_that_is_not_there_raises_with_its_name(bench):
    bench.bus.open_error = errno.EACCES
    with pytest.raises(DeviceFailed, match=r"EEPROM at 0x50: no permission .* join the group i2c"):
        bench.eeprom.read()
    bench.bus.open_error = None
    bench.bus.chips.clear()
    with pytest.raises(DeviceMissing, match="does not answer"):
        bench.eeprom.read()
    bench.eeprom.close()
    assert bench.bus.closed_n == 1
