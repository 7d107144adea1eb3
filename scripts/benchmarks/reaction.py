"""From the pilot leaving C, or a fault, to the contactor's line going off; all by the world's trace.

`cp` is stamped by the world as it changes the level, `contactor` by the board as it drives the line: neither
the EV's delays nor the way of the trace count.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from scripts.benchmarks.client import TraceClient
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.reference import LEVEL, MESSAGE_BYTES, SEEN, SEEN_AT_S, shared_cells
from scripts.benchmarks.rows import Reference, Row, Target, percentile, row
from scripts.benchmarks.session import HOLD, authorize, plug_in, request, unplug
from scripts.benchmarks.site import API, MODIFY, REPLY, Site

GROUP = "reaction"
RATE_HZ = 2000
POWERED_S = (0.080, 0.095)  # in C: the contactor closes after 40 to 60 ms; the spread is one tick and more
UNPOWERED_S = (0.070, 0.085)  # longer than the longest reaction allowed, so that a missed one is seen
CHUNK_N = 500  # cycles of one command list, which is one MQTT message
FAULT_CYCLE = "rcd_current 30;sleep 0.3;rcd_current 0;sleep {:.4f}"
FAULT_S = (1.5, 1.52)  # until the contactor is closed again
PROBES_N = 20
SEED = 61851

Change = tuple[float, str, Any]


class Case(msgspec.Struct, frozen=True):
    what: str
    operation: str  # what RATE_HZ messages a second ask; empty: none come
    tail: bool
    targets: tuple[Target, ...]


_TAIL = (Target("p999", 30.0), Target("max", 60.0))
CASES = {
    10: (
        Case("idle", "", False, (Target("p99", 25.0),)),
        Case("2,000 MQTT messages/s", "get_evse", True, _TAIL),
        Case("2,000 core commands/s", "resume_charging", False, _TAIL),
    ),
    5: (
        Case("idle", "", False, (Target("p99", 15.0),)),
        Case("2,000 MQTT messages/s", "get_evse", False, _TAIL),
    ),
}


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    rng = random.Random(SEED)
    for tick_ms, cases in CASES.items():
        site.started(tick_ms)
        client = site.client()
        plug_in(client)
        authorize(client)
        for case in cases:
            with _load(site, client, case.operation) as notes:
                yield _reaction(site, client, tick_ms, case, plan, rng, notes)
        if tick_ms == 10:
            yield _fault(client, tick_ms, plan, rng)
        unplug(client)
        client.close()


def _reaction(
    site: Site, client: TraceClient, tick_ms: int, case: Case, plan: Plan, rng: random.Random, notes: list[str]
) -> Row:
    cycles_n = plan.tail_cycles_n if case.tail else plan.cycles_n
    values_ms, unpowered_n = leaving_c_ms(_cycled(client, cycles_n, rng))
    bare = Reference("bare loop", tuple(_bare_ms(site, tick_ms, min(cycles_n, plan.cycles_n), rng)))
    if case.operation:
        notes.append(_answered(client))
    if unpowered_n:
        notes.append(f"{unpowered_n} of {cycles_n} cycles did not count: not closed yet")
    notes.append(f"bare loop p99 {percentile(bare.values, 99):.1f}, max {max(bare.values):.1f} ms")
    what = f"pilot leaves C -> contactor off, {tick_ms} ms tick, {case.what}"
    return row(GROUP, what, "ms", values_ms, case.targets, bare, "; ".join(notes))


def _cycled(client: TraceClient, cycles_n: int, rng: random.Random) -> list[Change]:
    """The trace of an EV that goes to C and back so many times, at times that know nothing of the tick."""
    client.forget_trace()
    for start in range(0, cycles_n, CHUNK_N):
        pauses_s = [(rng.uniform(*POWERED_S), rng.uniform(*UNPOWERED_S)) for _ in range(start, cycles_n)]
        _play(client, "draw_power_fixed 16,3;sleep {:.4f};pause;sleep {:.4f}", pauses_s[:CHUNK_N])
    return client.changes()


def _play(client: TraceClient, cycle: str, pauses_s: Sequence[tuple[float, ...]]) -> None:
    script = ";".join(cycle.format(*pauses) for pauses in pauses_s)
    client.publish(MODIFY, script + HOLD)
    # The world runs a command at its next step, 2 ms and more apart: a list takes longer than its waits.
    client.listen(sum(map(sum, pauses_s)) * 1.1 + 0.5)


def leaving_c_ms(changes: Iterable[Change]) -> tuple[list[float], int]:
    """Reactions, and how often C was left before the contactor had closed.

    One that never came counts with the time until the EV went to C again.
    """
    values_ms: list[float] = []
    letter, closed, left_s, unpowered_n = "", False, None, 0
    for at_s, line, value in changes:
        if line == "contactor":
            closed = value
        elif line == "cp":
            if letter == "C" and closed:
                left_s = at_s
            unpowered_n += letter == "C" and not closed
            letter = value
        if left_s is not None and (not closed or letter == "C"):
            values_ms.append((at_s - left_s) * 1000.0)
            left_s = None
    return values_ms, unpowered_n


def _fault(client: TraceClient, tick_ms: int, plan: Plan, rng: random.Random) -> Row:
    client.publish(MODIFY, "draw_power_fixed 16,3" + HOLD)
    client.listen(1.0)
    client.forget_trace()
    _play(client, FAULT_CYCLE, [(rng.uniform(*FAULT_S),) for _ in range(plan.faults_n)])
    values_ms = fault_ms(client.changes())
    client.publish(MODIFY, "pause" + HOLD)
    what = f"RCD trips -> contactor off, {tick_ms} ms tick, idle"
    return row(GROUP, what, "ms", values_ms, (Target("max", tick_ms + 2.0),))


def fault_ms(changes: Iterable[Change]) -> list[float]:
    values_ms: list[float] = []
    closed, tripped_s = False, None
    for at_s, line, value in changes:
        if line == "contactor":
            closed = value
            if tripped_s is not None and not closed:
                values_ms.append((at_s - tripped_s) * 1000.0)
                tripped_s = None
        elif line == "rcd" and value:
            tripped_s = at_s
    return values_ms


@contextmanager
def _load(site: Site, client: TraceClient, operation: str) -> Iterator[list[str]]:
    """Messages arrive from another process; the list is for notes."""
    if not operation:
        yield []
        return
    with site.reference("load", site.port, RATE_HZ, f"{API}m2e/{operation}") as process:
        client.listen(0.5)
        yield [f"{operation} of {MESSAGE_BYTES} bytes without replyTo, QoS 0, from a process of its own"]
        assert process.poll() is None, "the load has ended by itself"


def _answered(client: TraceClient) -> str:
    """How the gateway fares under this load: it must not be falling behind."""
    trips_ms = [
        client.round_trip_s(f"{API}m2e/get_evse", request(REPLY), REPLY) * 1000.0 for _ in range(PROBES_N)
    ]
    return f"get_evse answered meanwhile in {percentile(trips_ms, 50):.1f} ms (median)"


def _bare_ms(site: Site, tick_ms: int, n: int, rng: random.Random) -> Iterator[float]:
    """The same by a process that does nothing else."""
    path = Path(site.root / "bare")
    path.touch()
    cells = shared_cells(path)
    cells[LEVEL] = cells[SEEN] = 0.0
    with site.reference("tick", path, tick_ms):
        _flip_ms(cells)  # it runs
        for _ in range(n):
            time.sleep(rng.uniform(0.005, 0.015))
            yield _flip_ms(cells)


def _flip_ms(cells: "memoryview[float]") -> float:
    level = 1.0 - cells[LEVEL]
    at_s = time.monotonic()
    cells[LEVEL] = level
    while cells[SEEN] != level:
        time.sleep(0.001)
    return (cells[SEEN_AT_S] - at_s) * 1000.0
