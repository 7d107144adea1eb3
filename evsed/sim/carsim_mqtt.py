"""The world's connection to a broker: EV commands in, errors and trace out.

Rule 1: a trace line is owed until the broker has acknowledged it; of those owed the newest OWED_MAX are kept.
Rule 2: one object is one broker; the next one inherits what this one still owes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from evsed.mqtt import MqttConnection, MqttHandlers, MqttSettings
from evsed.sim.carsim import COMMANDS, topic
from hal.sim.trace import TraceEntry

OWED_MAX = 10000
WINDOW = 20  # sent and not yet acknowledged; paho sends that many at once
QOS = 1  # a line may come twice, none is lost
DISCONNECT_S = 0.5  # a broker that reads nothing must not hold us up
POLL_S = 0.005


class CarsimMqtt:
    """take(tail, payload) gives an error text or ""; lost(why) is told the first failure to connect."""

    def __init__(
        self,
        settings: MqttSettings,
        connector_id: int,
        take: Callable[[str, bytes], str],
        lost: Callable[[str], None],
        owed: Iterable[bytes] = (),
    ) -> None:
        """Made on a running loop; connects at once, and again for ever."""
        self._tails = {topic(connector_id, tail): tail for tail in COMMANDS}
        self._error_topic, self._trace_topic = topic(connector_id, "error"), topic(connector_id, "trace")
        self._take, self._lost = take, lost
        self._owed = deque(owed, maxlen=OWED_MAX)
        self._unacknowledged: dict[int, bytes] = {}
        self._told = self._closed = False
        handlers = MqttHandlers(self._on_message, self._on_connected, self._on_lost, self._on_published)
        self._connection = MqttConnection(settings, handlers)
        self._connection.start()

    def trace(self, entries: Iterable[TraceEntry]) -> None:
        self._owed.extend(msgspec.json.encode(entry) for entry in entries)
        self._pump()

    def forget_trace(self) -> None:
        self._owed.clear()

    async def settle(self, within_s: float) -> None:
        """Wait until nothing is owed; without a broker at once."""
        for _ in range(round(within_s / POLL_S)):
            if not self._connection.connected or not (self._owed or self._unacknowledged):
                return
            self._pump()
            await asyncio.sleep(POLL_S)

    async def stop(self) -> list[bytes]:
        """Disconnect; gives what is still owed."""
        self._closed = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connection.stop(), DISCONNECT_S)
        return [*self._unacknowledged.values(), *self._owed]

    def _pump(self) -> None:
        while self._owed and self._connection.connected and len(self._unacknowledged) < WINDOW:
            line = self._owed.popleft()
            self._unacknowledged[self._connection.publish(self._trace_topic, line, QOS, False)] = line

    def _on_message(self, name: str, payload: bytes) -> None:
        if self._closed:  # a connection attempt may come through after stop()
            return
        error = self._take(self._tails[name], payload)
        if error:
            self._connection.publish(self._error_topic, error.encode(), QOS, False)

    def _on_connected(self) -> None:
        # Nothing is sent from here: paho first repeats what the last connection left unacknowledged.
        if not self._closed:
            self._told = True
            self._connection.subscribe([(name, QOS) for name in self._tails])

    def _on_lost(self, why: str) -> None:
        if not self._told and not self._closed:
            self._told = True
            self._lost(why)

    def _on_published(self, message_id: int) -> None:
        self._unacknowledged.pop(message_id, None)
