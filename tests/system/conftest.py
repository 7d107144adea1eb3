"""What system tests share: a real broker, a client of it, and waiting with a deadline."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.bench import Broker, Probe


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def probe(broker: Broker) -> Iterator[Probe]:
    probe = Probe(broker.port)
    yield probe
    probe.close()
