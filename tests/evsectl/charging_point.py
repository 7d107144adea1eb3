"""A gateway for tests: the real local socket server over a small charger that lives in memory."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evsed.api.operations import Moment
from evsed.core import commands as c
from evsed.core.availability import Availability
from evsed.core.events import CommandDone
from evsed.gateway.control_link import ControlAway
from evsed.gateway.local import ItemQueue, Kind, LocalServer, LocalService
from evsed.gateway.moments import moment

UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
CHARGING = {
    "state": "Charging",
    "session_info_state": "Charging",
    "cp": "C",
    "cp_high_v": 6.02,
    "cp_low_v": -11.96,
    "duty": 0.5333,
    "offered_a": 32.0,
    "limit_a": 32.0,
    "limit_source": "cable",
    "limits": [{"source": "cable", "limit_a": 32.0}, {"source": "hardware", "limit_a": 40.0}],
    "phases": 3,
    "ampacity": "A_32",
    "contactor_closed": True,
    "mirror_closed": True,
    "locked": True,
    "enabled": True,
    "authorized": True,
    "paused": False,
    "session_uuid": UUID,
    "in_transaction": True,
    "id_token": "DEADBEEF",
    "faults": [],
    "power_w": 22080.4,
    "current_a": [32.0, 31.9, 32.1],
    "voltage_v": [230.1, 229.6, 230.4],
    "energy_import_wh": 1234567.0,
    "session_energy_wh": 4321.0,
    "session_duration_s": 3723.9,
    "control": {
        "connected": True,
        "pid": 42,
        "boot_id": "b",
        "ticks_n": 99,
        "overruns_n": 0,
        "late_max_ms": 1.25,
        "dropped_events_n": 0,
    },
    "mqtt": {"connected": True, "host": "127.0.0.1", "port": 1883, "bad_requests_n": 0, "unpublished_n": 0},
    "version": "0.1.0",
    "board": "sim",
}


class MemoryCharger:
    """A LocalService that takes commands as the core does, without pilot, power or time."""

    def __init__(self, queue_items_n: int = 8) -> None:
        self.availability = Availability()
        self.in_transaction = False
        self.authorized = False
        self.paused = False
        self.socket = True
        self.faults: list[str] = []
        self.control_connected = True
        self.asked: list[c.Command] = []
        self.past: list[dict[str, Any]] = []
        self.extra: dict[str, Any] = {}
        self.unsubscribed = threading.Event()
        self.subscribed = threading.Semaphore(0)
        self._queue_items_n = queue_items_n
        self._queues: dict[ItemQueue, Kind] = {}

    def charge(self) -> None:
        self.in_transaction = self.authorized = True

    def status(self) -> dict[str, Any]:
        if not self.control_connected:
            return {"version": "0.1.0", "board": "sim", "control": {"connected": False}}
        return CHARGING | {
            "state": self._state(),
            "enabled": self.availability.enabled,
            "in_transaction": self.in_transaction,
            "paused": self.paused,
            "faults": self.faults,
            **self.extra,
        }

    def why(self) -> dict[str, Any]:
        return self.status() | {"disabled_by": None, "stop_reason": None}

    def errors(self) -> list[dict[str, Any]]:
        return [{"sub_type": name} for name in self.faults]

    def sessions(self, since_utc_s: float, limit_n: int) -> list[dict[str, Any]]:
        self.sessions_asked = (since_utc_s, limit_n)
        return self.past[:limit_n]

    def get_evse(self) -> dict[str, Any]:
        return {"id": 1, "connectors": [{"id": 1, "type": "sType2"}]}

    async def ask(self, command: c.Command) -> CommandDone:
        if not self.control_connected:
            raise ControlAway("the control process is not connected")
        self.asked.append(command)
        result, why = self._carry_out(command)
        return CommandDone(1, result, why, by_fault=not result and bool(self.faults))

    def subscribe(self, kind: Kind) -> ItemQueue:
        queue: ItemQueue = asyncio.Queue(self._queue_items_n)
        self._queues[queue] = kind
        self.subscribed.release()
        return queue

    def unsubscribe(self, queue: ItemQueue) -> None:
        del self._queues[queue]
        self.unsubscribed.set()

    def publish(self, kind: Kind, *items: dict[str, Any]) -> None:
        for queue, wanted in self._queues.items():
            for item in items:
                if wanted == kind and not queue.full():
                    queue.put_nowait(item)

    def _state(self) -> str:
        if not self.availability.enabled:
            return "Disabled"
        if not self.in_transaction:
            return "Idle"
        return "ChargingPausedEVSE" if self.paused else "Charging"

    def _carry_out(self, command: c.Command) -> tuple[bool, str]:
        match command:
            case c.EnableDisable(row):
                self.availability.put(row)
                winner = self.availability.winner
                why = f"disabled by {winner.enable_source.value}, priority {winner.enable_priority}"
                return (True, "") if self.availability.enabled else (False, why)
            case c.PresentToken():
                awaited, self.authorized = not self.authorized, True
                return awaited, "" if awaited else "no authorization is awaited in state Charging"
            case c.WithdrawAuthorization():
                was, self.authorized, self.in_transaction = self.authorized, False, False
                return was, "" if was else "nothing is authorized"
            case c.ForceUnlock():
                return self.socket, "" if self.socket else "a tethered cable has no lock"
            case _:
                return self._in_transaction(command)

    def _in_transaction(self, command: c.Command) -> tuple[bool, str]:
        if not self.in_transaction:
            return False, "no transaction is active"
        if isinstance(command, c.StopTransaction):
            self.in_transaction = False
        else:
            self.paused = isinstance(command, c.PauseCharging)
        return True, ""


class Gateway:
    """The server in a thread of its own."""

    def __init__(
        self, path: Path, charger: Any, patience_s: float, now: Callable[[], Moment] = moment
    ) -> None:
        self.path, self.charger = path, charger
        self._patience_s, self._now = patience_s, now
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(5)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)
            assert not self._thread.is_alive()

    def publish(self, kind: Kind, *items: dict[str, Any]) -> None:
        """All of them in one go, before the server can pass on any."""
        self._loop.call_soon_threadsafe(lambda: self.charger.publish(kind, *items))

    def do(self, action: Callable[[], object]) -> None:
        """Run `action` between two turns of the server's loop."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (action(), done.set()))
        assert done.wait(5)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = LocalServer(self.path, self.charger, self._patience_s, self._now)
        await server.start()
        self._ready.set()
        await self._stop.wait()
        await server.stop()


@contextmanager
def running(
    run_dir: Path,
    charger: LocalService | None = None,
    patience_s: float = 5.0,
    now: Callable[[], Moment] = moment,
) -> Iterator[Gateway]:
    gateway = Gateway(run_dir / "evsectl.sock", charger or MemoryCharger(), patience_s, now)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
