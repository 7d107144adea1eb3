"""The line file: every wire between the simulated board and the world, as doubles in shared memory.

Rule 1: each line has one writer, named in its row; a board line is written only by the board's owner.
Rule 2: a change of a line in RINGED also goes into the ring with the board's own stamp.
Rule 3: the board's EEPROM lies behind the ring; it lives as long as the file, whoever owns the board.
Rule 4: the kernel knows the owner (a POSIX record lock), so its death cannot go unnoticed. Such a lock
    is per process and falls with the first close of the file: one Lines per file and process.
"""

import fcntl
import math
import mmap
import os
import struct
from enum import IntEnum
from pathlib import Path
from typing import Literal, Self

import msgspec

from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from hal.sim.eeprom import SIZE_BYTES, factory_image
from hal.sim.ring import RING_CELLS, RingReader, RingWriter

LAYOUT_VERSION = 3.0
LINE_FILE_NAME = "sim.lines"  # in the run directory


class ConnectorType(IntEnum):
    SOCKET = 0
    CABLE = 1


class LineRow(msgspec.Struct, frozen=True):
    name: str
    writer: Literal["board", "world"]
    birth: float
    pulled: bool = False  # falls to its level at birth when the owner's process ends, as a GPIO does


# fmt: off
LINES = (
    #        name              writer   at birth
    LineRow("version",         "world", LAYOUT_VERSION),
    LineRow("connector_type",  "world", ConnectorType.SOCKET),
    LineRow("world_at_s",      "world", -math.inf),  # time of the last advance
    # what the board drives
    LineRow("owner_pid",       "board", 0.0),
    LineRow("duty",            "board", 1.0),        # fraction; 1 is steady +12 V
    LineRow("cp_connected",    "board", 1.0, pulled=True),
    LineRow("contactor",       "board", 0.0, pulled=True),  # drive line
    LineRow("phase_switch",    "board", 1.0),        # drive line of a bistable relay; 1: L2 and L3 join L1
    LineRow("lock_motor",      "board", 0.0, pulled=True),  # -1 unlock, 0 off, +1 lock
    LineRow("heartbeat",       "board", 0.0, pulled=True),  # edges since the claim
    LineRow("heartbeat_at_s",  "board", -math.inf),  # time of the last edge
    LineRow("shunt_trip",      "board", 0.0, pulled=True),
    LineRow("rcd_test",        "board", 0.0, pulled=True),  # current in the test winding
    LineRow("led_rgb",         "board", 0.0, pulled=True),  # bit 0 red, 1 green, 2 blue
    # what the world shows
    LineRow("cp_pos_v",        "world", 12.0),       # outlet while the generator is at +12 V
    LineRow("cp_neg_v",        "world", -12.0),      # outlet while the generator is at -12 V
    LineRow("cp_noise_v",      "world", 0.0),        # standard deviation
    LineRow("pp_ohm",          "world", math.inf),   # infinite: no plug
    LineRow("mirror",          "world", 0.0),        # power contacts closed
    LineRow("lock_locked",     "world", 0.0),
    LineRow("rcd_tripped",     "world", 0.0),
    LineRow("emergency_stop",  "world", 0.0),
    LineRow("stop_button",     "world", 0.0),
    LineRow("temperature_c",   "world", 25.0),       # of the EVSE
    LineRow("plug_temperature_c", "world", 25.0),
    LineRow("plus_12_v",       "world", 12.0),       # supply rails
    LineRow("minus_12_v",      "world", -12.0),
    LineRow("plus_5_v",        "world", 5.0),
    LineRow("mains_v",         "world", 230.0),      # per phase
    LineRow("token_digits_n",  "world", 0.0),        # UID of the card in the field; 0: no card
    LineRow("token_hi",        "world", 0.0),        # its first 10 hexadecimal digits
    LineRow("token_lo",        "world", 0.0),        # the others
)
# fmt: on
INDEX = {row.name: index for index, row in enumerate(LINES)}
RINGED = tuple(INDEX[name] for name in ("duty", "contactor", "lock_motor", "phase_switch", "rcd_test"))
PULLED = tuple(index for index, row in enumerate(LINES) if row.pulled)

