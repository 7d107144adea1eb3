"""From the pilot leaving C, or a fault, to the contactor's line going off.

`contactor` is stamped in the trace by the board as it drives the line. The level of the pilot is watched in
the line file by a real-time process: a world that may not be one writes a level, on a busy machine, up to
tens of milliseconds after the time that it stamps it with. The EV's own delays do not count.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from hal.sim.lines import LINE_FILE_NAME
from scripts.benchmarks.client import NoAnswer, TraceClient
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.processes import cpu_s
from scripts.benchmarks.reference import LEVEL, MESSAGE_BYTES, SEEN, SEEN_AT_S, shared_cells
from scripts.benchmarks.rows import Reference, Row, Target, percentile, row
from scripts.benchmarks.session import HOLD, begin, request, unplug
from scripts.benchmarks.site import API, HEALTH, MODIFY, REPLY, Site

GROUP = "reaction"
RATE_HZ = 2000
POWERED_S = (0.070, 0.085)  # in C: the contactor closes after 40 to 60 ms; the spread is one tick and more
UNPOWERED_S = (0.065, 0.080)  # longer than the longest reaction allowed, so that a missed one is seen
CYCLE = "draw_power_fixed 16,3;sleep {:.4f};pause;sleep {:.4f}"
CYCLE_LIMIT_S = 0.4
TAIL_TICK_MS = 10  # that of the targets which count the tail
CHUNK_N = 500  # cycles of one command list, which is one MQTT message
PROBES_N = 20
BARE_LIMIT_S = 10.0
WATCH_START_S = 0.3
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
        Case("idle", "", True, (Target("p99", 25.0),)),
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
        begin(client)
        with _watched(site) as told:
            for case in cases:
                yield _reaction(site, client, told, tick_ms, case, plan, rng)
            unplug(client)
            yield _unplugged(client, told, tick_ms, plan, rng)
            yield _fault(client, told, tick_ms, plan, rng)
        yield from _tick_rows(client, tick_ms)
        client.close()


def _reaction(
    site: Site,
    client: TraceClient,
    told: Path,
    tick_ms: int,
    case: Case,
    plan: Plan,
    rng: random.Random,
) -> Row:
    cycles_n = plan.tail_cycles_n if case.tail else plan.cycles_n
    late_n = len(site.late_ticks_ms())
    with _load(site, client, case.operation) as notes:
        start_s = time.monotonic()
        _cycle(client, cycles_n, rng)
        values_ms, unpowered_n = leaving_c_ms(_merged(_told(told, start_s), client))
        bare = Reference("bare loop", tuple(_bare_ms(site, tick_ms, min(cycles_n, plan.cycles_n), rng)))
    if unpowered_n:
        notes.append(f"{unpowered_n} of {cycles_n} cycles did not count: not closed yet")
    if late_ms := site.late_ticks_ms()[late_n:]:
        notes.append(f"control tells of {len(late_ms)} late ticks, up to {max(late_ms)} ms")
    notes.append(f"bare loop p99 {percentile(bare.values, 99):.1f}, max {max(bare.values):.1f} ms")
    what = f"pilot leaves C -> contactor off, {tick_ms} ms tick, {case.what}"
    return row(GROUP, what, "ms", values_ms, case.targets, bare, "; ".join(notes))


def _cycle(client: TraceClient, cycles_n: int, rng: random.Random) -> None:
    """The EV goes to C and back so many times, at times that know nothing of the tick."""
    client.forget_trace()
    cycles = [CYCLE.format(rng.uniform(*POWERED_S), rng.uniform(*UNPOWERED_S)) for _ in range(cycles_n)]
    for start in range(0, cycles_n, CHUNK_N):
        _play(client, cycles[start : start + CHUNK_N])
    client.listen(0.2)  # the last reaction


@contextmanager
def _watched(site: Site) -> Iterator[Path]:
    """The file in which the changes of levels stand."""
    told = site.root / "told"
    told.write_text("")
    with site.reference("watch", site.run_dir / LINE_FILE_NAME, told):
        time.sleep(WATCH_START_S)
        yield told


def _told(path: Path, since_s: float) -> list[Change]:
    changes = (json.loads(line) for line in path.read_text().splitlines())
    return [(at_s, line, value) for at_s, line, value in changes if at_s >= since_s]


def _merged(levels: list[Change], client: TraceClient) -> list[Change]:
    """Levels as they were watched, the contactor as it was driven."""
    return sorted([*levels, *(change for change in client.changes() if change[1] == "contactor")])


def _play(client: TraceClient, cycles: Sequence[str]) -> None:
    """Until the EV has gone to C and back that often."""
    at_s = client.publish(MODIFY, ";".join(cycles) + HOLD)
    give_up_s = at_s + CYCLE_LIMIT_S * len(cycles) + 5.0
    while sum(left_s >= at_s for left_s in client.times("cp", "B")) < len(cycles):
        if time.monotonic() > give_up_s:
            raise NoAnswer(f"{len(cycles)} cycles of the EV: not within {give_up_s - at_s:.0f} s")
        client.listen(0.1)


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


def _unplugged(client: TraceClient, told: Path, tick_ms: int, plan: Plan, rng: random.Random) -> Row:
    """Whole sessions, each ended by an EV that is torn off while it charges."""
    opened_s, start_s = [], time.monotonic()
    for _ in range(plan.tail_unplugs_n if tick_ms == TAIL_TICK_MS else plan.unplugs_n):
        begin(client)
        _charge(client, rng)
        at_s = client.publish(MODIFY, "unplug" + HOLD)
        opened_s.append(client.traced("contactor", lambda closed: closed is False, at_s))
        unplug(client)
    changes = [(at_s, value) for at_s, line, value in _told(told, start_s) if line == "cp"]
    left_s = [at_s for (_, before), (at_s, _) in pairwise(changes) if before == "C"]
    values_ms = [(off - on) * 1000.0 for on, off in zip(left_s, opened_s, strict=True)]
    what = f"EV unplugged while charging -> contactor off, {tick_ms} ms tick, idle"
    return row(GROUP, what, "ms", values_ms, CASES[tick_ms][0].targets)


def _charge(client: TraceClient, rng: random.Random) -> None:
    """Until some time after the contactor has closed."""
    at_s = client.publish(MODIFY, "draw_power_fixed 16,3" + HOLD)
    client.traced("mirror", lambda closed: closed is True, at_s)
    client.listen(rng.uniform(0.1, 0.12))


def _tick_rows(client: TraceClient, tick_ms: int) -> Iterator[Row]:
    """What control itself has told of its ticks since the start, load and all."""
    told = [json.loads(client.next(HEALTH)[1])]
    told += [json.loads(payload) for _, payload in client.messages[HEALTH]]
    client.messages[HEALTH].clear()
    note = f"the worst of every 5 s; {told[-1]['overruns']} of {told[-1]['ticks']} ticks overran"
    for what, field in (("longest tick", "tick_max_ms"), ("latest tick", "late_max_ms")):
        yield row(GROUP, f"{what}, {tick_ms} ms tick", "ms", [health[field] for health in told], note=note)


def _fault(client: TraceClient, told: Path, tick_ms: int, plan: Plan, rng: random.Random) -> Row:
    """A residual current while charging; it ends the transaction, so that each takes a session of its own."""
    opened_s, start_s = [], time.monotonic()
    for _ in range(plan.faults_n):
        begin(client)
        _charge(client, rng)
        at_s = client.publish(MODIFY, "rcd_current 30" + HOLD)
        opened_s.append(client.traced("contactor", lambda closed: closed is False, at_s))
        unplug(client)
    tripped_s = [at_s for at_s, line, tripped in _told(told, start_s) if line == "rcd" and tripped]
    values_ms = [(off - on) * 1000.0 for on, off in zip(tripped_s, opened_s, strict=True)]
    what = f"RCD trips -> contactor off, {tick_ms} ms tick, idle"
    return row(GROUP, what, "ms", values_ms, (Target("max", tick_ms + 2.0),))


@contextmanager
def _load(site: Site, client: TraceClient, operation: str) -> Iterator[list[str]]:
    """Messages arrive from another process; the list is for notes, complete once they have ended."""
    notes: list[str] = []
    if not operation:
        yield notes
        return
    gateway = site.pid_of("evsed.gateway")
    with site.reference("load", site.port, RATE_HZ, f"{API}m2e/{operation}") as process:
        client.listen(0.5)
        start_s, before_s = time.monotonic(), cpu_s(gateway)
        yield notes
        share = (cpu_s(gateway) - before_s) / (time.monotonic() - start_s)
        answered = _answered(client)
        process.terminate()
        assert process.stdout is not None
        rate = process.stdout.read().decode().strip() or "ended by itself"
    notes.append(f"{operation}, {MESSAGE_BYTES} bytes, QoS 0, no replyTo, {rate}/s by a process of its own")
    notes.append(f"gateway {share:.0%} of a core, {answered}")


def _answered(client: TraceClient) -> str:
    """How the gateway fares under this load: it must not be falling behind."""
    trips_ms = [
        client.round_trip_s(f"{API}m2e/get_evse", request(REPLY), REPLY) * 1000.0 for _ in range(PROBES_N)
    ]
    return f"answering get_evse in {percentile(trips_ms, 50):.1f} ms"


def _bare_ms(site: Site, tick_ms: int, n: int, rng: random.Random) -> Iterator[float]:
    """The same by a process that does nothing else."""
    path = site.root / "bare"
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
        if time.monotonic() - at_s > BARE_LIMIT_S:
            raise NoAnswer(f"the bare loop has not seen a change for {BARE_LIMIT_S:g} s")
        time.sleep(0.001)
    return (cells[SEEN_AT_S] - at_s) * 1000.0
