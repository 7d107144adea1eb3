"""The board's EEPROM (24Cxx) as a memory: page writes, and waiting for each of them."""

import msgspec

from hal.board_record import BoardRecords
from hal.drivers.i2c_bus import I2cChip, NotAcknowledged
from hal.interfaces import Clock

WRITE_POLL_S = 0.001
WRITE_MAX_S = 0.02  # a page takes 5 ms (data sheets), some clones 10


class EepromType(msgspec.Struct, frozen=True):
    size_bytes: int
    page_bytes: int  # a write that runs over the end of a page goes on at its beginning
    address_bytes: int


# fmt: off
EEPROM_TYPES = {
    # name                size     page  address
    "24c02":  EepromType(   256,    8,   1),
    "24c32":  EepromType( 4_096,   32,   2),
    "24c64":  EepromType( 8_192,   32,   2),
    "24c256": EepromType(32_768,   64,   2),
}
# fmt: on


class I2cMemory:
    """hal.board_record.Memory."""

    def __init__(self, chip: I2cChip, eeprom: EepromType, clock: Clock) -> None:
        self._chip = chip
        self._eeprom = eeprom
        self._clock = clock

    def __str__(self) -> str:
        return str(self._chip)

    @property
    def size_bytes(self) -> int:
        return self._eeprom.size_bytes

    def read(self, at: int, count_n: int) -> bytes:
        return self._chip.write_read(self._address(at), count_n)

    def write(self, at: int, data: bytes) -> None:
        """at must be the beginning of a page."""
        page_n = self._eeprom.page_bytes
        for offset in range(0, len(data), page_n):
            self._chip.write(self._address(at + offset) + data[offset : offset + page_n])
            self._await_written()

    def close(self) -> None:
        self._chip.close()

    def _address(self, at: int) -> bytes:
        return at.to_bytes(self._eeprom.address_bytes)

    def _await_written(self) -> None:
        """While it writes a page the chip acknowledges nothing."""
        deadline_s = self._clock.now_s() + WRITE_MAX_S
        while True:
            self._clock.sleep(WRITE_POLL_S)
            try:
                return self._chip.write(self._address(0))
            except NotAcknowledged:
                if self._clock.now_s() >= deadline_s:
                    raise


def board_eeprom(chip: I2cChip, eeprom: EepromType, clock: Clock) -> BoardRecords:
    """Opens nothing before its first read or write."""
    return BoardRecords(I2cMemory(chip, eeprom, clock))
