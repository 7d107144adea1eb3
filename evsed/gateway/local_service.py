"""What the gateway tells evsectl."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from evsed import __version__
from evsed.api import values
from evsed.api.encoding import timestamp
from evsed.clock import utc_s
from evsed.config.schema import Config
from evsed.core.commands import Command
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.gateway.app import Gateway, identity_of

Item = dict[str, Any]
QUEUE_N = 256  # a client this far behind is dropped by the server


class GatewayService:
    """evsed.gateway.local.LocalService over the gateway's knowledge."""

    def __init__(self, config: Config, gateway: Gateway) -> None:
        self._config, self._gateway = config, gateway
        self._queues: dict[str, list[asyncio.Queue[Item]]] = {"status": [], "events": []}
        gateway.watch(self)

    def status(self) -> Item:
        gateway = self._gateway
        info = gateway.live.info(utc_s())
        return {
            "version": __version__,
            "board": self._config.board.name,
            "session_info_state": info.state.value,
            "session_energy_wh": info.charged_energy_wh,
            "session_duration_s": info.session_duration_s,
            "control": self._control(),
            "mqtt": self._mqtt(),
            **(_charger(gateway.now) if gateway.now else {}),
        }

    def get_evse(self) -> Item:
        evse: Item = msgspec.to_builtins(values.evse(identity_of(self._config)))
        return evse

    async def ask(self, command: Command) -> CommandDone:
        return await self._gateway.ask(command)

    def subscribe(self, kind: Literal["status", "events"]) -> "asyncio.Queue[Item]":
        queue: asyncio.Queue[Item] = asyncio.Queue(QUEUE_N)
        self._queues[kind].append(queue)
        return queue

    def unsubscribe(self, queue: "asyncio.Queue[Item]") -> None:
        for queues in self._queues.values():
            if queue in queues:
                queues.remove(queue)

    # What the gateway calls (EventWatcher).

    def status_changed(self) -> None:
        if self._queues["status"]:
            self._put("status", self.status)

    def event_happened(self, n: int, event: SessionEvent, at_utc_s: float) -> None:
        if self._queues["events"]:
            self._put("events", lambda: _event(n, event, at_utc_s))

    def _put(self, kind: str, make: Callable[[], Item]) -> None:
        item = make()
        for queue in self._queues[kind]:
            if not queue.full():
                queue.put_nowait(item)

    def _control(self) -> Item:
        hello, health = self._gateway.link.hello, self._gateway.control_health
        if hello is None:
            return {"connected": False}
        known = {"connected": True, "pid": hello.pid, "boot_id": hello.boot_id}
        return known | (_without_tag(health) if health else {})

    def _mqtt(self) -> Item:
        mqtt = self._config.mqtt
        return {
            "connected": self._gateway.broker.connected,
            "host": mqtt.host,
            "port": mqtt.port,
            "bad_requests_n": self._gateway.requests.bad_n,
            "unpublished_n": self._gateway.unpublished_n,
        }


def _charger(now: Snapshot) -> Item:
    shown = _without_tag(now)
    meter = now.meter
    del shown["meter"]
    if meter is not None:
        shown |= {
            "power_w": meter.power_w,
            "current_a": list(meter.current_a),
            "voltage_v": list(meter.voltage_v),
            "energy_import_wh": meter.energy_import_wh,
        }
    return shown


def _event(n: int, event: SessionEvent, at_utc_s: float) -> Item:
    return {"n": n, "at": timestamp(at_utc_s), "event": event.kind.value} | _without_tag(event)


def _without_tag(struct: msgspec.Struct) -> Item:
    item: Item = msgspec.to_builtins(struct)
    item.pop("type", None)
    return item