CELL_BYTES = 8
RING_AT = 64  # first cell of the ring; leaves room for more lines
EEPROM_AT = (RING_AT + RING_CELLS) * CELL_BYTES  # first byte of the board's EEPROM
FILE_BYTES = EEPROM_AT + SIZE_BYTES

FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, len, pid
OWNER_BYTE = INDEX["owner_pid"] * CELL_BYTES  # the byte that the owner holds locked

_OWNER_PID = INDEX["owner_pid"]
_VERSION = INDEX["version"]


class Lines:
    """All lines of one simulated board; `cells` is indexed with INDEX."""

    def __init__(self, buffer: bytearray | mmap.mmap, path: Path | None = None, fd: int = -1) -> None:
        self._buffer = buffer
        self.cells = memoryview(buffer).cast("d")
        self.eeprom = memoryview(buffer)[EEPROM_AT:FILE_BYTES]
        self._ring = RingWriter(self.cells[RING_AT:])
        self._path = path
        self._fd = fd
        self._claimed = False

    @classmethod
    def in_memory(cls) -> Self:
        """Lines of one process: board and world share this object."""
        return cls(bytearray(_image()))

    @classmethod
    def create(cls, path: Path) -> Self:
        """New line file at its birth levels; replaces a file that an earlier world left behind."""
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_bytes(_image())
        fresh.chmod(0o660)  # world and control may be two users of one group; the directory keeps others out
        fresh.replace(path)
        return cls.attach(path)

    @classmethod
    def attach(cls, path: Path) -> Self:
        """Line file of a running world."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceMissing(
                f"{path}: no line file ({error.strerror}); start the simulated world (evsed-sim) first"
            ) from error
        if os.fstat(fd).st_size != FILE_BYTES:
            os.close(fd)
            raise DeviceFailed(f"{path}: not a line file of this version; restart the simulated world")
        lines = cls(mmap.mmap(fd, FILE_BYTES), path, fd)
        version = lines.cells[_VERSION]
        if version != LAYOUT_VERSION:
            lines.close()
            raise DeviceFailed(
                f"{path}: layout {version:g}, this is {LAYOUT_VERSION:g}; restart the simulated world"
            )
        return lines

    def get(self, name: str) -> float:
        return self.cells[INDEX[name]]

    def reader(self) -> RingReader:
        """The world's end of the ring."""
        return RingReader(self.cells[RING_AT:])

    def drive(self, index: int, value: float, at_s: float) -> None:
        """Set a board line, stamped at_s (monotonic); DeviceFailed without the claim."""
        if not self._claimed:
            raise DeviceFailed(f"{self._label()}: {LINES[index].name} driven without a claim")
        if self.cells[index] == value:
            return
        if index in RINGED:
            self._ring.push(at_s, index, value)
        self.cells[index] = value

    def claim(self) -> None:
        """Become the owner of the board lines until release() or the end of this process."""
        if self._claimed:
            raise self._busy()
        if self._fd >= 0:
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OWNER_BYTE)
            except (BlockingIOError, PermissionError) as error:  # POSIX leaves open which of the two
                raise self._busy() from error
        self._claimed = True
        self.cells[_OWNER_PID] = os.getpid()

    def release(self) -> None:
        """Give the board lines up deliberately. Idempotent."""
        if not self._claimed:
            return
        self.cells[_OWNER_PID] = 0.0
        self._claimed = False
        if self._fd >= 0:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, OWNER_BYTE)

    def lose_owner(self) -> None:
        """In memory only: what the end of the owner's process is to a line file."""
        self._claimed = False

    def owner_alive(self) -> bool:
        if self._claimed or self._fd < 0:
            return self._claimed
        question = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, OWNER_BYTE, 1, 0)
        lock_type: int = FLOCK.unpack(fcntl.fcntl(self._fd, fcntl.F_GETLK, question))[0]
        return lock_type != fcntl.F_UNLCK

    def close(self) -> None:
        """Release, then let go of the file. Idempotent."""
        self.release()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _label(self) -> str:
        return str(self._path) if self._path else "lines in memory"

    def _busy(self) -> LineBusy:
        pid = int(self.cells[_OWNER_PID])
        return LineBusy(f"{self._label()}: owned by process {pid}; stop that evsed first")


def _image() -> bytes:
    births = [row.birth for row in LINES]
    return struct.pack(f"{len(births)}d", *births).ljust(EEPROM_AT, b"\0") + factory_image()
