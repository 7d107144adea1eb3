"""The gateway put together: link -> store -> codec -> MQTT, and back from a request to its reply."""

import asyncio
import socket
from collections.abc import Callable

import msgspec

from evsed.api.errors import ActiveErrors
from evsed.api.older import OLDER
from evsed.api.router import Router
from evsed.api.topics import VARIABLES
from evsed.clock import SystemClock, utc_s
from evsed.config.schema import Config
from evsed.core.commands import AvailabilityRow, Command, Restore
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EvseState
from evsed.gateway.broker import Broker, BrokerHandlers
from evsed.gateway.cards import Cards
from evsed.gateway.client_watch import ClientWatch
from evsed.gateway.control_link import ControlLink
from evsed.gateway.events import Events, EventWatcher
from evsed.gateway.extras import extras_of, high_level_of
from evsed.gateway.identity import identity_of as identity_of
from evsed.gateway.identity import rules_of
from evsed.gateway.latest import LatestValues
from evsed.gateway.meter_side import MeterSide
from evsed.gateway.moments import moment
from evsed.gateway.opening import Opening
from evsed.gateway.outbox import Outbox
from evsed.gateway.own_errors import INTERNAL, OwnErrors
from evsed.gateway.queries import Queries
from evsed.gateway.recordings import Recordings
from evsed.gateway.requests import Requests
from evsed.gateway.reservation_clock import ReservationClock, judged
from evsed.gateway.signed_metering import Records, SignedMetering
from evsed.gateway.software import SoftwareTeller
from evsed.gateway.store import Store, StoredEvent
from evsed.gateway.store_thread import StoreThread
from evsed.gateway.variables import Variables
from evsed.link import messages as m
from evsed.mqtt import MqttSettings
from evsed.service import INFO, WARNING, JournalLine
from hal.types import MeterReading, Missing, Temperature

STORE_RETRY_S = 1.0  # control keeps an event that the disk would not take

# What never changes while we run. The modes have a place of their own in the order after a start.
_FIRST, _MODES = ("evse_id", "hw_capabilities"), "supported_energy_transfer_modes"


