"""The record in a board's EEPROM: serial number and calibrations, and how two copies of it are kept. Pure.

Rule 1: the record stands there twice; a write goes over the older copy, so that a power cut leaves one.
Rule 2: a copy counts only with its checksum; what was written is read back before write() returns.
Rule 3: an EEPROM that fails keeps nobody from charging: parts within tolerance measure well enough for the
states of the pilot, which are 3 V apart. But it is told.
"""

import struct
import zlib
from typing import Protocol

import msgspec

from hal.calibration import checked
from hal.errors import DeviceFailed, HalError
from hal.interfaces import BoardEeprom
from hal.types import BoardRecord, Calibration, CalibrationSource, PilotCalibration

CP = "cp"  # name of the pilot's calibration

_MAGIC = b"EVSE"
_VERSION = 1
_HEADER = struct.Struct(">4sBHH")  # magic, version, sequence, length of the body
_CHECKSUM = struct.Struct(">I")  # CRC-32 of header and body
_COPIES = (0, 1)
_ERASED = b"\xff"
_SEQUENCE_MASK = 0xFFFF


class Memory(Protocol):
    """Bytes that outlast a loss of supply. str() names it for a person. Methods raise HalError."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, at: int, count_n: int) -> bytes: ...

    def write(self, at: int, data: bytes) -> None:
        """Returns when all of it can be read; at is the beginning of the memory or its middle."""
        ...

    def close(self) -> None: ...


class _Copy(msgspec.Struct, frozen=True):
    sequence: int
    record: BoardRecord


class BoardRecords:
    """hal.interfaces.BoardEeprom."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __str__(self) -> str:
        return str(self._memory)

    def read(self) -> BoardRecord | None:
        """The newest good copy, None of a chip that was never written; DeviceFailed if no copy is good."""
        copies, damages = self._copies()
        if copies:
            return copies[_newest(copies)].record
        if damages:
            raise DeviceFailed(f"{'; '.join(damages)}; write its serial number again, then calibrate it")
        return None

    def write(self, record: BoardRecord) -> None:
        """Returns when the record was read back as written."""
        copies, _ = self._copies()
        newest = _newest(copies)
        sequence = copies[newest].sequence + 1 & _SEQUENCE_MASK if copies else 0
        data = _encode(record, sequence)
        if len(data) > self._copy_bytes:
            raise DeviceFailed(f"{self}: {len(data)} bytes, room is for {self._copy_bytes}")
        at = self._start(1 - newest)
        self._memory.write(at, data)
        if self._memory.read(at, len(data)) != data:
            raise DeviceFailed(f"{self} reads back other bytes than written; is it write protected?")

    def close(self) -> None:
        self._memory.close()

    @property
    def _copy_bytes(self) -> int:
        return self._memory.size_bytes // len(_COPIES)

    def _copies(self) -> tuple[dict[int, _Copy], list[str]]:
        """The good copies by their place, and what is wrong with the others."""
        copies, damages = {}, []
        for place in _COPIES:
            try:
                copy = self._copy(place)
            except _Damaged as damage:
                damages.append(f"{self}, copy {place}: {damage}")
            else:
                if copy is not None:
                    copies[place] = copy
        return copies, damages

    def _copy(self, place: int) -> _Copy | None:
        at = self._start(place)
        header = self._memory.read(at, _HEADER.size)
        if header == _ERASED * _HEADER.size:
            return None
        rest_n = _rest_of(header, self._copy_bytes)
        return _decode(header, self._memory.read(at + _HEADER.size, rest_n))

    def _start(self, place: int) -> int:
        return place * self._copy_bytes


def with_calibration(eeprom: BoardEeprom, channel: str, calibration: Calibration) -> BoardRecord:
    """Puts one calibration in, the rest of the record stays. Raises HalError, and then nothing is lost."""
    before = eeprom.read() or BoardRecord("")
    calibrations = {**before.calibrations, channel: calibration}
    after = msgspec.structs.replace(before, calibrations=calibrations)
    eeprom.write(after)
    return after


def pilot_calibration(eeprom: BoardEeprom) -> tuple[PilotCalibration | None, tuple[str, ...]]:
    """Of the record, if it has one, and what is to be told."""
    try:
        record = eeprom.read()
    except HalError as error:
        return None, (f"not calibrated: {error}",)
    if record is None:
        return None, ("not calibrated: the EEPROM is empty; run evsectl calibrate cp",)
    found = record.calibrations.get(CP)
    return PilotCalibration(found, CalibrationSource.EEPROM) if found else None, ()


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
