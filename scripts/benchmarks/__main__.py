"""scripts/bench: what DESIGN promises in numbers, measured on the simulated board with real processes."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

import msgspec

from scripts.benchmarks import api, core, hal, reaction, rest, start
from scripts.benchmarks.plan import FULL, LONG, QUICK, Plan
from scripts.benchmarks.rows import MISSED, Row, table
from scripts.benchmarks.site import Site

Measure = Callable[[Site, Plan], Iterator[Row]]

# rest goes first: it wants processes that have done nothing yet.
GROUPS: dict[str, Measure] = {
    module.GROUP: module.measure for module in (rest, api, reaction, start, core, hal)
}
EPILOG = """\
Groups: rest (memory, CPU), api (round trips, bursts, pilot), reaction (pilot leaves C -> contactor off),
start (to ready), core (step() alone), hal (each driver). Ratios are to a bare program measured in the same
run: on a shared machine trust them more than the milliseconds.
Exit codes: 0 measured (MISSED or not), 1 could not measure.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="every row with few repeats, in half a minute")
    size.add_argument(
        "--long",
        action="store_true",
        help="20,000 cycles, idle and under messages, and 2,000 unplugs: two and a half hours",
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of the table")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="GROUP", help="may be repeated")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these; none given = all")
    args = parser.parse_args()
    unknown = set(args.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    plan = QUICK if args.quick else LONG if args.long else FULL
    rows = list(_measured([*(args.only or ()), *args.groups] or list(GROUPS), plan))
    print(msgspec.json.encode(rows).decode() if args.json else table(rows))
    print(_summary(rows), file=sys.stderr)
    return 0


def _measured(names: list[str], plan: Plan) -> Iterator[Row]:
    with Site() as site:
        print(f"bench: works in {site.root}", file=sys.stderr)
        for name, measure in GROUPS.items():
            if name in names:
                for row in measure(site, plan):
                    print(f"bench: {row.what}: {row.p50:.3g} {row.unit} {row.verdict}", file=sys.stderr)
                    yield row


def _summary(rows: list[Row]) -> str:
    missed_n = sum(row.verdict == MISSED for row in rows)
    load_1min = os.getloadavg()[0]
    return f"bench: {len(rows)} rows, {missed_n} missed; {os.cpu_count()} processors, load {load_1min:.1f}"


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Once: nothing may disturb the ending of what was started."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
