"""A burst of short SPI transfers in one system call; the only door to spidev.

Rule 1: everything is built once; a burst costs the ioctl and one unpack.
Rule 2: chip select rises after every transfer: an ADC begins a conversion when it falls.
Rule 3: the GIL is released while the bus works. fcntl.ioctl keeps it for more than 1024 bytes, ctypes never.
Rule 4: a long burst is not equally spaced, so that it cannot lock to the pilot's period.
"""

import ctypes
import errno
import os
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import spidev

from hal.drivers.failures import GONE, open_failure, went_away
from hal.errors import DeviceFailed, HalError

GROUP = "spi"
BUFSIZ_PATH = Path("/sys/module/spidev/parameters/bufsiz")
BUFSIZ_DEFAULT = 4096  # of the kernel
DMA_ALIGN = 128  # spidev rounds each transfer up to this in its buffer (arm64, the coarsest of our machines)
MESSAGE_MAX_N = 511  # 32 bytes each must fit the 14 bit size of an ioctl number
FRAME_BYTES = 3
# At a spacing of which 22 to 29 make 1 ms, samples 1 ms apart would all meet the same edge and look like a
# plateau. Two unequal pauses, one in each such stretch, keep any three of them at least 3 us apart.
PAUSE_US_AFTER = {21: 9, 42: 23}

_DEVICE_FILE = re.compile(r"/dev/spidev(\d+)\.(\d+)")
_WORD_BYTES = 4  # a received frame stands in the lower bytes of one big-endian word

Ioctl = Callable[[int, int, int], int]


class SpiIocTransfer(ctypes.Structure):
    """struct spi_ioc_transfer of linux/spi/spidev.h: 32 bytes in 32 and 64 bit user space."""

    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    )


class SpiPort(Protocol):
    """What we use of spidev.SpiDev."""

    mode: int
    max_speed_hz: int
    bits_per_word: int

    def fileno(self) -> int: ...

    def close(self) -> None: ...


def open_spidev(path: str) -> SpiPort:
    """By bus and chip select: Debian's spidev (3.6) cannot open a path. Raises OSError."""
    bus, chip_select = _numbers_of(path)
    port = spidev.SpiDev()
    try:
        port.open(bus, chip_select)
    except OSError:
        port.close()  # it keeps the descriptor of a file that is no spidev
        raise
    return port  # type: ignore[no-any-return]


def _numbers_of(path: str) -> tuple[int, int]:
    name = _DEVICE_FILE.fullmatch(os.path.realpath(path))
    if name is None:
        os.stat(path)  # that there is none comes first
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
    return int(name[1]), int(name[2])


def _libc_ioctl() -> Ioctl:
    function = ctypes.CDLL(None, use_errno=True).ioctl
    function.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)

    def ioctl(fd: int, request: int, address: int) -> int:
        moved_n: int = function(fd, request, address)
        if moved_n < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return moved_n

    return ioctl


libc_ioctl = _libc_ioctl()


def message_request(transfer_n: int) -> int:
    """SPI_IOC_MESSAGE(N)."""
    return (1 << 30) | (transfer_n * ctypes.sizeof(SpiIocTransfer) << 16) | (ord("k") << 8)


