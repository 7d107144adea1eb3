"""What control and gateway take while nothing happens: memory and processor time."""

import time
from collections.abc import Iterator

from scripts.benchmarks.plan import Plan
from scripts.benchmarks.processes import cpu_s, memory_mb
from scripts.benchmarks.reference import ECHO_READY_TOPIC
from scripts.benchmarks.rows import Reference, Row, Target, row
from scripts.benchmarks.site import Site

GROUP = "rest"
TICK_MS = 10


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    launcher = site.started(TICK_MS).pid
    pids = {name: site.pid_of(f"evsed.{name}") for name in ("control", "gateway")}
    bare_path = site.root / "bare"
    bare_path.touch()
    client = site.client(ECHO_READY_TOPIC)
    with site.reference("echo", site.port) as echo, site.reference("tick", bare_path, TICK_MS) as tick:
        client.next(ECHO_READY_TOPIC)
        client.close()
        time.sleep(plan.rest_s)
        yield from _memory_rows(pids, launcher, echo.pid)
        yield _cpu_row(pids, tick.pid, plan.rest_s)


def _memory_rows(pids: dict[str, int], launcher: int, echo: int) -> Iterator[Row]:
    for field, limit_mb in (("Rss", 70.0), ("Pss", 45.0)):
        each_mb = {name: memory_mb(pid, field) for name, pid in pids.items()}
        bare = Reference("echo", (memory_mb(echo, field),))
        note = ", ".join(f"{name} {mb:.1f}" for name, mb in each_mb.items())
        note += f"; launcher (only off systemd) {memory_mb(launcher, field):.1f}"
        what = f"{field.upper()} of control and gateway"
        yield row(GROUP, what, "MB", [sum(each_mb.values())], (Target("p50", limit_mb),), bare, note)


def _cpu_row(pids: dict[str, int], tick: int, seconds: float) -> Row:
    watched = {**pids, "bare loop": tick}
    before_s = {name: cpu_s(pid) for name, pid in watched.items()}
    start_s = time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - start_s
    percent = {name: (cpu_s(pid) - before_s[name]) / took_s * 100.0 for name, pid in watched.items()}
    note = ", ".join(f"{name} {value:.1f}" for name, value in percent.items())
    bare = Reference("bare loop", (max(percent.pop("bare loop"), 0.01),))
    what = "CPU at rest, control and gateway"
    return row(GROUP, what, "% of a core", [sum(percent.values())], (Target("p50", 5.0),), bare, note)
