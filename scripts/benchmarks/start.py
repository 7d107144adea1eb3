"""From exec of evsed to e2m/ready true."""

import time
from collections.abc import Iterator

from scripts.benchmarks.client import TraceClient
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.reference import ECHO_READY_TOPIC
from scripts.benchmarks.rows import Reference, Row, Target, row
from scripts.benchmarks.site import READY, Site, wait_ready

GROUP = "start"
TICK_MS = 10
TARGETS = (Target("max", 1.5),)


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    client = site.client(ECHO_READY_TOPIC)
    bare = Reference("echo", tuple(_echo_s(site, client) for _ in range(plan.starts_n)))
    site.stop_world()
    site.start_world()
    warm_s = [_start_s(site, client) for _ in range(plan.starts_n)]
    yield row(GROUP, "start -> ready", "s", warm_s, TARGETS, bare, "the world runs already")
    cold_s = [_start_s(site, client, with_world=True) for _ in range(plan.starts_n)]
    yield row(GROUP, "start -> ready, world started too", "s", cold_s, (), bare)
    site.stop_world()
    client.close()


def _start_s(site: Site, client: TraceClient, with_world: bool = False) -> float:
    if with_world:
        site.stop_world()
    _forget(client, READY)
    at_s = time.monotonic()
    site.start_evsed(TICK_MS)
    ready_s = wait_ready(client)
    site.stop_evsed()
    return ready_s - at_s


def _echo_s(site: Site, client: TraceClient) -> float:
    """A plain client: python, paho, one subscription, one message."""
    _forget(client, ECHO_READY_TOPIC)
    at_s = time.monotonic()
    with site.reference("echo", site.port):
        return client.next(ECHO_READY_TOPIC)[0] - at_s


def _forget(client: TraceClient, topic: str) -> None:
    client.listen(0.1)
    client.messages[topic].clear()
