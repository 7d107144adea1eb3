"""A control and a gateway with a real socket between them."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.control.loop_rig import Rig
from tests.control.rig import Control, Gateway


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "link.sock"


@pytest.fixture
def gateway(path: Path) -> Iterator[Gateway]:
    gateway = Gateway(path)
    yield gateway
    gateway.close()


@pytest.fixture
def start(path: Path, gateway: Gateway) -> Iterator[Callable[[], Control]]:
    """Starts a control; it lets go of its socket when the gateway has gone."""
    controls = []

    def start() -> Control:
        controls.append(Control(path))
        return controls[-1]

    yield start
    gateway.close()
    for control in controls:
        while control.link.fileno() is not None:
            control.link.receive()


@pytest.fixture
def control(start: Callable[[], Control], gateway: Gateway) -> Control:
    """Connected and welcomed."""
    control = start()
    control.tick()
    gateway.serve()
    control.tick()
    control.tick()
    gateway.serve()
    gateway.received.clear()
    return control


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The loop freezes and disables it for good."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "link.sock")
    yield rig
    rig.close()
