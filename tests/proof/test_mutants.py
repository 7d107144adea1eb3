"""Each small change of the core's safety modules is noticed by a test, or stands in SURVIVORS.

By default a seeded sample; --soak takes all of them (results are kept in a file: a run that was cut goes on).
interlock and tables are each caught by their own tests alone.
"""

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest

from tests.proof.mutants import Mutant, mutants, source_of

ROOT = Path(__file__).parents[2]
LIMIT_S = 600.0
SAMPLE_N = 8
SAMPLED = ("interlock", "pilot_duty", "connector_lock")  # whose own tests take no time
SEED = 61851
CORE = ("tests/core/test_safety_stories.py", "tests/core/test_random_walks.py", "tests/core/test_charger.py",
        "tests/core/test_events.py", "tests/core/test_state_events.py")  # fmt: skip

# fmt: off
TESTS: dict[str, tuple[str, ...]] = {
    "interlock":      ("tests/core/test_interlock.py",),
    "tables":         ("tests/core/test_table_structure.py", "tests/tables"),
    "pilot_duty":     ("tests/core/test_pilot_duty.py",),
    "power_path":     ("tests/core/test_power_path.py", *CORE),
    "phases":         ("tests/core/test_phases.py", "tests/core/test_review_limits.py", *CORE),
    "connector_lock": ("tests/core/test_connector_lock.py", *CORE),
    "limits":         ("tests/core/test_limits.py", "tests/core/test_review_limits.py", *CORE),
}
# What nobody can see, and why: module, the mutant's text, the reason.
SURVIVORS: dict[tuple[str, str], str] = {
    ("pilot_duty", "if current_a < _UPPER_A: => if current_a <= _UPPER_A:"): "both lines make 85 % of 52.5 A",
    ("pilot_duty", "if duty < 0.1: => if duty <= 0.1:"): "10 % is 6 A on the line, too",
    ("pilot_duty", "if duty <= 0.96: => if duty < 0.96:"): "96 % is 80 A on the line, too",
    ("power_path", "self._confirmed = False => self._confirmed = True"): "every command sets it anew",
    ("power_path", "self.mirror_closed = False => self.mirror_closed = True"): "a sample comes before",
}
# fmt: on

KEPT = Path(os.environ.get("EVSED_MUTANTS", ROOT / ".pytest_cache" / "mutants.json"))


Case = tuple[str, int, Mutant]  # module, number, what it changes


def cases() -> list[Case]:
    return [(name, n, m) for name in TESTS for n, m in enumerate(mutants(source_of(f"evsed.core.{name}")))]


ALL = cases()


def told(case: Case) -> str:
    name, _, mutant = case
    return f"{name}:{mutant.line}: {mutant.text}"


def survives(name: str, number: int) -> bool:
    """Its own tests first: most go no further."""
    own, *others = TESTS[name]
    return passes(name, number, own) and (not others or passes(name, number, *others))


def passes(name: str, number: int, *tests: str) -> bool:
    command = [sys.executable, "-m", "tests.proof.mutants", f"evsed.core.{name}", str(number), *tests]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False  # it hangs: noticed
    return done.returncode == 0


def survivors(chosen: list[Case], kept: dict[str, bool]) -> list[str]:
    """As many at a time as there are processors: each one's tests are a process of their own."""
    unreviewed = [case for case in chosen if (case[0], case[2].text) not in SURVIVORS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {
            pool.submit(survives, case[0], case[1]): told(case)
            for case in unreviewed
            if told(case) not in kept
        }
        for done in as_completed(running):
            kept[running[done]] = done.result()
    return [told(case) for case in unreviewed if kept[told(case)]]


def test_a_sample_is_noticed() -> None:
    quick = [case for case in ALL if case[0] in SAMPLED]
    found = survivors(random.Random(SEED).sample(quick, SAMPLE_N), {})
    print(f"{SAMPLE_N - len(found)} of {SAMPLE_N} mutants noticed, of {len(ALL)}")
    assert found == []


def test_a_change_that_breaks_nothing_survives() -> None:
    """The tests are run at all, and pass where nothing that matters is changed."""
    changes = [mutant.text for mutant in mutants(source_of("evsed.core.pilot_duty"))]
    assert survives("pilot_duty", changes.index("if duty < 0.1: => if duty <= 0.1:"))


def test_every_reviewed_survivor_is_a_mutant_of_today() -> None:
    assert set(SURVIVORS) <= {(name, mutant.text) for name, _, mutant in ALL}


class Results(dict[str, bool]):
    """Written down after each one."""

    def __setitem__(self, case: str, survived: bool) -> None:
        super().__setitem__(case, survived)
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(self))


@pytest.mark.soak
def test_every_one_is_noticed() -> None:
    kept = Results(json.loads(KEPT.read_text()) if KEPT.exists() else {})
    found = survivors(ALL, kept)
    print(f"{len(ALL) - len(found)} of {len(ALL)} mutants noticed or reviewed")
    assert found == []
