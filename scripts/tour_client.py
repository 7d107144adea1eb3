"""A client of the whole API for the tour: it asks, waits, and keeps every message that it sent or got."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec

from evsed.demo.children import Failed
from evsed.mqtt import MqttConnection, MqttHandlers, MqttSettings
from evsed.sim.carsim import topic as carsim_topic

V1 = "everest_api/1/evse_manager_consumer/evse"
V0 = "everest_api/0/evse_manager/evse"
REPLIES = "tour/reply"
CONNECTOR_ID = 1
ANSWER_LIMIT_S = 15.0  # the slowest of these waits takes five seconds
POLL_S = 0.01


class Message(msgspec.Struct, frozen=True):
    """payload: decoded JSON; None for an empty body."""

    topic: str
    payload: Any


class Exchange(msgspec.Struct, frozen=True):
    """A request with its reply. topic: that of the request; reply_topic is its alone."""

    topic: str
    reply_topic: str
    body: Any
    reply: Any


class TourClient:
    """Made on a running loop. QoS 1, so that all comes in the broker's order."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self.exchanges: list[Exchange] = []
        self.port = port
        self._refused = ""
        self._mark = 0
        self._connected = asyncio.Event()
        handlers = MqttHandlers(message=self._message, connected=self._on_connected)
        self._connection = MqttConnection(MqttSettings(port=port), handlers)
        self._connection.start()

    async def connected(self) -> None:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            await self._connected.wait()

    async def close(self) -> None:
        await self._connection.stop()

    async def send(self, topic: str, body: Any = None) -> None:
        """body None: an empty one."""
        self.messages.append(Message(topic, body))
        self._connection.publish(topic, b"" if body is None else json.dumps(body).encode(), 1, False)

    async def request(self, topic: str, payload: Any = None) -> Any:
        """The reply. Raises Failed without one."""
        reply_topic = f"{REPLIES}/{len(self.exchanges)}"
        body = {"headers": {"replyTo": reply_topic}, **({} if payload is None else {"payload": payload})}
        start = len(self.messages)
        await self.send(topic, body)
        reply = (await self.seen(lambda m: m.topic == reply_topic, f"a reply of {topic}", start)).payload
        self.exchanges.append(Exchange(topic, reply_topic, body, reply))
        return reply

    async def car(self, script: str) -> None:
        """Commands for the simulated EV, which forgets those before."""
        topic = carsim_topic(CONNECTOR_ID, "cmd/modify_charging_session")
        self._connection.publish(topic, script.encode(), 1, False)

    async def event(self, *kinds: str) -> None:
        """Each of these session events comes, in this order, others between them or not."""
        for kind in kinds:
            await self.variable("session_event", lambda payload, kind=kind: payload["event"] == kind, kind)

    async def variable(
        self, name: str, holds: Callable[[Any], bool] = lambda value: True, what: str = ""
    ) -> Any:
        """The next value of a variable of interface 1 that holds, counted from the last one waited for."""
        return await self.value(f"{V1}/e2m/{name}", holds, what)

    async def value(
        self, topic: str, holds: Callable[[Any], bool] = lambda value: True, what: str = ""
    ) -> Any:
        found = await self.seen(
            lambda m: m.topic == topic and holds(m.payload), f"{topic} {what}", self._mark
        )
        self._mark = self.messages.index(found, self._mark) + 1
        return found.payload

    async def seen(self, wanted: Callable[[Message], bool], what: str, start: int = 0) -> Message:
        """The first such message from there on. Raises Failed at the deadline."""
        give_up_s = time.monotonic() + ANSWER_LIMIT_S
        looked = start
        while True:
            for message in self.messages[looked:]:
                looked += 1
                if wanted(message):
                    return message
            if self._refused:
                raise Failed(f"the simulated EV refuses: {self._refused}")
            if time.monotonic() > give_up_s:
                raise Failed(f"not within {ANSWER_LIMIT_S:g} s: {what}")
            await asyncio.sleep(POLL_S)

    def _on_connected(self) -> None:
        # One by one: of overlapping patterns a broker may deliver a message once for each.
        self._connection.subscribe([(f"{V1}/e2m/#", 1), (f"{V0}/e2m/#", 1), (f"{REPLIES}/#", 1)])
        self._connection.subscribe([(carsim_topic(CONNECTOR_ID, "error"), 1)])
        self._connected.set()

    def _message(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/carsim/error"):
            self._refused = payload.decode(errors="replace")
        else:
            self.messages.append(Message(topic, json.loads(payload)))
