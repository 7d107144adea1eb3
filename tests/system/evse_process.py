"""A whole evsed as real processes with its broker, two clients and the trace; all it started ends with it.

Rule: our processes are known by their environment, which names the run directory; no others are touched.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import paho.mqtt.client as paho

from evsed.core.states import EventKind
from tests.system.bench import DEADLINE_S, Broker, eventually

API = "everest_api/1/evse_manager_consumer/evse/"
CARSIM = "everest_external/nodered/1/carsim/"
REPLIES = "evsed-test/reply/"
TOKEN = {"id_token": {"value": "04A2B3C4", "type": "ISO14443"}, "authorization_type": "RFID"}
_ACCEPTED = {"authorization_status": "Accepted", "tariff_messages": []}
PLUG_AND_CHARGE = "iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 600"
DEFAULTS = ("sim.trace=true", "core.reclose_min_s=0.2")  # else each first charge waits for 2 s

Json = dict[str, Any]


class Message(NamedTuple):
    topic: str
    payload: bytes
    at_s: float
    retained: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Listener:
    """A client that keeps all that comes and comes back by itself; with an id its session is persistent."""

    def __init__(self, port: int, qos: int, topics: Sequence[str], client_id: str = "") -> None:
        self.messages: list[Message] = []
        self._topics = [(topic, qos) for topic in topics]
        self._subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, clean_session=not client_id)
        self._client.on_connect = lambda client, *rest: client.subscribe(self._topics)
        self._client.on_subscribe = lambda *args: self._subscribed.set()
        self._client.on_message = lambda client, data, message: self.messages.append(
            Message(message.topic, bytes(message.payload), time.monotonic(), message.retain)
        )
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S), f"no SUBACK for {topics}"

    def publish(self, topic: str, payload: str | bytes) -> None:
        self._client.publish(topic, payload, 1).wait_for_publish(DEADLINE_S)

    def of(self, topic: str) -> list[Message]:
        return [message for message in list(self.messages) if message.topic == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class TraceEntry(NamedTuple):
    t: float
    line: str
    value: Any


class Evse:
    """Context manager: the launcher runs and e2m/ready was true, unless started=False.

    events is a QoS 2 subscriber with a persistent session; wire is a QoS 1 subscriber, which gets everything
    in the broker's order (at QoS 2 a client delivers an event one round trip later than a QoS 0 message).
    """

    def __init__(self, broker: Broker, *settings: str, started: bool = True) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="evse-", dir="/tmp"))  # a socket's path must be short
        self.run_dir, self.store_path = self.root / "run", self.root / "state" / "evsed.sqlite"
        self.log_path = self.root / "log"
        self._settings = [f"mqtt.port={broker.port}", *DEFAULTS, *settings]
        self._start_at_once = started
        self.launcher: subprocess.Popen[bytes]
        self._spawned: list[subprocess.Popen[bytes]] = []
        self._expected_n = 0
        self.replies: dict[str, str] = {}  # operation asked, by reply topic
        topics = [API + "e2m/#", CARSIM + "trace", CARSIM + "error", REPLIES + "#"]
        self.events = Listener(broker.port, 2, topics, f"events-{self.root.name}")
        self.wire = Listener(broker.port, 1, [API + "e2m/#"])

    def __enter__(self) -> "Evse":
        try:
            if self._start_at_once:
                self.start()
                self.until_ready()
                self._until_world_hears()
        except BaseException as error:  # nobody else ends what has been started by now
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(f"--- log of {self.root}\n{self.log}")
        self.kill_all()
        self.events.close()
        self.wire.close()
        shutil.rmtree(self.root)

    # Processes.

    def start(self) -> None:
        self.launcher = self.spawn("evsed", "--board", "sim")

    def start_world(self) -> None:
        """The world alone; an evsed that starts later attaches to it."""
        self.spawn("evsed.sim", "--board", "sim")
        eventually(lambda: "world ready" in self.log, "the world is ready")
        self._until_world_hears()

    def spawn(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        sets = [f"--set={setting}" for setting in self._settings]
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, *sets],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self._spawned.append(process)
        return process

    @property
    def environment(self) -> dict[str, str]:
        state_dir = str(self.store_path.parent)
        return {**os.environ, "RUNTIME_DIRECTORY": str(self.run_dir), "STATE_DIRECTORY": state_dir}

    def pid(self, name: str) -> int:
        """Of "launcher", "control", "gateway" or "sim", once it is there."""
        module = "evsed" if name == "launcher" else f"evsed.{name}"
        return eventually(lambda: self.running().get(module), f"a process {module}") or 0

    def kill(self, name: str, signum: signal.Signals = signal.SIGKILL) -> float:
        """Monotonic time of the signal."""
        os.kill(self.pid(name), signum)
        return time.monotonic()

    def running(self) -> dict[str, int]:
        """Pid by module of what lives in our run directory, the world included."""
        marker = f"RUNTIME_DIRECTORY={self.run_dir}".encode()
        return {module: pid for pid, module, environment in _processes() if marker in environment}

    def stop(self) -> int:
        """A planned stop; the launcher's exit code."""
        self.launcher.terminate()
        return self.launcher.wait(DEADLINE_S)

    def restart(self, *settings: str) -> None:
        """A planned stop and a start with these settings, too; the world goes on meanwhile."""
        assert self.stop() == 0
        self._settings += settings
        self.start()
        self.until_ready()

    def kill_all(self) -> None:
        while running := self.running():
            for pid in running.values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        for process in self._spawned:
            process.wait(DEADLINE_S)

    @property
    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    # As a client.

    def until_ready(self) -> None:
        eventually(lambda: self.value("ready") is True, "ready is true")

    def value(self, variable: str) -> Any:
        """The newest one; None before the first."""
        messages = self.wire.of(API + "e2m/" + variable)
        return messages[-1].json if messages else None

    def send(self, operation: str, body: object) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body)
        self.events.publish(API + "m2e/" + operation, raw)

    def request(self, operation: str, payload: object = None) -> Any:
        """The reply; fails the test without one."""
        topic = f"{REPLIES}{len(self.replies)}"
        self.replies[topic] = operation
        body: Json = {"headers": {"replyTo": topic}}
        self.send(operation, body if payload is None else {**body, "payload": payload})
        return eventually(lambda: self.events.of(topic), f"a reply to {operation}")[0].json

    def status(self) -> Json:
        """What evsectl tells."""
        argv = [sys.executable, "-m", "evsed.evsectl", "status", "--json"]
        told = subprocess.run(
            argv, env=self.environment, capture_output=True, check=False, timeout=DEADLINE_S
        )
        status: Json = json.loads(told.stdout)
        return status

    def authorize(self) -> None:
        self.send("authorize_response", {"token": TOKEN, "result": _ACCEPTED})

    def enable_disable(self, state: str) -> Any:
        source = {"enable_source": "LocalAPI", "enable_state": state, "enable_priority": 100}
        return self.request("enable_disable", {"connector_id": 0, "source": source})

    def session_events(self) -> list[Json]:
        return [message.json for message in self.events.of(API + "e2m/session_event")]

    def expect(self, *kinds: str) -> list[Json]:
        """The next session events since the last call, once they are there; they must be these.

        One that a gateway had sent when it died may come again, under its boot_id and sequence: once counts.
        """

        def told() -> list[Json]:
            once = {(event["boot_id"], event["sequence"]): event for event in self.session_events()}
            return list(once.values())[self._expected_n :][: len(kinds)]

        def over() -> bool:
            so_far = [event["event"] for event in told()]
            return len(so_far) == len(kinds) or so_far != list(kinds[: len(so_far)])

        with suppress(AssertionError):
            eventually(over)
        found = told()
        assert [event["event"] for event in found] == list(kinds), f"{kinds} expected, then came {found}"
        self._expected_n += len(kinds)
        return found

    # As the EV, and what its side of the lines saw.

    def play(self, script: str) -> None:
        """From an unplugged EV."""
        self.events.publish(CARSIM + "cmd/execute_charging_session", script)

    def modify(self, script: str) -> None:
        """The EV stays as it is; it unplugs at the end of the list."""
        self.events.publish(CARSIM + "cmd/modify_charging_session", script)

    def _until_world_hears(self) -> None:
        """Commands are not retained: they count from when the world has subscribed."""

        def heard() -> bool:
            self.modify("hear")
            return bool(self.events.of(CARSIM + "error"))

        eventually(heard, "the world hears its commands")

    def charge(self) -> None:
        """Plug, authorize, and wait until power flows."""
        self.play(PLUG_AND_CHARGE)
        self.expect("SessionStarted", "AuthRequired")
        self.authorize()
        self.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
        self.until_line("mirror", True)

    @property
    def trace(self) -> list[TraceEntry]:
        """Each once, in the order of their stamps."""
        entries = {TraceEntry(**message.json) for message in self.events.of(CARSIM + "trace")}
        return sorted(entries, key=lambda entry: entry.t)

    def line(self, name: str, since_s: float = 0.0) -> list[TraceEntry]:
        return [entry for entry in self.trace if entry.line == name and entry.t >= since_s]

    def until_line(self, name: str, value: object, since_s: float = 0.0) -> TraceEntry:
        """The first such change since then."""

        def found() -> list[TraceEntry]:
            return [entry for entry in self.line(name, since_s) if entry.value == value]

        return eventually(found, f"{name} is {value}")[0]

    # On disk.

    def stored(self) -> list[tuple[str, int, str]]:
        """(boot id, number, kind) of every session event that the store has."""
        rows = self.query("SELECT boot_id, n, kind FROM event ORDER BY id")
        return [row for row in rows if row[2] in {kind.value for kind in EventKind}]

    def query(self, sql: str) -> list[Any]:
        """Nothing as long as the gateway has not made its tables."""
        if not self.store_path.exists():
            return []
        with closing(sqlite3.connect(self.store_path)) as db:
            made = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'event'").fetchone()[0]
            return db.execute(sql).fetchall() if made else []


def _processes() -> Iterator[tuple[int, str, list[bytes]]]:
    """Pid, module (of `python -m module`) and environment of every process that we may look at."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            argv = (path / "cmdline").read_bytes().split(b"\0")
            environment = (path / "environ").read_bytes().split(b"\0")
            module = argv[2].decode() if argv[1:2] == [b"-m"] else argv[0].decode()
            yield int(path.name), module, environment
