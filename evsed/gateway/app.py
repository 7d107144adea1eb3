"""The gateway put together: link -> store -> codec -> MQTT, and back from a request to its reply."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable
from typing import Protocol

from evsed.api.identity import Identity, Rules
from evsed.api.router import Router
from evsed.api.session_info import SessionInfoProjector
from evsed.clock import SystemClock, utc_of, utc_synchronised
from evsed.config.schema import Config
from evsed.core.commands import Command
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EvseState
from evsed.gateway.broker import Broker, BrokerHandlers
from evsed.gateway.control_link import ControlLink
from evsed.gateway.outbox import Outbox
from evsed.gateway.requests import Requests
from evsed.gateway.store import Store
from evsed.gateway.variables import Variables
from evsed.link import messages as m
from evsed.mqtt import MqttSettings
from evsed.service import ERROR, INFO, WARNING, JournalLine
from hal.types import MeterReading, Missing

STORE_RETRY_S = 1.0  # control keeps an event that the disk would not take

# What never changes while we run, around the limits: clients of EVerest see it in this order.
_BEFORE_LIMITS = ("evse_id", "hw_capabilities")
_AFTER_LIMITS = ("waiting_for_external_ready", "supported_energy_transfer_modes")


def identity_of(config: Config) -> Identity:
    evse = config.evse
    return Identity(
        module_id=config.api.module_id,
        evse_id=evse.evse_id,
        id=evse.id,
        connector_id=evse.connector_id,
        connector_type=evse.connector_type,
        phases=evse.phases,
        max_current_a=evse.max_current_a,
    )


class Gateway:
    """Made on a running loop."""

    def __init__(
        self, config: Config, store: Store, listening: socket.socket, mqtt: MqttSettings, journal: JournalLine
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config, self._store, self._journal = config, store, journal
        self._clock = SystemClock()
        rules = Rules(config.mqtt.max_payload_bytes, tuple(config.mqtt.reply_prefixes))
        router = Router(identity_of(config), rules)
        self._identity = router.of_identity()
        self.link = ControlLink(listening, self)
        handlers = BrokerHandlers(self._message, self._broker_connected, self._broker_gone, self._published)
        self.broker = Broker(mqtt, router, handlers, journal)
        self._outbox = Outbox(store, router, self.broker.publish, self._drained)
        self._variables = Variables(router, self._outbox.projector, self.broker.publish)
        self.requests = Requests(router, self.link, self.broker.publish, journal)
        self.live = _live_projector(store)
        self.now: Snapshot | None = None
        self.control_health: m.Health | None = None
        self._meter_silent = False
        self._watchers: list[EventWatcher] = []
        self._beat_s = config.api.heartbeat_interval_ms / 1000.0

    def start(self) -> None:
        self.broker.start()
        self._every_second()
        if self._beat_s > 0:
            self._beat()

    async def stop(self, control_limit_s: float, broker_limit_s: float) -> None:
        """Serve control until it has gone, give the broker a moment for the last events, leave."""
        await self._until(lambda: self.link.hello is None, control_limit_s)
        await self._until(lambda: not self.broker.connected or self._outbox.empty, broker_limit_s)
        self.link.close()
        await self.broker.stop()
        self._store.close()

    def watch(self, watcher: "EventWatcher") -> None:
        self._watchers.append(watcher)

    @property
    def unpublished_n(self) -> int:
        return self._store.unpublished_n()

    async def ask(self, command: Command) -> CommandDone:
        return await self.link.ask(command)

    # What control says (LinkListener).

    def control_connected(self, hello: m.Hello) -> int:
        self._journal(INFO, f"control connected (pid {hello.pid})", {})
        stored_n = self._store.stored_n(hello.boot_id)
        if not hello.restored:
            restore = self._store.restore()
            self._loop.call_soon(lambda: self.link.ask(restore).add_done_callback(_ignore))
        return stored_n

    def store_events(self, boot_id: str, events: list[m.NumberedEvent]) -> bool:
        try:
            self._store.store(boot_id, [(e, utc_of(e.at_s)) for e in events], utc_synchronised())
        except sqlite3.Error as error:
            self._journal(ERROR, f"store: {error}; the events stay with control, trying again", {})
            self._loop.call_later(STORE_RETRY_S, self.link.store_again)
            return False
        for numbered in events:
            if isinstance(numbered.event, SessionEvent):
                self._note_live(numbered, numbered.event)
        return True

    def events_stored(self) -> None:
        if self._variables.seen:
            self._outbox.pump()

    def snapshot(self, snapshot: Snapshot) -> None:
        first, self.now = not self._variables.seen, snapshot
        self._variables.on_snapshot(snapshot, self._clock.now_s())
        for watcher in self._watchers:
            watcher.status_changed()
        if first and self.broker.connected:
            self._open_outbox()
        elif not self.broker.ready:
            self._outbox.pump()

    def health(self, health: m.Health) -> None:
        self.control_health = health

    def journal(self, line: m.Journal) -> None:
        self._journal(line.priority, line.text, line.fields)

    def control_gone(self, said_goodbye: bool) -> None:
        priority, how = (INFO, "has stopped") if said_goodbye else (WARNING, "has gone")
        self._journal(priority, f"control {how}", {})
        self.now = self.control_health = None
        if self.broker.ready:
            self.broker.set_ready(False)

    # What the meter says.

    def meter_read(self, reading: MeterReading | Missing) -> None:
        self.link.tell(m.MeterUpdate(reading))
        if isinstance(reading, MeterReading):
            self.live.on_meter(reading)
            self._variables.on_meter(reading)
        if self._meter_silent is not isinstance(reading, Missing):
            self._meter_silent = isinstance(reading, Missing)
            priority, text = (
                (WARNING, reading.reason) if isinstance(reading, Missing) else (INFO, "answers again")
            )
            self._journal(priority, f"meter: {text}", {})

    # What the broker says.

    def _message(self, topic: str, payload: bytes) -> None:
        self.requests.take(topic, payload)

    def _broker_connected(self) -> None:
        self._tell_identity(_BEFORE_LIMITS)
        self._variables.on_connect()
        self.broker.set_ready(False)
        if self._variables.seen:
            self._open_outbox()

    def _open_outbox(self) -> None:
        """The limits have gone out: the boot events may follow."""
        self._tell_identity(_AFTER_LIMITS)
        self._outbox.open()

    def _tell_identity(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.broker.publish(self._identity[name])

    def _broker_gone(self) -> None:
        self._outbox.shut()

    def _published(self, message_id: int) -> None:
        self._outbox.published(message_id)

    def _drained(self) -> None:
        """Everything that has happened is told: only now may a client rely on what it knows."""
        if self.now is not None and self.now.state is not EvseState.BOOTING and not self.broker.ready:
            self.broker.set_ready(True)

    def _note_live(self, numbered: m.NumberedEvent, event: SessionEvent) -> None:
        at_utc_s = utc_of(numbered.at_s)
        self.live.on_event(event, at_utc_s)
        for watcher in self._watchers:
            watcher.event_happened(numbered.n, event, at_utc_s)

    def _every_second(self) -> None:
        self._variables.in_session()
        self._loop.call_later(1.0, self._every_second)

    def _beat(self) -> None:
        self._variables.beat()
        self._loop.call_later(self._beat_s, self._beat)

    async def _until(self, done: Callable[[], bool], limit_s: float) -> None:
        end_s = self._clock.now_s() + limit_s
        while not done() and self._clock.now_s() < end_s:
            await asyncio.sleep(0.02)


class EventWatcher(Protocol):
    """Somebody at the local socket who looks on."""

    def status_changed(self) -> None: ...

    def event_happened(self, n: int, event: SessionEvent, at_utc_s: float) -> None: ...


def _live_projector(store: Store) -> SessionInfoProjector:
    """session_info as things are, even while the broker is away and has not been told."""
    projector = SessionInfoProjector()
    for stored in store.newest_session():
        projector.on_event(stored.event, stored.at_utc_s)
    return projector


def _ignore(future: "asyncio.Future[CommandDone]") -> None:
    if not future.cancelled():
        future.exception()
