"""The demo's side of the broker: lets the simulated EV charge, authorizes it, and follows the events."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from evsed.config import Config
from evsed.demo import event_lines
from evsed.demo.event_lines import TimedRow, said
from evsed.evsectl.terminal import Colour
from evsed.mqtt import MqttConnection, MqttHandlers, MqttSettings
from evsed.sim.carsim import topic

AUTHORIZE_AFTER_S = 0.8  # long enough to see that it waits
ACCEPT = (
    '{"token": {"id_token": {"value": "DEMO", "type": "Local"}, "authorization_type": "RFID"}, '
    '"result": {"authorization_status": "Accepted", "tariff_messages": []}}'
)


class Topics(msgspec.Struct, frozen=True):
    """api: what all topics of this EVSE begin with."""

    api: str
    event: str
    ready: str
    authorize: str
    execute: str
    error: str
    trace: str


def topics_of(config: Config) -> Topics:
    api = f"everest_api/1/evse_manager_consumer/{config.api.module_id}"
    connector_id = config.evse.connector_id
    return Topics(
        api=api,
        event=f"{api}/e2m/session_event",
        ready=f"{api}/e2m/ready",
        authorize=f"{api}/m2e/authorize_response",
        execute=topic(connector_id, "cmd/execute_charging_session"),
        error=topic(connector_id, "error"),
        trace=topic(connector_id, "trace"),
    )


class Plan(msgspec.Struct, frozen=True):
    """A command list for the EV, and what it does in words."""

    words: str
    script: str


class Session(msgspec.Struct):
    """What has been seen since the EV was told to charge."""

    events: list[str] = []
    refused: str = ""

    @property
    def finished(self) -> bool:
        return "SessionFinished" in self.events

    @property
    def problem(self) -> str:
        """Why this is no whole session; empty while it may become one, and when it is one."""
        if self.refused:
            return f"the simulated EV refuses: {self.refused}"
        if "PluginTimeout" in self.events:
            return "PluginTimeout: no authorization came within auth.connection_timeout_s"
        if self.finished and "ChargingStarted" not in self.events:
            return "the session ended without charging"
        return ""


class Player:
    """Made on a running loop. show takes every line; ready and session tell how far evsed is."""

    def __init__(self, port: int, config: Config, show: Callable[[TimedRow], None]) -> None:
        self._topics, self._show = topics_of(config), show
        self._authorizes = config.auth.mode == "external"
        self._loop = asyncio.get_running_loop()
        handlers = MqttHandlers(message=self._message, connected=self._connected)
        self._connection = MqttConnection(MqttSettings(port=port), handlers)
        self._connection.start()
        self._trace = event_lines.TraceLines()
        self.session = Session()
        self.ready = False

    def play(self, plan: Plan) -> None:
        """Let the EV act, from unplugged; self.session tells what comes of it."""
        self.session = Session()
        self._show(said(f"> the EV {plan.words}"))
        self._connection.publish(self._topics.execute, plan.script.encode(), 1, False)

    async def close(self) -> None:
        await self._connection.stop()

    def _connected(self) -> None:
        t = self._topics
        self._connection.subscribe([(t.event, 2), (t.ready, 1), (t.error, 1), (t.trace, 1)])

    def _message(self, name: str, payload: bytes) -> None:
        t = self._topics
        if name == t.ready:
            self.ready = payload == b"true"
        elif name == t.error:
            self.session.refused = payload.decode(errors="replace")
            self._show(said(f"EV: {self.session.refused}", Colour.YELLOW.value))
        elif name == t.trace:
            row = self._trace.row(msgspec.json.decode(payload))
            if row is not None:
                self._show(row)
        else:
            self._event(msgspec.json.decode(payload))

    def _event(self, payload: dict[str, Any]) -> None:
        self._show(event_lines.event(payload))
        self.session.events.append(str(payload["event"]))
        if payload["event"] == "AuthRequired" and self._authorizes:
            self._loop.call_later(AUTHORIZE_AFTER_S, self._authorize)

    def _authorize(self) -> None:
        self._show(said("> authorize_response: Accepted"))
        self._connection.publish(self._topics.authorize, ACCEPT.encode(), 1, False)
