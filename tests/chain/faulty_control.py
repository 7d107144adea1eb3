"""evsed-control with a fault built in: what the file `fail` in the run directory says fails.

The file holds PHASE:KIND. In everything else it is the real process.
"""

import os
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

from evsed.control import __main__ as control
from evsed.control.loop import Loop

# Every call that a tick makes.
PHASES = {
    "receive": ("_link", "receive"),
    "sample": ("_sampler", "sample"),
    "step": ("_charger", "step"),
    "apply": ("_actuator", "apply"),
    "hand over": ("_link", "take"),
    "pump": ("_link", "pump"),
    "snapshot": ("_charger", "snapshot"),
    "heartbeat": ("_board.heartbeat", "toggle"),
    "watchdog": ("_notifier", "notify"),
}


def fail() -> None:
    raise RuntimeError("a fault that the test has built in")


def hold_the_gil() -> None:
    """One call into C: no other thread runs, no signal handler either.

    In the ordinary scheduling class, as other tests run beside this one on a machine that may have two cores.
    """
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    sum(range(10**13))


HOARD: list[bytearray] = []


def eat_memory() -> None:
    HOARD.append(bytearray(1 << 20))


KINDS = {"exception": fail, "holds the GIL": hold_the_gil, "eats memory": eat_memory}


def build_in(loop: Loop, phase: str, trigger: Path) -> None:
    path, name = PHASES[phase]
    owner = attrgetter(path)(loop)
    whole: Callable[..., Any] = getattr(owner, name)

    def failing(*arguments: Any) -> Any:
        for kind in KINDS:
            if trigger.exists() and trigger.read_text() == f"{phase}:{kind}":
                KINDS[kind]()
        return whole(*arguments)

    setattr(owner, name, failing)


class FaultyLoop(Loop):
    def run(self) -> None:
        for phase in PHASES:
            build_in(self, phase, Path(os.environ["RUNTIME_DIRECTORY"]) / "fail")
        super().run()


if __name__ == "__main__":
    control.Loop = FaultyLoop  # type: ignore[misc]
    sys.exit(control.main())
