"""`evsectl support-bundle`: what somebody needs who is asked for help, in one file, without secrets.

Rule 1: what cannot be had is replaced by the reason: a bundle is wanted most when something is broken.
Rule 2: everything goes through Secrets on its way in, but for recordings, which come without cards.
"""

import io
import os
import platform
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from evsed import __version__
from evsed.appliance import secrets, system
from evsed.appliance.charger import Ask, ChargerAway
from evsed.appliance.files import read_text
from evsed.appliance.machine import Machine, Refused
from evsed.appliance.secrets import Secrets
from evsed.config.load import ConfigError, LoadedConfig, load
from evsed.recording.cards import without_cards
from evsed.recording.tape import SUFFIX, TapeError

JOURNAL_LINES_N = 20000
JOURNAL_BYTES, RECORDINGS_BYTES = 8 << 20, 64 << 20
MODE = 0o600
_RECORDINGS = "recordings"

Item = tuple[str, bytes]  # name in the bundle, content


class _Look(msgspec.Struct, frozen=True):
    machine: Machine
    ask: Ask
    loaded: LoadedConfig | None
    problem: str  # with the configuration


def support_bundle(machine: Machine, ask: Ask, target: Path | None) -> Path:
    """The file that was written, for root only. Raises NoAppliance, Refused."""
    system.image_of(machine.places)
    host = system.host_name(machine.places)
    path = target or Path(f"{host}-support-{machine.now().replace(':', '')}.tar.gz")
    look = _Look(machine, ask, *_configuration(machine))
    hide = secrets.known_secrets(machine.places, look.loaded)
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, MODE)
            _pack(file, look, hide)
            file.flush()
            os.fsync(fd)
        fresh.rename(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Refused(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _pack(file: io.BufferedIOBase, look: _Look, hide: Secrets) -> None:
    at_s = int(time.time())
    with tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, content in (item for part in PARTS for item in part(look)):
            clean = content if name.endswith(SUFFIX) else hide.out_of_bytes(content)
            entry = tarfile.TarInfo(f"support/{hide.out_of(name)}")
            entry.size, entry.mode, entry.mtime = len(clean), MODE, at_s
            bundle.addfile(entry, io.BytesIO(clean))


def _configuration(machine: Machine) -> tuple[LoadedConfig | None, str]:
    try:
        return load([], [], None, machine.places.root), ""
    except ConfigError as error:
        return None, "\n".join(map(secrets.problem_text, error.problems))


def _versions(look: _Look) -> Iterator[Item]:
    release = read_text(look.machine.places.os_release)
    arguments = read_text(look.machine.places.kernel_arguments)
    text = f"evsed {__version__}\nPython {platform.python_version()}\n{' '.join(platform.uname())}\n"
    yield "versions.txt", f"{text}\n{arguments}\n{release}".encode()


def _settings(look: _Look) -> Iterator[Item]:
    told = secrets.settings_text(look.loaded) if look.loaded else f"refused:\n{look.problem}\n"
    yield "configuration.txt", told.encode()


def _journal(look: _Look) -> Iterator[Item]:
    for name, boot in (("journal.txt", "0"), ("journal-before.txt", "-1")):
        lines = str(JOURNAL_LINES_N)
        text = look.machine.try_run(
            "journalctl", "--no-pager", "--output=short-iso-precise", f"--boot={boot}", f"--lines={lines}"
        )
        yield name, _end_of(text.encode(errors="replace"))


def _end_of(text: bytes) -> bytes:
    """Whole lines only: half a secret would not be known as one."""
    return text if len(text) <= JOURNAL_BYTES else text[-JOURNAL_BYTES:].partition(b"\n")[2]


def _programs(look: _Look) -> Iterator[Item]:
    for name, program, *args in (
        ("rauc-status.json", "rauc", "status", "--detailed", "--output-format=json"),
        ("units.txt", "systemctl", "--no-pager", "--all", "list-units"),
        ("failed-units.txt", "systemctl", "--no-pager", "--failed", "list-units"),
        ("disks.txt", "df", "-h"),
        ("network.txt", "networkctl", "--no-pager", "status"),
    ):
        yield name, look.machine.try_run(program, *args).encode()


def _records(look: _Look) -> Iterator[Item]:
    places = look.machine.places
    yield "slots.json", read_text(places.slots).encode()
    yield "provision-report.txt", read_text(places.report).encode()


def _health(look: _Look) -> Iterator[Item]:
    for verb in ("why", "faults", "get-evse"):
        try:
            told = secrets.without_secrets(look.ask(verb))
        except ChargerAway as away:
            told = {"away": str(away)}
        yield f"{verb}.json", msgspec.json.format(msgspec.json.encode(told))


def _recordings(look: _Look) -> Iterator[Item]:
    """The newest, up to RECORDINGS_BYTES."""
    folder = look.machine.places.evsed_state / _RECORDINGS
    files = [path for path in folder.glob(f"*{SUFFIX}") if path.is_file() and not path.is_symlink()]
    left_bytes = RECORDINGS_BYTES
    for path in sorted(files, reverse=True):  # their names begin with the time
        left_bytes -= path.stat().st_size
        if left_bytes < 0:
            return
        yield _recording(path)


def _recording(path: Path) -> Item:
    """It is packed, so that Secrets would find nothing in it."""
    name = f"{_RECORDINGS}/{path.name}"
    try:
        return name, without_cards(path)
    except TapeError as error:
        return f"{name}.txt", f"left out: {error}\n".encode()


PARTS: tuple[Callable[[_Look], Iterator[Item]], ...] = (
    _versions,
    _settings,
    _journal,
    _programs,
    _records,
    _health,
    _recordings,
)
