"""A charging point with the real core in a simulated world behind the real local socket server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evsed.api.operations import Moment
from evsed.core import commands as c
from evsed.core.availability import Availability
from evsed.core.events import CommandDone, FaultRaised
from evsed.core.settings import KnownToken, Settings
from evsed.core.states import EventKind
from evsed.gateway.local import ItemQueue, Kind
from evsed.gateway.local_status import Names, charger_item, disabled_by
from tests.bench import UTC_AT_START_S, Bench
from tests.evsectl.charging_point import running

NAMES = Names((KnownToken("04a2b3c4", "Anna"),))


class CoreCharger:
    """A LocalService over a bench, whose time stands still unless a test moves it."""

    def __init__(self, bench: Bench, synchronised: bool = True) -> None:
        self.bench = bench
        self.synchronised = synchronised
        self.asked: list[c.Command] = []
        self._availability = Availability()

    def now(self) -> Moment:
        now_s = self.bench.clock.now_s()
        return Moment(now_s, UTC_AT_START_S + now_s, self.synchronised)

    def status(self) -> dict[str, Any]:
        charger = charger_item(self.bench.charger.snapshot(), self.bench.clock.now_s(), NAMES)
        return {"version": "0", "board": "sim", "control": {"connected": True}, **charger}

    def why(self) -> dict[str, Any]:
        finished = [e for e in self.bench.session_events if e.kind is EventKind.TRANSACTION_FINISHED]
        reason = finished[-1].stop_reason if finished else None
        by = disabled_by(self._availability.rows)
        return self.status() | {"disabled_by": by, "stop_reason": reason and reason.value}

    def errors(self) -> list[dict[str, Any]]:
        active = self.bench.charger.snapshot().faults
        raised = {e.fault: e for e in self.bench.events if isinstance(e, FaultRaised)}
        return [
            {"type": raised[name].mrec, "sub_type": name, "message": raised[name].text,
             "severity": raised[name].severity, "timestamp": "2026-01-02T03:04:05.678Z"}
            for name in active
        ]  # fmt: skip

    def sessions(self, since_utc_s: float, limit_n: int) -> list[dict[str, Any]]:
        return []

    def get_evse(self) -> dict[str, Any]:
        return {"id": 1}

    async def ask(self, command: c.Command) -> CommandDone:
        return self.do(command)

    def do(self, command: c.Command) -> CommandDone:
        self.asked.append(command)
        if isinstance(command, c.EnableDisable):
            self._availability.put(command.row)
        return self.bench.ask(command)

    def subscribe(self, kind: Kind) -> ItemQueue:
        return asyncio.Queue(1)

    def unsubscribe(self, queue: ItemQueue) -> None:
        pass


@contextmanager
def core_point(run_dir: Path, bench: Bench | None = None) -> Iterator[CoreCharger]:
    charger = CoreCharger(bench or Bench(Settings()))
    with running(run_dir, charger, now=charger.now):
        yield charger
