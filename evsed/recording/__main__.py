"""scripts/replay: a recording through the core again. Does the core of today say what it said then?

Exit codes: 0 the same outputs and events, 1 they differ, 2 no recording that can be read.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from evsed.recording.replay import Difference, Raised, Replayed, replay
from evsed.recording.tape import Tape, TapeError

_COLUMNS = "{:>9}  {:<26} {:<3} {:>7} {:>6} {:<14} {:<6} {:<6} {}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "recording", type=Path, help="a file of /var/lib/evsed/recordings or of a support bundle"
    )
    parser.add_argument("--show", action="store_true", help="a line for each step in which something changes")
    args = parser.parse_args()
    try:
        return play(Tape(args.recording), args.show)
    except TapeError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2


def play(tape: Tape, show: bool) -> int:
    """The exit code. Raises TapeError."""
    header = tape.header
    print(f"evsed {header.version}, {header.cause}, session {header.session_uuid or '-'}")
    if show:
        print(_COLUMNS.format("s", "state", "cp", "duty", "limit", "by", "coil", "mirror", "faults"))
    try:
        return _compared(tape, show)
    except Raised as raised:
        return _judged(raised, tape)


def _compared(tape: Tape, show: bool) -> int:
    n, finished, before = 0, True, None
    for now in replay(tape):
        if now.difference is not None:
            print(_told(now.difference))
            return 1
        row = _row(now)
        if show and row != before:
            print(_COLUMNS.format(f"{now.step.now_s - tape.header.now_s:.3f}", *row))
        n, finished, before = now.n, now.step.finished, row
    print(f"{n} steps: the same outputs and events")
    if not finished:
        print(f"step {n} was not finished then: the exception was not the core's, or has been mended")
    return 0


def _judged(raised: Raised, tape: Tape) -> int:
    if raised.as_then(tape):
        print(f"{raised}, as it did then; all before it is the same")
        return 0
    print(f"{raised}, which it did not then; with evsed {tape.header.version} it may be the same")
    return 1


def _row(now: Replayed) -> tuple[str, ...]:
    s = now.snapshot
    coil, mirror = ("on" if closed else "off" for closed in (s.contactor_closed, s.mirror_closed))
    limit = f"{s.limit_a:g} A"
    return (
        s.state.value,
        s.cp.value,
        f"{s.duty:.2%}",
        limit,
        s.limit_source,
        coil,
        mirror,
        ", ".join(s.faults),
    )


def _told(difference: Difference) -> str:
    then, now = (msgspec.json.encode(value).decode() for value in (difference.then, difference.now))
    return f"step {difference.step_n}: other {difference.what}\n  then {then}\n  now  {now}"


if __name__ == "__main__":
    sys.exit(main())
