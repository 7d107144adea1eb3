"""evsed-control with a fault built in, in one phase of the tick, from when the file `fail` is in the run directory.

EVSED_TEST_FAULT=PHASE:KIND. It is the real process in everything else.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evsed.control import __main__ as control
from evsed.control.loop import Loop

PHASES = {
    "sample": ("_sampler", "sample"),
    "step": ("_charger", "step"),
    "apply": ("_actuator", "apply"),
    "hand over": ("_link", "take"),
    "snapshot": ("_charger", "snapshot"),
    "watchdog": ("_notifier", "notify"),
}


def fail() -> None:
    raise RuntimeError("a fault that the test has built in")


def hold_the_gil() -> None:
    """One call into C: no other thread runs, no signal handler either."""
    sum(range(10**13))


KINDS = {"exception": fail, "holds the GIL": hold_the_gil}


def build_in(loop: Loop, phase: str, kind: str, trigger: Path) -> None:
    owner, name = PHASES[phase]
    whole: Callable[..., Any] = getattr(getattr(loop, owner), name)

    def failing(*arguments: Any) -> Any:
        if trigger.exists():
            KINDS[kind]()
        return whole(*arguments)

    setattr(getattr(loop, owner), name, failing)


class FaultyLoop(Loop):
    def run(self) -> None:
        phase, _, kind = os.environ["EVSED_TEST_FAULT"].partition(":")
        build_in(self, phase, kind, Path(os.environ["RUNTIME_DIRECTORY"]) / "fail")
        super().run()


if __name__ == "__main__":
    control.Loop = FaultyLoop  # type: ignore[misc]
    sys.exit(control.main())
