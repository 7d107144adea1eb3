"""What a serial port needs besides being opened: the direction of RS485, and a clear reason when it fails.

Rule 1: a reason names the port, what is wrong and what to do; "port missing: ..." or "line busy: ...".
Rule 2: one process a line: whoever opens it holds flock on it until it is closed, or dies.
"""

import errno
import fcntl
import grp
import os
import pwd
import stat
import struct
from contextlib import suppress
from pathlib import Path

import msgspec

from hal.drivers.failures import open_failure
from hal.errors import DeviceFailed, HalError, LineBusy

TIOCSRS485 = 0x542F  # Linux include/uapi/asm-generic/ioctls.h
RS485_LAYOUT = "=3I20x"  # struct serial_rs485: flags, delays before and after sending in ms, padding
RS485_ENABLED, RS485_RTS_ON_SEND, RS485_RTS_AFTER_SEND = 1, 2, 4


class Rs485(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Direction of a transceiver that hangs on RTS; the kernel turns it at the exact bit.

    Board data: a transceiver that finds the direction itself, or a device tree that sets it, needs none.
    """

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before_send_ms: int = 0
    delay_after_send_ms: int = 0

    def packed(self) -> bytes:
        """As the kernel takes it (struct serial_rs485)."""
        flags = RS485_ENABLED
        flags |= RS485_RTS_ON_SEND if self.rts_on_send else 0
        flags |= RS485_RTS_AFTER_SEND if self.rts_after_send else 0
        return struct.pack(RS485_LAYOUT, flags, self.delay_before_send_ms, self.delay_after_send_ms)


def set_rs485(fd: int, port: str, rs485: Rs485) -> None:
    """Raises DeviceFailed if the port's driver cannot turn the direction."""
    try:
        answer = fcntl.ioctl(fd, TIOCSRS485, rs485.packed())
    except OSError as error:
        raise DeviceFailed(f"port missing: {port}: {error.strerror} (TIOCSRS485); {_RS485_HELP}") from error
    if not struct.unpack(RS485_LAYOUT, answer)[0] & RS485_ENABLED:
        raise DeviceFailed(f"port missing: {port}: its driver left RS485 off; {_RS485_HELP}")


_RS485_HELP = "use a PL011 port, or a transceiver that finds the direction itself and no rs485 setting"


def why_not_open(port: str) -> HalError:
    """Why a port could not be opened, found by trying again."""
    try:
        fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        word = "line busy" if error.errno == errno.EBUSY else "port missing"
        return open_failure(error, word, port, _group(port))
    try:
        return _why_not_usable(port, fd)
    finally:
        os.close(fd)


def _why_not_usable(port: str, fd: int) -> HalError:
    if not os.isatty(fd):
        return DeviceFailed(f"port missing: {port} is not a serial port")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = lock_holder(os.fstat(fd))
        return LineBusy(f"line busy: {port} is in use by {holder}; only one process may drive it")
    return DeviceFailed(f"port missing: {port} does not take this baud rate, parity or stop bits")


def _group(port: str) -> str:
    """The group to join, and whose the port is: dialout, as Debian has it, unless the port has another."""
    with suppress(OSError):
        status = os.stat(port)
        owner, group = str(status.st_uid), str(status.st_gid)
        with suppress(KeyError):
            owner = pwd.getpwuid(status.st_uid).pw_name
            group = grp.getgrgid(status.st_gid).gr_name
        join = "dialout" if status.st_gid == 0 else group
        return f"{join} (it is {owner}:{group} {stat.S_IMODE(status.st_mode):04o})"
    return "dialout"


def lock_holder(status: os.stat_result) -> str:
    """Who holds flock on this file, from /proc/locks: "pid 42 (name)", or "another process"."""
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "FLOCK" in fields and device in fields:
                pid = fields[fields.index(device) - 1]
                return f"pid {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    return "another process"
