"""scripts/tour: evsed on the simulated board, with a broker of its own, is asked all that it answers."""

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from evsed.demo.children import Child, Failed, log_tail, start_broker
from evsed.demo.workplace import Workplace, environment
from evsed.demo.world import end_world
from scripts import tour_files
from scripts.tour_client import V1, TourClient
from scripts.tour_story import CHAPTERS, SETTINGS

EVSED_STOP_LIMIT_S, BROKER_STOP_LIMIT_S = 15.0, 3.0
Chapter = Callable[[TourClient], Coroutine[Any, Any, None]]
EPILOG = """\
CAPTURE.jsonl has a message a line, REPLIES.json tells which reply topic answers which operation,
EXAMPLES.json has one message of each topic. Exit codes: 0 every topic was seen, 1 some were not or a
step failed (says which).
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/tour",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    args = parser.parse_args()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda number, frame: sys.exit(128 + number))
    with Workplace() as workplace:
        return asyncio.run(_run(workplace, args.out, args.sets))


async def _run(workplace: Workplace, out: Path, sets: list[str]) -> int:
    started_s = time.monotonic()
    async with AsyncExitStack() as stack:
        client = await _client(workplace, stack)
        problem = await _toured(client, workplace, sets)
        await asyncio.sleep(0.2)  # the last messages
        tour_files.write(out, client.messages, client.exchanges)
        shutil.copy(workplace.log("evsed"), out / "evsed.log")
    unseen = _unseen(client)
    took_s = time.monotonic() - started_s
    print(f"tour: {len(client.messages)} messages in {took_s:.0f} s, in {out}", file=sys.stderr)
    if unseen:
        print(f"tour: {len(unseen)} topics not seen: {', '.join(unseen)}", file=sys.stderr)
    if problem:
        print(f"tour: {problem}", *log_tail(workplace.log("evsed")), sep="\n", file=sys.stderr)
    return 1 if unseen or problem else 0


async def _client(workplace: Workplace, stack: AsyncExitStack) -> TourClient:
    """Of a broker that has just been started."""
    broker, port = await start_broker(workplace)
    stack.push_async_callback(broker.stop, BROKER_STOP_LIMIT_S, asyncio.Event())
    client = TourClient(port)
    stack.push_async_callback(client.close)
    await client.connected()
    return client


async def _toured(client: TourClient, workplace: Workplace, sets: list[str]) -> str:
    """Why it is not complete; "" if it is. evsed has ended, in order, afterwards."""
    settings = [f"--set={text}" for text in (f"mqtt.port={client.port}", *SETTINGS, *sets)]
    command = [sys.executable, "-m", "evsed", "--board=sim", *settings]
    evsed = Child("evsed", command, environment(workplace), workplace.log("evsed"))
    problems = []
    try:
        for chapter in CHAPTERS:
            problems.append(await _told(chapter, client, evsed))
        problems.append(await _told(_last_values, client, evsed))
    finally:
        await evsed.stop(EVSED_STOP_LIMIT_S, asyncio.Event())
        await end_world(workplace.run_dir, asyncio.Event())
    return "; ".join(filter(None, problems))


async def _told(chapter: Chapter, client: TourClient, evsed: Child) -> str:
    try:
        evsed.check()
        await chapter(client)
    except Failed as error:
        await client.car("unplug")  # so that the next one can begin
        return f"{chapter.__name__.strip('_')}: {error}"
    return ""


async def _last_values(client: TourClient) -> None:
    """m2e/<var>/get of every variable."""
    for address in tour_files.topics_by_address():
        if address.startswith(V1) and address.endswith("/get"):
            await client.request(address)


def _unseen(client: TourClient) -> list[str]:
    seen = {message.topic for message in client.messages}
    return [address for address in tour_files.topics_by_address() if address not in seen]


if __name__ == "__main__":
    sys.exit(main())
