"""A booted image under QEMU: its console, a root shell on it, and power that can be cut.

Rule: it is emulated, beside other work: limits are generous, and nothing is concluded from how long a thing
takes unless the guest's own clock has measured it.
"""

import os
import re
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from image.qemu import command

BOOT_LIMIT_S = 420.0
SHELL_LIMIT_S = 180.0
ANSWER_LIMIT_S = 30.0
PROMPT = re.compile(r"root@[\w-]+:~# $")
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?!]*[a-zA-Z]|\r")


class GuestError(AssertionError):
    """Something did not happen in the guest; the text has the end of its console."""


class Guest:
    """One disk, which outlives a cut of the power. start() boots it, cut() is the plug pulled."""

    def __init__(self, disk: Path, forwards: Mapping[int, int], log: Path) -> None:
        self._disk, self._forwards, self._log_path = disk, forwards, log
        self.stick: Path | None = None
        self._qemu: subprocess.Popen[bytes] | None = None
        self._asked_n = 0
        self.console = ""

    def __enter__(self) -> "Guest":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def start(self) -> None:
        self._log = self._log_path.open("ab")
        self._qemu = subprocess.Popen(
            command(self._disk, self._forwards, self.stick),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self.console = ""

    def cut(self) -> None:
        """SIGKILL to QEMU: what the guest had not synced is what a power cut loses."""
        if self._qemu is not None:
            with self._qemu:  # which closes its pipes and waits for it
                self._qemu.kill()
            self._log.close()
            self._qemu = None

    def expect(self, pattern: str, limit_s: float) -> re.Match[str]:
        """Until the console, from where it was read last, matches; that part is taken."""
        wanted, end_s = re.compile(pattern), time.monotonic() + limit_s
        while (match := wanted.search(self.console)) is None:
            if time.monotonic() > end_s:
                raise GuestError(
                    f"no {pattern!r} within {limit_s:g} s; the console ends:\n{self.console[-2500:]}"
                )
            self._read()
        self.console = self.console[match.end() :]
        return match

    def login(self) -> None:
        """The test overlay lets root in on the serial console."""
        self.expect(r"automatic login\)", BOOT_LIMIT_S)
        self._send("\n")
        self.expect(r"root@[\w-]+:~# ", SHELL_LIMIT_S)
        self.sh("export TERM=dumb SYSTEMD_PAGER=cat SYSTEMD_COLORS=0; stty -echo cols 250; dmesg -n 1")

    def answers(self) -> bool:
        """Whether there is power, and a shell that does what it is told."""
        try:
            return self._qemu is not None and self.sh("echo yes", ANSWER_LIMIT_S) == "yes"
        except (GuestError, BrokenPipeError):
            return False

    def sh(self, line: str, limit_s: float = SHELL_LIMIT_S) -> str:
        """What a command line prints. Raises GuestError if it fails."""
        code, said = self.try_sh(line, limit_s)
        if code:
            raise GuestError(f"{line}: exit code {code}\n{said}")
        return said

    def try_sh(self, line: str, limit_s: float = SHELL_LIMIT_S) -> tuple[int, str]:
        self._asked_n += 1
        mark = f"asked-{self._asked_n}-"
        self._send(f"echo begin-''{mark}; {{ {line}\n}} 2>&1; echo \"end-\"{mark}$?.\n")
        self.expect(rf"begin-{mark}\n", limit_s)
        end_s, done = time.monotonic() + limit_s, re.compile(rf"end-{mark}(\d+)\.")
        while (match := done.search(self.console)) is None:
            if time.monotonic() > end_s:
                raise GuestError(f"{line}: has not ended within {limit_s:g} s\n{self.console[-2500:]}")
            self._read()
        said, self.console = self.console[: match.start()], self.console[match.end() :]
        return int(match[1]), said.strip()

    def until(self, line: str, limit_s: float, what: str = "") -> str:
        """Repeats a command line until it succeeds."""
        end_s = time.monotonic() + limit_s
        while True:
            code, said = self.try_sh(line)
            if code == 0:
                return said
            if time.monotonic() > end_s:
                raise GuestError(f"{what or line}: not within {limit_s:g} s; last: {said[-1500:]}")
            time.sleep(1.0)

    def type(self, text: str) -> None:
        """As a person would; nothing is waited for."""
        self._send(text)

    def _send(self, text: str) -> None:
        assert self._qemu is not None
        assert self._qemu.stdin is not None
        self._qemu.stdin.write(text.encode())

    def _read(self) -> None:
        assert self._qemu is not None
        assert self._qemu.stdout is not None
        if select.select([self._qemu.stdout], [], [], 1.0)[0]:
            data = os.read(self._qemu.stdout.fileno(), 65536)
            if not data:
                raise GuestError(f"QEMU has ended; the console ends:\n{self.console[-2500:]}")
            self._log.write(data)
            self._log.flush()
            self.console += CONTROL_SEQUENCE.sub("", data.decode("utf-8", "replace"))
