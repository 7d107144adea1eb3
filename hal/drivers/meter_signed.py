"""Energy meters that sign what was charged (OCMF): the ways of Bauer and of Iskra, addresses in their files.

Rule 1: the record leaves as the meter gave it; a record that is none raises, it is never mended.
Rule 2: start() and stop() may take 15 s: a meter signs slowly, and may be silent meanwhile.
Rule 3: the meter's clock is set only while ours is synchronised, and as seldom as the meter wants it.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from hal import ocmf
from hal.drivers.meter_modbus import ModbusMeter
from hal.drivers.modbus_line import ANSWER_TIMEOUT_S, MAX_READ_N, NoAnswer
from hal.drivers.serial_port import Rs485
from hal.errors import DeviceFailed, HalError
from hal.interfaces import Meter, SignedMeter
from hal.meter_model import MeterModel
from hal.meter_numbers import decode, encode, encode_text
from hal.meter_signing import Field, RecordSigning, Snapshot, SnapshotSigning
from hal.types import Missing, SignedStart, SignedValue

SIGNING_S = 15.0  # Bauer's own limit for a snapshot
COMMAND_S = 2.0  # Iskra changes its state within 1 s
POLL_S = 0.1
CLOCK_ERROR_S = 5  # a smaller one is not worth a write
CLOCK_PERIOD_S = 24 * 3600.0  # Bauer: to be written every 24 to 48 h, more often wears the meter

VALID, UPDATING = 0, 2  # status of a snapshot
SNAPSHOT_FAILURES = {
    1: "no snapshot was made",
    3: "unspecified reason",
    4: "the enable signal is missing",
    5: "the contactor's feedback is missing or wrong",
}

IDLE, ACTIVE, ACTIVE_AFTER_POWER_FAILURE = 0, 1, 2  # state of a record
BEGIN, END = 0x4200, 0x7200  # "B" and "r"
SIGNED, FIRST_ERROR = 15, 128  # status of a command
SYNCHRONISED = 2
COMMAND_ERRORS = {
    128: "the meter's clock is not set",
    130: "invalid command",
    131: "invalid state",
    252: "invalid message format",
    253: "invalid message size",
    254: "signature error",
}


class WallTime(msgspec.Struct, frozen=True):
    """Time of day: Unix seconds, and how far local time is east of UTC."""

    unix_s: int
    east_min: int


S = TypeVar("S", SnapshotSigning, RecordSigning)
Wall = Callable[[], WallTime | None]  # None: not synchronised


def system_wall_time() -> WallTime:
    """The machine's clock; whether it is synchronised is the caller's to know."""
    unix_s = int(time.time())
    return WallTime(unix_s, time.localtime(unix_s).tm_gmtoff // 60)


class SignedModbusMeter(ModbusMeter, Generic[S]):
    """What both ways share."""

    def __init__(
        self,
        signing: S,
        model: MeterModel,
        port: str | Path,
        wall: Wall,
        device_id: int | None = None,
        baudrate: int | None = None,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rs485: Rs485 | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        super().__init__(model, port, device_id, baudrate, now_s, rs485, answer_timeout_s)
        self._signing: S = signing
        self._wall, self._sleep = wall, sleep
        self._key = ""
        self._clock_set_at_s = -math.inf

    def public_key(self) -> str | Missing:
        """hal.interfaces.SignedMeter; asked for once."""
        try:
            self._key = self._key or self._read_key()
        except HalError as error:
            return self._missing(error, self._now_s())
        return self._key

    def _longest_n(self) -> int:
        return MAX_READ_N

    def _read_key(self) -> str:
        raise NotImplementedError

    def _signed(self, record: bytes) -> SignedValue:
        key = self.public_key()
        return ocmf.signed_value(record, key if isinstance(key, str) else "")

    def _word(self, address: int) -> int:
        return self._registers(3, address, 1)[0]

    def _bytes(self, field: Field, size: int | None = None) -> bytes:
        """The first size bytes of the field, all of them by default."""
        size = 2 * field.count if size is None else size
        if size > 2 * field.count:
            raise DeviceFailed(
                f"garbage: {size} bytes in {field.count} registers at {field.address:#06x} cannot be"
            )
        words: list[int] = []
        while 2 * len(words) < size:
            count = min(MAX_READ_N, (size + 1) // 2 - len(words))
            words += self._registers(3, field.address + len(words), count)
        return b"".join(word.to_bytes(2, "big") for word in words)[:size]

    def _write(self, address: int, words: tuple[int, ...]) -> None:
        self._line.write_registers(self._device_id, address, words)

    def _write_word(self, address: int, word: int) -> None:
        self._line.write_register(self._device_id, address, word)

    def _await(self, address: int, is_over: Callable[[int], bool], what: str, within_s: float) -> int:
        """The register once is_over; a meter that does not answer meanwhile is busy. Raises DeviceFailed."""
        deadline_s = self._now_s() + within_s
        last = "no answer"
        while True:
            with suppress(NoAnswer):
                if is_over(word := self._word(address)):
                    return word
                last = f"register {address:#06x} reads {word}"
            if self._now_s() >= deadline_s:
                raise DeviceFailed(f"timeout: {what} took longer than {within_s:.0f} s ({last})")
            self._sleep(POLL_S)


class SnapshotMeter(SignedModbusMeter[SnapshotSigning]):
    """hal.interfaces.SignedMeter of a Bauer BSM-WS36A: one record at the start, one at the end."""

    def start(self, record: SignedStart) -> SignedValue:
        signing = self._signing
        self._set_clock()
        self._write_text(signing.identification, ocmf.identification(record))
        self._write_text(signing.evse_id, ocmf.clean(record.evse_id))
        return self._snapshot(signing.start, "the signed start snapshot")

    def stop(self, transaction_id: str) -> SignedValue:
        """A second one takes the snapshot again: the meter still has user and readings."""
        self._set_clock()
        return self._snapshot(self._signing.end, "the signed end snapshot")

    def _snapshot(self, snapshot: Snapshot, what: str) -> SignedValue:
        self._write(snapshot.status, (UPDATING,))
        outcome = self._await(snapshot.status, lambda word: word != UPDATING, what, SIGNING_S)
        if outcome == VALID:
            outcome = self._word(snapshot.ocmf_status)
        if outcome != VALID:
            reason = SNAPSHOT_FAILURES.get(outcome, "unknown reason")
            raise DeviceFailed(f"exception {outcome}: {what} failed: {reason}")
        return self._signed(self._bytes(snapshot.ocmf).rstrip(b"\x00"))

    def _write_text(self, field: Field, text: str) -> None:
        self._write(field.address, encode_text(ocmf.shortened(text, 2 * field.count), field.count))

    def _set_clock(self) -> None:
        wall = self._wall()
        if wall is not None and self._clock_is_due(wall):
            time_words = encode(wall.unix_s, "u32", "big") + encode(wall.east_min, "i16", "big")
            self._write(self._signing.time, time_words)
            self._clock_set_at_s = self._now_s()

    def _clock_is_due(self, wall: WallTime) -> bool:
        words = self._registers(3, self._signing.time, 3)
        error_s = abs(decode(words[:2], "u32", "big") - wall.unix_s)
        wrong = error_s > CLOCK_ERROR_S or decode(words[2:], "i16", "big") != wall.east_min
        return wrong or self._now_s() - self._clock_set_at_s > CLOCK_PERIOD_S

    def _read_key(self) -> str:
        field = self._signing.public_key
        size, der = self._word(field.address), Field(field.address + 1, field.count - 1)
        return ocmf.key_of_der(self._bytes(der, size))


class RecordMeter(SignedModbusMeter[RecordSigning]):
    """hal.interfaces.SignedMeter of an Iskra WM3M4C: one record at the end, with both readings."""

    _record: SignedStart | None = None  # what the open record is about

    def start(self, record: SignedStart) -> None:
        """Ends a record that somebody else has left open: the meter keeps one at a time."""
        if self._word(self._signing.state) != IDLE:
            self._end()
        self._record = record
        self._set_clock()
        self._write_word(self._signing.algorithm, 0)
        self._write_heading()
        self._command(BEGIN, lambda state: state == ACTIVE, "the start of the record")

    def stop(self, transaction_id: str) -> SignedValue:
        if self._word(self._signing.state) == IDLE:
            return self._ended_before(transaction_id)
        self._record = self._record or SignedStart("", transaction_id, "NONE", "")
        self._end()
        self._record = None
        return self._last_record()

    def _ended_before(self, transaction_id: str) -> SignedValue:
        """By a process that died before it could keep the record; the meter holds it until the next one."""
        if not self._word(self._signing.payload_length):
            raise DeviceFailed("exception: the meter has no open record, and it has signed none before")
        what = "the record that was ended before"
        self._refuse_error(self._await_signed(what), what)
        found = self._last_record()
        if not ocmf.is_of_transaction(found.data, transaction_id):
            raise DeviceFailed("exception: no open record, and the last one is of another transaction")
        return found

    def _last_record(self) -> SignedValue:
        signing = self._signing
        payload = self._bytes(signing.payload, self._word(signing.payload_length))
        signature = self._bytes(signing.signature, self._word(signing.signature_length))
        return self._signed(ocmf.joined(payload, signature))

    def _end(self) -> None:
        if self._word(self._signing.state) == ACTIVE_AFTER_POWER_FAILURE:
            self._set_clock()  # it has lost both (user manual 6.6)
            self._write_heading()
        self._command(END, lambda state: state == IDLE, "the end of the record")

    def _command(self, command: int, is_done: Callable[[int], bool], what: str) -> None:
        """An unanswered command may have been heard: only the state tells."""
        with suppress(NoAnswer):
            self._line.command(self._device_id, self._signing.command, command)
        try:
            self._await(self._signing.state, is_done, what, COMMAND_S)
        except DeviceFailed:
            self._refuse_error(self._word(self._signing.status), what)  # it may know why
            raise
        self._refuse_error(self._await_signed(what), what)

    def _await_signed(self, what: str) -> int:
        return self._await(self._signing.status, lambda word: word >= SIGNED, what, SIGNING_S)

    def _refuse_error(self, status: int, what: str) -> None:
        if status >= FIRST_ERROR:
            reason = COMMAND_ERRORS.get(status, "see the meter's manual")
            raise DeviceFailed(f"exception {status}: {what} failed: {reason}")

    def _write_heading(self) -> None:
        heading = ocmf.heading(self._record)
        field = self._signing.heading
        if len(heading) > 2 * field.count:
            raise DeviceFailed(
                f"exception: {len(heading)} bytes of identification, at most {2 * field.count}"
            )
        self._write(field.address, encode_text(heading, (len(heading) + 1) // 2))
        self._write_word(self._signing.heading_length, len(heading))

    def _set_clock(self) -> None:
        wall = self._wall()
        if wall is None:
            return
        for address, word in enumerate(encode(wall.unix_s, "u32", "big"), self._signing.time):
            self._write_word(address, word)
        self._write_word(self._signing.time_zone, *encode(wall.east_min, "i16", "big"))
        self._write_word(self._signing.synchronised, SYNCHRONISED)

    def _read_key(self) -> str:
        return ocmf.key_of_point(self._bytes(self._signing.public_key))


def open_meter(
    model: MeterModel,
    port: str | Path,
    wall: Wall,
    device_id: int | None = None,
    baudrate: int | None = None,
    rs485: Rs485 | None = None,
) -> Meter | SignedMeter:
    """The driver of this model, a SignedMeter if it signs. device_id, baudrate None: as from the factory."""
    match model.signing:
        case SnapshotSigning() as snapshots:
            return SnapshotMeter(snapshots, model, port, wall, device_id, baudrate, rs485=rs485)
        case RecordSigning() as record:
            return RecordMeter(record, model, port, wall, device_id, baudrate, rs485=rs485)
    return ModbusMeter(model, port, device_id, baudrate, rs485=rs485)
