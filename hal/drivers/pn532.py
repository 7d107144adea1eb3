"""PN532 RFID reader on I2C (NXP UM0701-02: frames chapter 6.2, I2C 6.2.4, commands 7).

Rule 1: a read takes at most 100 ms of waiting, set-up included; what has not come by then is called off.
Rule 2: any failure makes the next read set the chip up from the beginning: it may have lost its supply.
Rule 3: only a frame with both checksums right is believed.
"""

import contextlib

from hal.drivers.failures import Outage
from hal.drivers.i2c_bus import I2cChip, NotAcknowledged
from hal.errors import DeviceFailed, HalError
from hal.interfaces import Clock
from hal.types import Missing

ADDRESS = 0x24
READ_MAX_S = 0.1
ACK_MAX_S = 0.02  # the chip acknowledges a command within 15 ms
POLL_S = 0.002
WAKE_TRIES_N = 3  # its address wakes a sleeping chip, which may not acknowledge yet

ACK = bytes.fromhex("0000ff00ff00")
_START = b"\x00\xff"
_TO_CHIP, _TO_HOST, _ERROR = 0xD4, 0xD5, 0x7F
_READY = 0x01  # status byte that leads every read
_FRAME_MAX_N = 64  # a card of type A with its longest usual ATS
_CHIP_CODE = 0x32

# fmt: off
_FIRMWARE_VERSION = b"\x02"
_SET_UP = (
    b"\x14\x01\x00\x01",      # SAMConfiguration: normal mode, no time-out, IRQ pin in use
    b"\x32\x05\x00\x01\x01",  # RFConfiguration, retries: a search ends after two tries, card or not
)
_LIST_ONE_TYPE_A = b"\x4a\x01\x00"  # InListPassiveTarget: one card, ISO 14443 type A at 106 kbit/s
# fmt: on
_UID_AT = 6  # after the number of cards: its number, two bytes SENS_RES, SEL_RES, length of the UID
_UID_LENGTHS = frozenset((4, 7, 10))  # ISO 14443-3


class _BadAnswer(DeviceFailed):
    """The chip, not the bus, is at fault."""


class Pn532:
    """hal.interfaces.TokenReader."""

    def __init__(self, chip: I2cChip, clock: Clock) -> None:
        self._chip = chip
        self._clock = clock
        self._outage = Outage(clock.now_s)
        self._is_set_up = False

    def read(self) -> str | Missing | None:
        try:
            uid = self._read(self._clock.now_s() + READ_MAX_S)
        except HalError as error:
            self._is_set_up = False
            return self._outage.missing(error)
        self._outage.over()
        return uid

    def close(self) -> None:
        self._chip.close()
        self._is_set_up = False

    def _read(self, deadline_s: float) -> str | None:
        if not self._is_set_up:
            self._set_up(deadline_s)
        return uid_of(self._ask(_LIST_ONE_TYPE_A, deadline_s))

    def _set_up(self, deadline_s: float) -> None:
        version = self._ask(_FIRMWARE_VERSION, deadline_s)
        if version[:1] != bytes((_CHIP_CODE,)):
            raise DeviceFailed(f"{self._chip} is no PN532: its version is {version.hex() or 'empty'}")
        for command in _SET_UP:
            self._ask(command, deadline_s)
        self._is_set_up = True

    def _ask(self, command: bytes, deadline_s: float) -> bytes:
        """What the chip answers to a command, after the answer's code."""
        try:
            self._send(command)
            ack = self._receive(len(ACK), min(deadline_s, self._clock.now_s() + ACK_MAX_S))
            if ack != ACK:
                raise _BadAnswer(f"not acknowledged but {ack.hex()}")
            return answer_to(command, self._receive(_FRAME_MAX_N, deadline_s))
        except _BadAnswer as error:
            with contextlib.suppress(HalError):
                self._chip.write(ACK)  # calls off what the chip is at (6.2.1.3)
            raise DeviceFailed(f"{self._chip}, command {command[0]:#04x}: {error}") from error

    def _send(self, command: bytes) -> None:
        for _ in range(WAKE_TRIES_N - 1):
            try:
                return self._chip.write(frame_of(command))
            except NotAcknowledged:
                self._clock.sleep(POLL_S)
        self._chip.write(frame_of(command))

    def _receive(self, count_n: int, deadline_s: float) -> bytes:
        """The bytes after the status byte, once it says ready."""
        while not self._ready():
            if self._clock.now_s() + POLL_S > deadline_s:
                raise _BadAnswer("no answer in time")
            self._clock.sleep(POLL_S)
        return self._chip.read(1 + count_n)[1:]

    def _ready(self) -> bool:
        try:
            return bool(self._chip.read(1)[0] & _READY)
        except NotAcknowledged:  # so do some boards while the chip is busy
            return False


def frame_of(command: bytes) -> bytes:
    """Normal information frame (6.2.1.1) to the chip."""
    body = bytes((_TO_CHIP,)) + command
    return b"\x00" + _START + bytes((len(body), -len(body) & 0xFF)) + body + bytes((-sum(body) & 0xFF, 0))


def answer_to(command: bytes, data: bytes) -> bytes:
    """Body of the frame in data, after the code of the answer. Raises DeviceFailed."""
    body = _body_of(data)
    if body[0] == _ERROR:
        raise _BadAnswer("the chip calls the command an error")
    if body[:2] != bytes((_TO_HOST, command[0] + 1)):
        raise _BadAnswer(f"answer to another question: {body.hex()}")
    return body[2:]


def _body_of(data: bytes) -> bytes:
    _, start, rest = data.partition(_START)
    if not start or len(rest) < 2:
        raise _BadAnswer(f"no frame in {data[:8].hex()}...")
    body_n = rest[0]
    if body_n + rest[1] & 0xFF or not body_n:
        raise _BadAnswer("wrong checksum of the frame's length")
    sealed = rest[2 : 3 + body_n]
    if len(sealed) <= body_n or sum(sealed) & 0xFF:
        raise _BadAnswer("half a frame, or a wrong checksum")
    return sealed[:-1]


def uid_of(answer: bytes) -> str | None:
    """Answer to InListPassiveTarget -> UID as upper case hexadecimal; None without a card."""
    if answer[:1] == b"\x00":
        return None
    uid_n = answer[_UID_AT - 1] if len(answer) >= _UID_AT else 0
    uid = answer[_UID_AT : _UID_AT + uid_n]
    if uid_n not in _UID_LENGTHS or len(uid) < uid_n:
        raise DeviceFailed(f"PN532: no card can be made of {answer.hex() or 'an empty answer'}")
    return uid.hex().upper()
