"""What system tests share: a real broker, a client of it, and waiting with a deadline."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evsed.sim import client
from tests.system.bench import Broker, Probe
from tests.system.sim_bench import StartSim


def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    yield broker
    broker.stop()


def _connected(probe: Probe) -> Iterator[Probe]:
    yield probe
    probe.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    yield from _running(Broker(tmp_path))


@pytest.fixture
def probe(broker: Broker) -> Iterator[Probe]:
    yield from _connected(Probe(broker.port))


@pytest.fixture
def other_broker(tmp_path: Path) -> Iterator[Broker]:
    yield from _running(Broker(tmp_path))


@pytest.fixture
def other_probe(other_broker: Broker) -> Iterator[Probe]:
    yield from _connected(Probe(other_broker.port))


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def start_sim(run_dir: Path) -> Iterator[StartSim]:
    start = StartSim(run_dir)
    yield start
    start.close()


@pytest.fixture
def no_world_stays(run_dir: Path) -> Iterator[None]:
    """For tests whose world is started by the client, which leaves no Popen behind."""
    yield
    client.stop(run_dir)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where connecting takes for ever: the queue of the listener is full."""
    with socket.socket() as listener, ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
