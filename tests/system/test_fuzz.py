"""A bad client can do no harm: thousands of messages to every operation of both interfaces."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import Evse
from tests.system.fuzz import Sent, messages

SEED = 61851
DEFAULT_N, SOAK_N = 2000, 200_000
MAX_GROWTH_KB = 1024
BATCH_N = 200
IDLE_LATE_N = 5  # of a bare loop on a machine that is not busy at all

# Ticks every 10 ms like control and counts those that come a tick late or more; tells when its input ends.
BARE_LOOP = """
import select, sys, time
late_n, next_s = 0, time.monotonic()
while not select.select([sys.stdin], [], [], 0)[0]:
    next_s += 0.01
    time.sleep(max(0.0, next_s - time.monotonic()))
    late_s = time.monotonic() - next_s
    if late_s >= 0.01:
        late_n, next_s = late_n + 1, time.monotonic()
print(late_n)
"""


class Client:
    """Sends as fast as a broker takes it."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(100)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, sent: Iterator[Sent]) -> None:
        for n, message in enumerate(sent, 1):
            info = self._client.publish(message.topic, message.payload, 1)
            if n % BATCH_N == 0:
                info.wait_for_publish(60.0)  # the client's own queue is bounded

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def client(broker: Broker) -> Iterator[Client]:
    client = Client(broker.port)
    yield client
    client.close()


@pytest.fixture
def how_many(request: pytest.FixtureRequest) -> int:
    return SOAK_N if request.config.getoption("--soak") else DEFAULT_N


def test_invalid_messages_change_nothing(broker: Broker, client: Client, how_many: int) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        pids, before = evse.running(), evse.trace
        invalid = (message for message in messages(SEED) if not message.valid)
        client.send(islice(invalid, how_many // 2))
        assert evse.request("get_evse")["id"] == 1
        assert evse.session_events()[-1]["event"] == "ChargingStarted"
        assert evse.value("session_info")["state"] == "Charging"
        assert evse.trace == before
        assert evse.running() == pids
        assert evse.log.count("MQTT: connected") == 1


def test_whatever_comes_nobody_dies_grows_or_is_late(broker: Broker, client: Client, how_many: int) -> None:
    with Evse(broker) as evse, BareLoop() as bare:
        pids = evse.running()
        mixed = messages(SEED + 1)
        client.send(islice(mixed, BATCH_N))  # caches and pools are filled
        sizes_kb = []
        for _ in range(max(8, how_many // 2 // BATCH_N)):
            client.send(islice(mixed, BATCH_N))
            assert evse.request("get_evse")["id"] == 1
            sizes_kb.append(pss_kb(pids["evsed.control"]) + pss_kb(pids["evsed.gateway"]))
        quarter_n = len(sizes_kb) // 4
        growth_kb = max(sizes_kb[-quarter_n:]) - max(sizes_kb[:quarter_n])
        late_n, bare_late_n = evse_late_n(evse), bare.late_n()
        assert evse.running() == pids
        assert growth_kb <= MAX_GROWTH_KB, sizes_kb[:: max(1, len(sizes_kb) // 40)]
        assert late_n <= 2 * bare_late_n + IDLE_LATE_N


def pss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def evse_late_n(evse: Evse) -> int:
    """Ticks that came a tick late or more, as control counts them; told every five seconds."""
    seen: list[int] = []

    def fresh() -> bool:
        control = evse.status()["control"]
        seen.append(control.get("ticks_n", 0))
        return len(set(seen)) > 1

    eventually(fresh, "control tells how it is doing")
    late_n: int = evse.status()["control"]["overruns_n"]
    return late_n


class BareLoop:
    def __enter__(self) -> "BareLoop":
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE_LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.communicate()

    def late_n(self) -> int:
        """Ends it: its input is closed."""
        return int(self._process.communicate()[0])
