"""The door to paho: one MQTT connection on the asyncio loop. Bytes in, bytes out, no meaning.

Rule 1: nothing blocks the loop; connecting, which resolves names, happens on a thread.
Rule 2: a lost connection is made again for ever, at most every RETRY_MAX_S; QoS 1 and 2 messages that were
under way go out again by themselves.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

CONNECT_TIMEOUT_S = 3.0
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
MISC_EVERY_S = 1.0
FLUSH_TRIES_N = 1000


class Will(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


class MqttSettings(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = ""
    keepalive_s: int = 15
    client_id: str = ""


class MqttHandlers(msgspec.Struct, frozen=True):
    """What to call on the loop; each in the order in which it happened."""

    message: Callable[[str, bytes], None] = lambda topic, payload: None
    connected: Callable[[], None] = lambda: None
    disconnected: Callable[[str], None] = lambda why: None
    published: Callable[[int], None] = lambda message_id: None


class MqttConnection:
    """connected: the broker has accepted us. Made on a running loop; start() begins to connect."""

    def __init__(self, settings: MqttSettings, handlers: MqttHandlers, will: Will | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings, self._handlers = settings, handlers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mqtt-connect")
        self._client = self._make_client(will)
        self._task: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._reading = False
        self.connected = False

    def start(self) -> None:
        self._task = self._loop.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Disconnect in order: what was published is written first, the will is not sent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.connected:
            self.connected = False  # our own leaving is no news
            await self._flush()
            self._client.disconnect()
            await self._flush()
        self._thread.shutdown(wait=False)

    async def _flush(self) -> None:
        """Write what waits; a broker that does not read is not waited for."""
        for _ in range(FLUSH_TRIES_N):
            if not self._client.want_write():
                return
            self._client.loop_write()
            await asyncio.sleep(0)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """The message id, with which published() will be called for QoS 1 and 2."""
        message_id = int(self._client.publish(topic, payload, qos, retain).mid)
        if not self._reading:
            self._write()  # with an external loop paho only queues; the next round may be a disk access away
        return message_id

    def subscribe(self, topics: list[tuple[str, int]]) -> None:
        if topics:
            self._client.subscribe(topics)

    def _make_client(self, will: Will | None) -> paho.Client:
        s = self._settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            s.client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.suppress_exceptions = False
        if s.username:
            client.username_pw_set(s.username, s.password or None)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        return client

    async def _keep_connected(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            self._gone.clear()
            try:
                await self._loop.run_in_executor(self._thread, self._connect)
            except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
                self._handlers.disconnected(f"{self._settings.host}:{self._settings.port}: {error}")
            else:
                if await self._serve():
                    retry_s = RETRY_FIRST_S
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    def _connect(self) -> None:
        s = self._settings
        self._client.connect(s.host, s.port, s.keepalive_s)

    async def _serve(self) -> bool:
        """Until the connection is gone: keep-alive and time-outs. True if the broker had accepted us."""
        accepted = False
        while not self._gone.is_set():
            self._client.loop_misc()
            accepted = accepted or self.connected
            try:
                await asyncio.wait_for(self._gone.wait(), MISC_EVERY_S)
            except TimeoutError:
                continue
        return accepted

    def _readable(self) -> None:
        self._reading = True
        try:
            self._client.loop_read()
        finally:
            self._reading = False
        self._write()

    def _write(self) -> None:
        if self._client.want_write():
            self._client.loop_write()

    def _on_socket_open(self, client: paho.Client, userdata: object, sock: Any) -> None:
        # Without it a request and its reply cost 40 ms a hop: Nagle waits for a delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.call_soon_threadsafe(self._loop.add_reader, sock, self._readable)

    def _on_socket_close(self, client: paho.Client, userdata: object, sock: Any) -> None:
        # Now, while the descriptor is still the socket's: the next socket may get the same number.
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        self._loop.call_soon_threadsafe(self._gone.set)

    def _on_register_write(self, client: paho.Client, userdata: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._add_writer, sock)

    def _add_writer(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_writer(sock, self._client.loop_write)

    def _remove_writer(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)

    def _on_unregister_write(self, client: paho.Client, userdata: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._remove_writer, sock)

    def _on_connect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            self._handlers.disconnected(f"the broker refuses the connection: {reason}")
            return
        self.connected = True
        self._handlers.connected()

    def _on_disconnect(
        self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        was_connected, self.connected = self.connected, False
        if was_connected:
            self._handlers.disconnected(str(reason))

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        self._handlers.message(message.topic, bytes(message.payload))

    def _on_publish(
        self, client: paho.Client, userdata: object, mid: int, reason: ReasonCode, properties: object
    ) -> None:
        self._handlers.published(mid)
