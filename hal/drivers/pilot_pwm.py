"""Control pilot generator on a hardware PWM (sysfs), and the line that takes it off the outlet.

Rule 1: the period is set once; afterwards only duty_cycle is written, on a descriptor that stays open.
Rule 2: 0 % and 100 % are written exactly: the driver makes steady levels of them.
Rule 3: never disable or unexport: both drop the pin to a level that nobody asked for.
The PWM outlives this process. What makes a dead process safe is the coil gate, not the pilot.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from hal.drivers.failures import failure
from hal.drivers.gpio_lines import Output, OutputLine, PinFactory, closing_on_error
from hal.errors import DeviceMissing, HalError, LineBusy
from hal.interfaces import Clock

PERIOD_NS = 1_000_000  # 1 kHz (IEC 61851-1 Annex A)
X1_DUTY = 1.0
F_DUTY = 0.0
UDEV_WAIT_S = 5.0  # udev hands the files of an export to the group after it; at a start it is busy
POLL_S = 0.01
GROUP = "pwm"

_T = TypeVar("_T")


class PwmChannel(msgspec.Struct, frozen=True):
    """Which PWM drives the pilot; inverted where a low pin makes +12 V."""

    device: str  # name of the controller on its bus, as fe20c000.pwm: chip numbers are not fixed
    channel: int
    inverted: bool = False


class PilotPwm:
    """hal.interfaces.PilotOut; starts at X1, connected.

    Raises DeviceMissing, DeviceFailed, or LineBusy while another process drives this pilot.
    """

    def __init__(
        self,
        pwm: PwmChannel,
        factory: PinFactory,
        disconnect: OutputLine,
        clock: Clock,
        sysfs: Path = Path("/sys/class/pwm"),
    ) -> None:
        """disconnect is active while the generator is off the outlet."""
        self._inverted = pwm.inverted
        self._disconnect = Output(factory, disconnect)
        with closing_on_error(self._disconnect):
            self._duty_file = _DutyFile(_export(pwm, sysfs, clock), clock, self._high_ns(X1_DUTY))

    def set_duty(self, duty: float) -> None:
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty}: expected a fraction between 0 and 1")
        self._duty_file.write(self._high_ns(duty))

    def set_connected(self, connected: bool) -> None:
        self._disconnect.drive(not connected)

    def close(self) -> None:
        """State F, connected; the PWM goes on running. Idempotent."""
        with suppress(HalError):  # a PWM that is gone has taken its level along
            self.set_duty(F_DUTY)
        self._duty_file.close()
        self._disconnect.close()

    def _high_ns(self, duty: float) -> int:
        high_ns = round(duty * PERIOD_NS)
        return PERIOD_NS - high_ns if self._inverted else high_ns


class _DutyFile:
    """duty_cycle of one exported channel, running at our period from the constructor on."""

    def __init__(self, channel: Path, clock: Clock, start_ns: int) -> None:
        self._path = channel / "duty_cycle"
        deadline_s = clock.now_s() + UDEV_WAIT_S
        self._fd = _retried(_open, self._path, clock, deadline_s)
        try:
            self._lock()
            for name in ("period", "polarity", "enable"):
                os.close(_retried(_open, channel / name, clock, deadline_s))
            self._start(channel, start_ns)
        except HalError:
            self.close()
            raise

    def write(self, high_ns: int) -> None:
        try:
            os.pwrite(self._fd, b"%d\n" % high_ns, 0)
        except OSError as error:
            raise _failed(self._path, error) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lock(self) -> None:
        """sysfs lets any number of processes write; this lock lets one. It falls with the process."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LineBusy(
                f"{self._path}: another process drives this pilot; stop that evsed first"
            ) from error

    def _start(self, channel: Path, start_ns: int) -> None:
        """A channel that already runs at our period is not touched but for its duty: no glitch."""
        if _read(channel / "polarity") != "normal":
            _write(channel / "enable", "0")  # drivers refuse another polarity while they run
            _write(channel / "polarity", "normal")
        if _read(channel / "period") != str(PERIOD_NS):
            if int(_read(self._path)) > PERIOD_NS:
                self.write(0)  # the kernel refuses a period shorter than the duty
            _write(channel / "period", str(PERIOD_NS))
        self.write(start_ns)
        if _read(channel / "enable") != "1":
            _write(channel / "enable", "1")


def _export(pwm: PwmChannel, sysfs: Path, clock: Clock) -> Path:
    """Directory of the channel; exported here unless somebody has done so before."""
    chip = _find_chip(pwm.device, sysfs)
    channels_n = int(_read(chip / "npwm"))
    if pwm.channel >= channels_n:
        raise DeviceMissing(
            f"{chip}: {pwm.device} has {channels_n} channels, channel {pwm.channel} is not there"
        )
    channel = chip / f"pwm{pwm.channel}"
    if not channel.exists():
        ask = partial(_ask_for, channel)
        _retried(ask, chip / "export", clock, clock.now_s() + UDEV_WAIT_S)
    return channel


def _ask_for(channel: Path, export: Path) -> None:
    try:
        export.write_text(channel.name.removeprefix("pwm"))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        if not channel.exists():  # else another process was faster: the lock will tell
            raise LineBusy(f"{channel}: a kernel driver uses this channel (see the device tree)") from error


def _find_chip(device: str, sysfs: Path) -> Path:
    chips = {
        chip: os.path.basename(os.path.realpath(chip / "device")) for chip in sorted(sysfs.glob("pwmchip*"))
    }
    for chip, name in chips.items():
        if name == device:
            return chip
    found = ", ".join(f"{chip.name} is {name}" for chip, name in chips.items()) or "none at all"
    raise DeviceMissing(
        f"{sysfs}: no PWM chip of device {device} ({found}); does the device tree overlay enable it?"
    )


def _retried(action: Callable[[Path], _T], path: Path, clock: Clock, deadline_s: float) -> _T:
    """What the action says of path, as soon as udev lets it; HalError after the deadline."""
    while True:
        try:
            return action(path)
        except (PermissionError, FileNotFoundError) as error:
            if clock.now_s() >= deadline_s:
                raise _failed(path, error) from error
        except OSError as error:
            raise _failed(path, error) from error
        clock.sleep(POLL_S)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise _failed(path, error) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n")
    except OSError as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: OSError) -> HalError:
    said = error.strerror or str(error)
    return failure(error.errno or 0, said, "control pilot", str(path), GROUP)
