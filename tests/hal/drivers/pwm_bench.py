"""A PWM class of sysfs in a directory, with the kernel and udev behind it, moved by the clock of the test."""

import contextlib
import ctypes
import os
import struct

BIRTH = {"period": "0", "duty_cycle": "0", "enable": "0", "polarity": "normal"}
CONTROLLER = "fe20c000.pwm"
IN_MODIFY = 2
NOBODY = 65534  # uid
_EVENT = struct.Struct("iIII")  # struct inotify_event: wd, mask, cookie, length of the name


@contextlib.contextmanager
def acting_as(uid):
    """root may write everything; the daemon is not root. Without root there is nothing to change."""
    before = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)


class PwmTree:
    """Answers exports as the kernel does, and hands their files over udev_s later as udev does."""

    def __init__(self, root, udev_s=0.0, controllers=("fe20c800.pwm", CONTROLLER)):
        self.sysfs = root / "class" / "pwm"
        self.sysfs.mkdir(parents=True)
        self._udev_s = udev_s
        self._hand_over_at_s = None
        for number, name in enumerate(controllers):
            self._make_chip(root, number, name)
        self.chip = self.sysfs / f"pwmchip{len(controllers) - 1}"
        self.channel = self.chip / "pwm0"

    def _make_chip(self, root, number, name):
        home = root / "devices" / "soc" / name / "pwm" / f"pwmchip{number}"
        home.mkdir(parents=True)
        (home / "device").symlink_to(home.parents[1])
        (home / "npwm").write_text("2\n")
        (home / "export").touch()
        (home / "export").chmod(0o666)
        (self.sysfs / f"pwmchip{number}").symlink_to(home)

    def exported(self, **values):
        """As an earlier process has left the channel; everybody may write."""
        self.channel.mkdir()
        for name, text in (BIRTH | values).items():
            (self.channel / name).write_text(f"{text}\n")
            (self.channel / name).chmod(0o666)

    def turn(self, now_s):
        """What kernel and udev have done until now."""
        if (self.chip / "export").read_text() and not self.channel.exists():
            self.exported()
            for name in BIRTH:
                (self.channel / name).chmod(0o444)
            self._hand_over_at_s = now_s + self._udev_s
        if self._hand_over_at_s is not None and now_s >= self._hand_over_at_s:
            self.hand_over()

    def hand_over(self):
        """One file a turn: chgrp -R is no single act."""
        locked = [n for n in BIRTH if not (self.channel / n).stat().st_mode & 0o002]
        for name in locked[:1]:
            (self.channel / name).chmod(0o666)

    def value(self, name):
        """A write replaces the value in sysfs; in a file, what stood behind it stays."""
        return (self.channel / name).read_text().split("\n")[0]

    def values(self):
        return {name: self.value(name) for name in BIRTH}


class TreeClock:
    """Time passes only while the driver waits, and the tree moves with it."""

    def __init__(self, tree):
        self._tree, self._now_s = tree, 100.0
        self.slept_s = 0.0

    def now_s(self):
        return self._now_s

    def sleep(self, seconds):
        self._now_s += seconds
        self.slept_s += seconds
        with acting_as(0):
            self._tree.turn(self._now_s)


class Writes:
    """Which files of a directory have been written, in order (inotify)."""

    def __init__(self, directory):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._fd, os.fsencode(directory), IN_MODIFY) >= 0

    def take(self):
        """Names since the last call; writes of the same file in a row count as one."""
        names, at = [], 0
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, 65536)
            while at < len(data):
                *_, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                name = data[at - length : at].rstrip(b"\0").decode()
                names += [name] if names[-1:] != [name] else []
        return names

    def close(self):
        os.close(self._fd)
