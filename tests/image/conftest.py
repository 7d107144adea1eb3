"""Tests of the booted image: `scripts/test --image`. They need root, and ten minutes for the first build."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image.boot import PROVISION, TLS_PORT, certificate, free_port
from image.qemu import CACHE, new_disk
from tests.image.client import Client
from tests.image.guest import Guest
from tests.image.images import Images

USER, PASSWORD = "trial", "a-long-password"
SETTINGS = "\n[evsed.sim]\ntrace = true\n"


class Machine:
    """A guest, and the way into it from outside."""

    def __init__(self, folder: Path, disk: Path, certificate: Path, port: int) -> None:
        self.folder, self.certificate, self.port = folder, certificate, port
        self.guest = Guest(disk, {port: TLS_PORT}, folder / "console.log")

    def client(self, user: str = USER, password: str = PASSWORD) -> Client:
        return Client(self.port, self.certificate, user, password)

    def boot(self) -> None:
        self.guest.start()
        self.guest.login()


@pytest.fixture(scope="session")
def images() -> Images:
    if os.getuid() != 0:
        pytest.fail("the image's tests need root (chroot, file owners)")
    return Images()


@pytest.fixture(scope="module")
def new_machine(images: Images, request: pytest.FixtureRequest) -> Iterator[Callable[..., Machine]]:
    """Machines as they come from the factory, with the owner's provisioning file on the boot partition."""
    place, made = request.module.__name__.rpartition(".")[2], list[Machine]()

    def make(image: Path | None = None, provisioning: str | None = None) -> Machine:
        folder = CACHE / "tests" / "run" / f"{place}-{len(made)}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "console.log").unlink(missing_ok=True)
        files = {"evse-provision.toml": provisioning or provision(), **certificate(folder)}
        disk = new_disk(image or images.disk, folder, files)
        machine = Machine(folder, disk, folder / "server.crt", free_port())
        made.append(machine)
        return machine

    yield make
    for machine in made:
        machine.guest.cut()


def provision() -> str:
    return PROVISION.format(user=USER, password=PASSWORD) + SETTINGS


@pytest.fixture(scope="module")
def machine(new_machine: Callable[[], Machine]) -> Machine:
    """One that has booted, shared by a module's tests."""
    machine = new_machine()
    machine.boot()
    return machine


@pytest.fixture
def client(machine: Machine) -> Iterator[Client]:
    with machine.client() as client:
        client.until(lambda: client.connected, "connected", 240.0)
        client.await_value("ready", True, 240.0)
        yield client
