"""An MQTT client of one thread, so that no hand-over between threads is measured."""

import json
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

ANSWER_LIMIT_S = 20.0
INFLIGHT_N = 1000  # a burst goes out as fast as the broker takes it


class NoAnswer(Exception):
    """What was waited for has not come."""


def no_delay(client: paho.Client, userdata: object, sock: Any) -> None:
    """As evsed does it: without it Nagle's algorithm costs 40 ms a hop."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Client:
    """messages: per topic (monotonic time of arrival, payload), oldest first."""

    def __init__(self, port: int, *topics: str) -> None:
        self.messages: dict[str, deque[tuple[float, bytes]]] = defaultdict(deque)
        self._subscribed = False
        self._paho = paho.Client(CallbackAPIVersion.VERSION2)
        self._paho.max_inflight_messages_set(INFLIGHT_N)
        self._paho.on_socket_open = no_delay
        self._paho.on_message = self._on_message
        self._paho.on_connect = self._on_connect
        self._paho.on_subscribe = self._on_subscribe
        self._topics = [(topic, 1) for topic in topics]
        self._paho.connect("127.0.0.1", port)
        self.until(lambda: self._subscribed, "SUBACK")

    def close(self) -> None:
        self._paho.disconnect()

    def publish(self, topic: str, payload: str | bytes) -> float:
        """At QoS 1; the monotonic time just before."""
        at_s = time.monotonic()
        self._paho.publish(topic, payload, 1)
        return at_s

    def until(self, holds: Callable[[], bool], what: str, within_s: float = ANSWER_LIMIT_S) -> None:
        give_up_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > give_up_s:
                raise NoAnswer(f"{what}: not within {within_s:g} s")
            self._paho.loop(0.1)

    def listen(self, seconds: float) -> None:
        """Take what comes for so long."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self._paho.loop(left_s)

    def next(self, topic: str, within_s: float = ANSWER_LIMIT_S) -> tuple[float, bytes]:
        waiting = self.messages[topic]
        self.until(lambda: bool(waiting), topic, within_s)
        return waiting.popleft()

    def round_trip_s(self, topic: str, payload: bytes, reply_topic: str) -> float:
        sent_s = self.publish(topic, payload)
        return self.next(reply_topic)[0] - sent_s

    def _on_connect(self, *_: object) -> None:
        self._paho.subscribe(self._topics)

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        self.messages[message.topic].append((time.monotonic(), bytes(message.payload)))

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed = True


class TraceClient(Client):
    """A client that also hears the world's trace."""

    def __init__(self, port: int, trace_topic: str, *topics: str) -> None:
        super().__init__(port, trace_topic, *topics)
        self._trace_topic = trace_topic
        self.trace: list[tuple[float, str, Any]] = []  # time, line, value

    def forget_trace(self) -> None:
        self._take_trace()
        self.trace.clear()

    def traced(self, line: str, wanted: Callable[[Any], bool], since_s: float) -> float:
        """When the line took such a value for the first time since then; waits for it."""
        found: list[float] = []

        def there() -> bool:
            self._take_trace()
            found[:] = [t for t, name, value in self.trace if t >= since_s and name == line and wanted(value)]
            return bool(found)

        self.until(there, f"a change of {line}")
        return min(found)

    def times(self, line: str, value: object) -> set[float]:
        """When the line took this value, since the trace was last forgotten."""
        self._take_trace()
        return {t for t, name, now in self.trace if name == line and now == value}

    def changes(self) -> list[tuple[float, str, Any]]:
        """The trace since it was last forgotten, in the order of its stamps; QoS 1 may repeat a line."""
        self._take_trace()
        return sorted(set(self.trace))

    def _take_trace(self) -> None:
        waiting = self.messages[self._trace_topic]
        while waiting:
            entry = json.loads(waiting.popleft()[1])
            self.trace.append((entry["t"], entry["line"], entry["value"]))