class Gateway:
    """Made on a running loop."""

    def __init__(
        self,
        config: Config,
        store: Store,
        listening: socket.socket,
        mqtt: MqttSettings,
        journal: JournalLine,
        records: Records | None = None,
        read_soon: Callable[[], None] = lambda: None,
    ) -> None:
        """records: of a meter that signs. read_soon has the meter read at once."""
        self._loop = asyncio.get_running_loop()
        self._store, self._journal = store, journal
        self._thread = StoreThread(store)
        self._clock = SystemClock()
        older = OLDER if config.api.older_interface else None
        self._router = Router(identity_of(config), rules_of(config), older)
        self._identity = self._router.of_identity()
        self.link = ControlLink(listening, self)
        self.cards = Cards(self.link, self.tell, journal)
        self.recordings = Recordings(store.path.parent / "recordings", journal)
        latest = LatestValues(self._router.topic_of(row.name) for row in VARIABLES)
        handlers = BrokerHandlers(self._message, self._broker_connected, self._broker_gone, self._published)
        self.broker = Broker(mqtt, self._router, latest, handlers, journal)
        errors = ActiveErrors(config.api.module_id)
        self._outbox = Outbox(store, self._thread, self._router, errors, self.broker.publish, self)
        self._opening = Opening(self._tell_limits, self._tell_modes)
        self._variables = Variables(self._router, self._outbox.projector, self.broker.publish)
        own = self._own_errors = OwnErrors(errors, self.tell, journal)
        self._client = ClientWatch(config.api, own, self._clock.now_s)
        self._events = Events(store, self._thread, self._store_again_soon, journal)
        self.live = self._events.live
        self._meter = MeterSide(
            self.link, self.live, self._variables, own, self.tell, self.events_stored, read_soon, journal
        )
        self._metering = None
        if records is not None:
            evse_id = config.evse.evse_id
            self._metering = SignedMetering(evse_id, records, self._events, store, self._meter, journal)
        self._extras = extras_of(config, self.tell, journal)
        extras, signs = high_level_of(self._extras), records is not None
        self.queries = Queries(store, latest, errors, self._energy_wh, self._client.heard, extras, signs)
        self.requests = Requests(self._router, self.link, self.queries, self.broker.publish, journal)
        self._reservation_clock = ReservationClock()
        self._software = SoftwareTeller(self.tell)
        self.now: Snapshot | None = None
        self.control_health: m.Health | None = None
        self._beat_s = config.api.heartbeat_interval_ms / 1000.0

    def start(self) -> None:
        self.broker.start()
        self._client.start()
        self._every_second()
        if self._beat_s > 0:
            self._beat()

    async def finish(self, control_limit_s: float, broker_limit_s: float) -> None:
        """Serve control until it has gone, and give the broker a moment for the last events."""
        await self._until(lambda: self.link.hello is None and not self._to_store_n(), control_limit_s)
        await self._until(lambda: not self.broker.connected or self._outbox.empty, broker_limit_s)

    async def close(self) -> None:
        self.link.close()
        await self.broker.stop()
        self._thread.close()
        self._store.close()

    def watch(self, watcher: EventWatcher) -> None:
        self._events.watchers.append(watcher)

    @property
    def availability(self) -> tuple[AvailabilityRow, ...]:
        """Who wants the EVSE enabled or disabled, as stored."""
        return self._store.restore().availability

    @property
    def unpublished_n(self) -> int:
        return self._store.unpublished_n()

    async def ask(self, command: Command) -> CommandDone:
        return await self.link.ask(command)

    def tell(self, name: str, value: object) -> None:
        """Publish a variable."""
        for publication in self._router.publications(name, value):
            self.broker.publish(publication)

    # What control says (LinkListener).

    def control_connected(self, hello: m.Hello) -> int:
        self._journal(INFO, f"control connected (pid {hello.pid})", {})
        self._own_errors.clear(INTERNAL)
        if hello.restored:
            self._opening.restored = True
        else:
            self._meter.once_read(lambda: self._thread.restore(self._restore))
        return self._store.stored_n(hello.boot_id)

    def store_events(self, boot_id: str, events: list[m.NumberedEvent], done: Callable[[bool], None]) -> None:
        (self._metering or self._events).store(boot_id, events, done)

    def events_stored(self) -> None:
        self._outbox.pump()

    def snapshot(self, snapshot: Snapshot) -> None:
        self.now = snapshot
        self._opening.snapshot(snapshot)
        self._variables.on_snapshot(snapshot, moment())
        self._meter.snapshot(snapshot)
        for watcher in self._events.watchers:
            watcher.status_changed()
        if not self.broker.connected:
            self._opening.drained()  # nobody hears it, but it is known as the last value
        elif self._opening.may_tell and not self.broker.ready:
            self._outbox.open()

    def health(self, health: m.Health) -> None:
        self.control_health = health
        self._variables.on_health(health)

    def journal(self, line: m.Journal) -> None:
        self._journal(line.priority, line.text, line.fields)

    def recording(self, piece: m.Recording) -> None:
        self.recordings.take(piece)

    def control_gone(self, said_goodbye: bool) -> None:
        self.recordings.end()
        priority, how = (INFO, "has stopped") if said_goodbye else (WARNING, "has gone")
        self._journal(priority, f"control {how}", {})
        if not said_goodbye:
            self._own_errors.raise_(INTERNAL)
        self.now = self.control_health = None
        self._opening.control_gone()
        self._variables.hold()
        if self.broker.ready:
            self.broker.set_ready(False)

    # What the slow devices say.

    def meter_read(self, reading: MeterReading | Missing) -> None:
        self._meter.read(reading)
        if self._metering is not None:
            self._metering.meter_read(reading)

    def temperatures_read(self, temperatures: tuple[Temperature, ...]) -> None:
        self.link.tell(m.TemperatureUpdate(temperatures))

    # What the outbox says (OutboxListener).

    def next_event(self, stored: StoredEvent) -> None:
        hello = self.link.hello
        self._opening.next_event(stored.event, hello is not None and hello.boot_id == stored.boot_id)

    def event_told(self, stored: StoredEvent) -> None:
        if isinstance(stored.event, SessionEvent):
            self._extras.event_told(stored.event)

    def drained(self) -> None:
        """Everything that has happened is told: only now may a client rely on what it knows."""
        self._opening.drained()
        ready = self.now is not None and self.now.state is not EvseState.BOOTING
        if ready and self._opening.told and not self.broker.ready:
            self.broker.set_ready(True)

    # What the broker says.

    def _message(self, topic: str, payload: bytes) -> None:
        self.requests.take(topic, payload)

    def _broker_connected(self) -> None:
        for name in _FIRST:
            self._tell_identity(name)
        self._software.connected()
        self._meter.tell_key()
        self._opening.begin()
        self._variables.hold()
        self.broker.set_ready(False)
        self._own_errors.tell_active()
        self._extras.connected()
        if self._opening.may_tell:
            self._outbox.open()

    def _broker_gone(self) -> None:
        self._outbox.shut()

    def _published(self, message_id: int) -> None:
        self._outbox.published(message_id)

    # What happens by itself.

    def _restore(self, restore: Restore) -> None:
        """Control is told what the store knows; from its answer on its snapshots count."""
        known = msgspec.structs.replace(restore, reservation=judged(restore.reservation, moment()))
        self.link.order(known, in_order=self._restored)

    def _restored(self) -> None:
        self._opening.restored = True

    def _tell_limits(self, now: Snapshot) -> None:
        self._variables.begin(now, moment())

    def _tell_modes(self) -> None:
        self._tell_identity(_MODES)

    def _tell_identity(self, name: str) -> None:
        for publication in self._identity[name]:
            self.broker.publish(publication)

    def _energy_wh(self) -> float:
        return float(self.live.info(utc_s()).charged_energy_wh)

    def _store_again_soon(self) -> None:
        self._loop.call_later(STORE_RETRY_S, self.link.store_again)

    def _every_second(self) -> None:
        now = moment()
        self._variables.every_second(now)
        self._software.tick(now.now_s)
        self._client.tick()
        if self.now is not None:
            self._extras.tick(self.now, now.now_s)
            expiry = self._reservation_clock.check(self.now.reservation, now)
            if expiry is not None:
                self.link.order(expiry)
        self._loop.call_later(1.0, self._every_second)

    def _beat(self) -> None:
        self._variables.beat()
        self._loop.call_later(self._beat_s, self._beat)

    def _to_store_n(self) -> int:
        return self._thread.pending_n + (self._metering.pending_n if self._metering is not None else 0)

    async def _until(self, done: Callable[[], bool], limit_s: float) -> None:
        end_s = self._clock.now_s() + limit_s
        while not done() and self._clock.now_s() < end_s:
            await asyncio.sleep(0.02)
