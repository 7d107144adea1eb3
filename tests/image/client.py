"""An MQTT client outside of the guest, by TLS, as one in the owner's network."""

import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

API = "everest_api/1/evse_manager_consumer/evse/"
CARSIM = "everest_external/nodered/1/carsim/"
LIMIT_S = 90.0


class Client:
    """messages: (topic, payload as JSON where it is) in the order in which they came."""

    def __init__(self, port: int, certificate: Path, user: str = "", password: str = "") -> None:
        self.messages: list[tuple[str, Any]] = []
        self.refused: str | None = None
        self.connected = False
        self._user, self._asked_n = user, 0
        self._paho = paho.Client(CallbackAPIVersion.VERSION2)
        self._paho.tls_set(str(certificate), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if user:
            self._paho.username_pw_set(user, password)
        self._paho.on_connect = self._on_connect
        self._paho.on_message = self._on_message
        self._paho.on_disconnect = self._on_disconnect
        self._paho.connect_async("localhost", port)
        self._paho.loop_start()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def until(self, holds: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
        end_s = time.monotonic() + limit_s
        while not (found := holds()):
            assert time.monotonic() < end_s, f"{what}: not within {limit_s:g} s; last: {self.messages[-5:]}"
            time.sleep(0.05)
        return found

    def await_refusal(self) -> None:
        self.until(lambda: self.refused, "a refusal")

    def values(self, name: str) -> list[Any]:
        return [payload for topic, payload in list(self.messages) if topic == API + "e2m/" + name]

    def events(self) -> list[str]:
        return [event["event"] for event in self.values("session_event")]

    def await_events(self, *names: str, limit_s: float = LIMIT_S) -> None:
        """All of them have come since forget(), whatever else."""
        self.until(
            lambda: set(names) <= set(self.events()), f"events {names}, come are {self.events()}", limit_s
        )

    def await_value(self, name: str, wanted: Any, limit_s: float = LIMIT_S) -> None:
        self.until(lambda: self.values(name)[-1:] == [wanted], f"{name} = {wanted}", limit_s)

    def forget(self) -> None:
        self.messages.clear()

    def publish(self, topic: str, payload: Any) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._paho.publish(topic, text, 1).wait_for_publish(LIMIT_S)

    def car(self, commands: str) -> None:
        self.publish(CARSIM + "cmd/modify_charging_session", commands + ";sleep 36000")

    def ask(self, operation: str, payload: Any = None) -> Any:
        self._asked_n += 1
        topic = f"evse_client/{self._user}/{operation}/{self._asked_n}"
        body = {"headers": {"replyTo": topic}} | ({} if payload is None else {"payload": payload})
        self.publish(API + "m2e/" + operation, body)
        replies = self.until(
            lambda: [p for t, p in list(self.messages) if t == topic], f"a reply to {operation}"
        )
        return replies[0]

    def changes(self, line: str) -> list[tuple[float, Any]]:
        """(seconds by the guest's own clock, value) of the simulated world's trace."""
        traced = [payload for topic, payload in list(self.messages) if topic == CARSIM + "trace"]
        return [(entry["t"], entry["value"]) for entry in traced if entry["line"] == line]

    def _on_connect(self, client: paho.Client, data: object, flags: object, reason: Any, *_: object) -> None:
        self.refused = str(reason) if reason.is_failure else None
        self.connected = not reason.is_failure
        if self.connected:
            client.subscribe([(API + "e2m/#", 2), (f"evse_client/{self._user}/#", 1), (CARSIM + "trace", 1)])

    def _on_disconnect(self, *_: object) -> None:
        self.connected = False

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        try:
            payload = json.loads(message.payload)
        except ValueError:
            payload = message.payload.decode("utf-8", "replace")
        self.messages.append((message.topic, payload))
