"""What every verb of the appliance works with: places, disk, programs, and a way to tell people."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from evsed.appliance.files import Disk
from evsed.appliance.places import Places
from evsed.appliance.programs import ProgramFailed, Programs


class Refused(Exception):
    """It is not done; the text says why, and what to do."""


def say_on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Machine(msgspec.Struct, frozen=True):
    """now: RFC 3339. say: a line for whoever looks on; a service's goes to the journal."""

    places: Places = Places()
    disk: Disk = msgspec.field(default_factory=Disk)
    programs: Programs = msgspec.field(default_factory=Programs)
    say: Callable[[str], None] = say_on_stderr
    now: Callable[[], str] = now_utc

    @contextmanager
    def writable_boot(self) -> Iterator[None]:
        """The boot partition is read-only but for this. Raises ProgramFailed."""
        boot = str(self.places.boot)
        self.programs.run("mount", "-o", "remount,rw", boot)
        try:
            yield
        finally:
            self.programs.run("mount", "-o", "remount,ro", boot)

    def reboot(self) -> None:
        """Asks for it, does not wait for it. Raises ProgramFailed."""
        self.programs.run("systemctl", "--no-block", "reboot")

    def shout(self, text: str) -> None:
        """To the kernel's log, and so to the console, too: it is there when the journal is not."""
        self.say(text)
        try:
            self.places.kernel_log.write_text(f"evse-appliance: {text}\n")
        except OSError:
            self.say("the kernel's log cannot be written")

    def try_run(self, name: str, *args: str) -> str:
        """What it prints; why not, where it fails: for what only informs."""
        try:
            return self.programs.run(name, *args)
        except ProgramFailed as error:
            return f"({error})\n"
