import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scripts.benchmarks.reaction import leaving_c_ms
from scripts.benchmarks.rows import Target, row
from tests.system.bench import eventually

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
ROWS = {
    "rest": [
        "RSS of control and gateway",
        "PSS of control and gateway",
        "CPU at rest, control and gateway",
    ],
    "api": [
        "get_evse -> reply (gateway only)",
        "session_info/get -> reply (gateway only)",
        "pause_charging -> reply, no transaction",
        "burst of 500 get_evse, last reply",
        "burst of 500 pause_charging, last reply",
        "pause, resume -> reply, in a transaction",
        "pause_charging -> PWM off",
        "resume_charging -> PWM on",
        "token -> PWM on",
    ],
    "reaction": [
        "pilot leaves C -> contactor off, 10 ms tick, idle",
        "pilot leaves C -> contactor off, 10 ms tick, 2,000 MQTT messages/s",
        "pilot leaves C -> contactor off, 10 ms tick, 2,000 core commands/s",
        "EV unplugged while charging -> contactor off, 10 ms tick, idle",
        "RCD trips -> contactor off, 10 ms tick, idle",
        "longest tick, 10 ms tick",
        "latest tick, 10 ms tick",
        "pilot leaves C -> contactor off, 5 ms tick, idle",
        "pilot leaves C -> contactor off, 5 ms tick, 2,000 MQTT messages/s",
        "EV unplugged while charging -> contactor off, 5 ms tick, idle",
        "RCD trips -> contactor off, 5 ms tick, idle",
        "longest tick, 5 ms tick",
        "latest tick, 5 ms tick",
    ],
    "start": ["start -> ready", "start -> ready, world started too"],
    "core": [
        "an hour of charging, step() at 10 ms ticks",
        "step() while charging",
        "an hour of charging with world, sampler, actuator",
    ],
    "hal": [
        "pilot in: MCP3208, one burst",
        "proximity in: MCP3208",
        "rails in: MCP3208",
        "mirror contact: GPIO",
        "lock position: GPIO",
        "trips: GPIO",
        "pilot out: PWM, changed",
        "contactor: GPIO, changed",
        "heartbeat: GPIO",
        "status LED: GPIO, changed",
    ],
}


def left_behind(root: str) -> Iterator[str]:
    """The directory of a run and every process that knows of it."""
    if Path(root).exists():
        yield root
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            if root.encode() in told:
                yield f"process {path.name}: {told.decode(errors='replace')}"


def root_of(stderr: str) -> str:
    return next(line.split()[-1] for line in stderr.splitlines() if line.startswith("bench: works in "))


def test_a_quick_bench_yields_every_row_and_leaves_nothing_behind() -> None:
    run = subprocess.run([BENCH, "--quick", "--json"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)
    assert {group: [r["what"] for r in rows if r["group"] == group] for group in ROWS} == ROWS
    assert all(0.0 < r["p50"] <= r["p99"] <= r["p999"] <= r["max"] for r in rows)
    assert all(r["verdict"] in ("ok", "MISSED", "-") and r["n"] for r in rows)
    assert list(left_behind(root_of(run.stderr))) == []


def test_an_interrupted_bench_leaves_nothing_behind(tmp_path: Path) -> None:
    told = tmp_path / "stderr"
    with told.open("w") as stderr:
        bench = subprocess.Popen([BENCH, "--quick", "--only=api"], stdout=stderr, stderr=stderr)
    eventually(lambda: "get_evse" in told.read_text() or bench.poll() is not None, "the first row")
    bench.send_signal(signal.SIGINT)
    assert bench.wait(20.0) == 130, told.read_text()
    assert list(left_behind(root_of(told.read_text()))) == []


def test_a_reaction_counts_from_leaving_c_until_the_contactor_is_off_or_c_comes_again() -> None:
    changes = [
        (0.0, "cp", "C"),
        (1.0, "contactor", True),
        (2.0, "cp", "B"),
        (2.5, "contactor", False),
        (3.0, "cp", "C"),
        (3.1, "cp", "B"),  # left before it had closed
        (4.0, "cp", "C"),
        (5.0, "contactor", True),
        (6.0, "cp", "B"),
        (8.0, "cp", "C"),  # it never opened
    ]
    assert leaving_c_ms(changes) == ([500.0, 2000.0], 1)


def test_a_row_misses_its_target_when_one_of_them_is_not_met() -> None:
    values = [float(n) for n in range(1, 1001)]
    met = row("group", "what", "ms", values, [Target("p50", 500.0), Target("p999", 999.0)])
    missed = row("group", "what", "ms", values, [Target("p50", 500.0), Target("max", 999.0)])
    assert (met.p50, met.p99, met.p999, met.max) == (500.0, 990.0, 999.0, 1000.0)
    assert (met.verdict, missed.verdict) == ("ok", "MISSED")
