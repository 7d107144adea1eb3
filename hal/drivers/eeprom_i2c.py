"""The board's EEPROM (24Cxx): serial number and calibration.

Rule 1: the record stands there twice; a write goes over the older copy, so that a power cut leaves one.
Rule 2: a copy counts only with its checksum; what was written is read back before write() returns.
"""

import struct
import zlib

import msgspec

from hal.calibration import Calibration, checked
from hal.drivers.i2c_bus import I2cChip, NotAcknowledged
from hal.errors import DeviceFailed, HalError
from hal.interfaces import Clock

WRITE_POLL_S = 0.001
WRITE_MAX_S = 0.02  # a page takes 5 ms (data sheets), some clones 10

_MAGIC = b"EVSE"
_VERSION = 1
_HEADER = struct.Struct(">4sBHH")  # magic, version, sequence, length of the body
_CHECKSUM = struct.Struct(">I")  # CRC-32 of header and body
_COPIES = (0, 1)
_ERASED = b"\xff"
_SEQUENCE_MASK = 0xFFFF


class EepromType(msgspec.Struct, frozen=True):
    size_bytes: int
    page_bytes: int  # a write that runs over the end of a page goes on at its beginning
    address_bytes: int

    @property
    def copy_bytes(self) -> int:
        return self.size_bytes // len(_COPIES)


# fmt: off
EEPROM_TYPES = {
    # name                size     page  address
    "24c02":  EepromType(   256,    8,   1),
    "24c32":  EepromType( 4_096,   32,   2),
    "24c64":  EepromType( 8_192,   32,   2),
    "24c256": EepromType(32_768,   64,   2),
}
# fmt: on


class BoardRecord(msgspec.Struct, frozen=True):
    """Calibrations by the name of the channel ("cp")."""

    serial_number: str
    calibrations: dict[str, Calibration] = {}


class _Copy(msgspec.Struct, frozen=True):
    sequence: int
    record: BoardRecord


class BoardEeprom:
    """Methods raise HalError."""

    def __init__(self, chip: I2cChip, eeprom: EepromType, clock: Clock) -> None:
        self._chip = chip
        self._eeprom = eeprom
        self._clock = clock

    def read(self) -> BoardRecord | None:
        """The newest good copy, None of a chip that was never written; DeviceFailed if no copy is good."""
        copies, damages = self._copies()
        if copies:
            return copies[_newest(copies)].record
        if damages:
            raise DeviceFailed(f"{'; '.join(damages)}; calibrate the board and write its serial number again")
        return None

    def write(self, record: BoardRecord) -> None:
        """Returns when the record was read back as written."""
        copies, _ = self._copies()
        newest = _newest(copies)
        sequence = copies[newest].sequence + 1 & _SEQUENCE_MASK if copies else 0
        data = _encode(record, sequence)
        if len(data) > self._eeprom.copy_bytes:
            raise DeviceFailed(f"{self._chip}: {len(data)} bytes, room is for {self._eeprom.copy_bytes}")
        at = self._start(1 - newest)
        self._write_pages(at, data)
        if self._read(at, len(data)) != data:
            raise DeviceFailed(f"{self._chip} reads back other bytes than written; is it write protected?")

    def close(self) -> None:
        self._chip.close()

    def _copies(self) -> tuple[dict[int, _Copy], list[str]]:
        """The good copies by their place, and what is wrong with the others."""
        copies, damages = {}, []
        for place in _COPIES:
            try:
                copy = self._copy(place)
            except _Damaged as damage:
                damages.append(f"{self._chip}, copy {place}: {damage}")
            else:
                if copy is not None:
                    copies[place] = copy
        return copies, damages

    def _copy(self, place: int) -> _Copy | None:
        at = self._start(place)
        header = self._read(at, _HEADER.size)
        if header == _ERASED * _HEADER.size:
            return None
        rest_n = _rest_of(header, self._eeprom.copy_bytes)
        return _decode(header, self._read(at + _HEADER.size, rest_n))

    def _start(self, place: int) -> int:
        return place * self._eeprom.copy_bytes

    def _read(self, at: int, count_n: int) -> bytes:
        return self._chip.write_read(self._address(at), count_n)

    def _address(self, at: int) -> bytes:
        return at.to_bytes(self._eeprom.address_bytes)

    def _write_pages(self, at: int, data: bytes) -> None:
        """at must be the beginning of a page."""
        page_n = self._eeprom.page_bytes
        for offset in range(0, len(data), page_n):
            self._chip.write(self._address(at + offset) + data[offset : offset + page_n])
            self._await_written()

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


class _Damaged(HalError):
    """A copy that does not count."""


def _newest(copies: dict[int, _Copy]) -> int:
    """Place of the newest copy; the second place when there is none, so that the first is written first."""
    if len(copies) < len(_COPIES):
        return next(iter(copies), 1)
    ahead = copies[1].sequence - copies[0].sequence & _SEQUENCE_MASK
    return 1 if ahead <= _SEQUENCE_MASK // 2 else 0


def _checked(record: BoardRecord) -> BoardRecord:
    for calibration in record.calibrations.values():
        checked(calibration)
    return record


def _encode(record: BoardRecord, sequence: int) -> bytes:
    body = msgspec.msgpack.encode(_checked(record))
    sealed = _HEADER.pack(_MAGIC, _VERSION, sequence, len(body)) + body
    return sealed + _CHECKSUM.pack(zlib.crc32(sealed))


def _rest_of(header: bytes, copy_bytes: int) -> int:
    """Bytes of body and checksum that follow a header."""
    magic, version, _, body_n = _HEADER.unpack(header)
    rest_n: int = body_n + _CHECKSUM.size
    if magic != _MAGIC or _HEADER.size + rest_n > copy_bytes:
        raise _Damaged("no record of ours")
    if version != _VERSION:
        raise _Damaged(f"record of version {version}, known is {_VERSION}")
    return rest_n


def _decode(header: bytes, rest: bytes) -> _Copy:
    body = rest[: -_CHECKSUM.size]
    if _CHECKSUM.pack(zlib.crc32(header + body)) != rest[-_CHECKSUM.size :]:
        raise _Damaged("wrong checksum")
    try:
        record = _checked(msgspec.msgpack.decode(body, type=BoardRecord))
    except (msgspec.MsgspecError, DeviceFailed) as error:
        raise _Damaged(str(error)) from error
    return _Copy(_HEADER.unpack(header)[2], record)