def transfers_per_message(bufsiz_path: Path) -> int:
    """How many transfers the kernel takes in one ioctl; spidev.bufsiz=16384 gives 128."""
    try:
        bufsiz = int(bufsiz_path.read_text())
    except (OSError, ValueError):
        bufsiz = BUFSIZ_DEFAULT
    return max(1, min(MESSAGE_MAX_N, bufsiz // DMA_ALIGN))


class SpiDevice:
    """One chip on one spidev file. Open from the start; opened again after it went away.

    The constructor raises HalError.
    """

    def __init__(
        self,
        device: str,
        path: str,
        speed_hz: int,
        bufsiz_path: Path = BUFSIZ_PATH,
        opener: Callable[[str], SpiPort] = open_spidev,
        ioctl: Ioctl = libc_ioctl,
    ) -> None:
        """device is the name of the chip in messages."""
        self._device = device
        self._path = path
        self._speed_hz = speed_hz
        self._opener = opener
        self._ioctl = ioctl
        self._message_n = transfers_per_message(bufsiz_path)
        self._port: SpiPort | None = None
        self._fd = -1
        self._open()

    def burst(self, frames: Sequence[bytes]) -> "Burst":
        """A burst that sends these frames of three bytes, in as few system calls as bufsiz allows."""
        return Burst(self, frames, self._message_n)

    def submit(self, request: int, address: int, expected_n: int) -> None:
        """One message; raises HalError unless all its bytes went over the wire."""
        if self._port is None:
            self._open()
        try:
            moved_n = self._ioctl(self._fd, request, address)
        except OSError as error:
            raise self._failed(error) from error
        if moved_n != expected_n:
            raise DeviceFailed(f"{self._device}: {self._path} moved {moved_n} of {expected_n} bytes")

    def close(self) -> None:
        port, self._port, self._fd = self._port, None, -1
        if port is not None:
            port.close()

    def _open(self) -> None:
        try:
            self._port = port = self._opener(self._path)
            port.mode = 0
            port.bits_per_word = 8
            port.max_speed_hz = self._speed_hz
            self._fd = port.fileno()
        except OSError as error:
            self.close()
            raise open_failure(error, self._device, self._path, GROUP) from error

    def _failed(self, error: OSError) -> HalError:
        if error.errno in GONE or error.errno == errno.ENXIO:
            self.close()
            return went_away(self._device, self._path)
        if error.errno == errno.EMSGSIZE:
            return DeviceFailed(f"{self._device}: message too long for {self._path}; raise spidev.bufsiz")
        return DeviceFailed(f"{self._device}: transfer on {self._path} failed: {error.strerror}")


class Burst:
    """Prebuilt transfers; made by SpiDevice.burst()."""

    def __init__(self, spi: SpiDevice, frames: Sequence[bytes], message_n: int) -> None:
        n = len(frames)
        if not n or any(len(frame) != FRAME_BYTES for frame in frames):
            raise ValueError(f"a burst is made of frames of {FRAME_BYTES} bytes, at least one")
        self._spi = spi
        self._tx = (ctypes.c_uint8 * (n * FRAME_BYTES)).from_buffer_copy(b"".join(frames))
        self._rx = (ctypes.c_uint8 * (n * _WORD_BYTES))()
        self._words = struct.Struct(f">{n}I")
        self._transfers = (SpiIocTransfer * n)(*map(self._transfer, range(n)))
        self._messages = tuple(self._message(at, min(message_n, n - at)) for at in range(0, n, message_n))

    @property
    def system_calls_n(self) -> int:
        """System calls that one run takes: 1 if spidev.bufsiz is large enough."""
        return len(self._messages)

    def run(self) -> tuple[int, ...]:
        """The received frames as integers of 24 bits. Raises HalError."""
        submit = self._spi.submit
        for request, address, expected_n in self._messages:
            submit(request, address, expected_n)
        return self._words.unpack_from(self._rx)

    def _transfer(self, index: int) -> SpiIocTransfer:
        return SpiIocTransfer(
            tx_buf=ctypes.addressof(self._tx) + index * FRAME_BYTES,
            rx_buf=ctypes.addressof(self._rx) + (index + 1) * _WORD_BYTES - FRAME_BYTES,
            len=FRAME_BYTES,
            delay_usecs=PAUSE_US_AFTER.get(index, 0),
            cs_change=1,
        )

    def _message(self, first: int, n: int) -> tuple[int, int, int]:
        # On the last transfer of a message the flag means the contrary: chip select stays active.
        self._transfers[first + n - 1].cs_change = 0
        return message_request(n), ctypes.addressof(self._transfers[first]), n * FRAME_BYTES
