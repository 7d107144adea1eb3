"""What the gateway tells evsectl."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from evsed import __version__
from evsed.api import values
from evsed.api.arguments import SessionsQuery
from evsed.api.encoding import timestamp
from evsed.api.wire_extensions import SessionRecord
from evsed.clock import SystemClock, utc_s
from evsed.config.schema import Config
from evsed.config.tokens import known_tokens
from evsed.core.commands import Command
from evsed.core.events import CommandDone, LastingEvent, SessionEvent
from evsed.core.states import CpState
from evsed.gateway import calibrating
from evsed.gateway.app import Gateway, identity_of
from evsed.gateway.control_link import ControlAway
from evsed.gateway.local import Busy
from evsed.gateway.local_status import Names, charger_item, disabled_by, error_items, without_tag
from evsed.gateway.meter_search import MeterSearch
from evsed.gateway.reloading import Reloading
from evsed.link.messages import Record
from hal.interfaces import BoardEeprom
from hal.types import Calibration, PilotCalibration

Item = dict[str, Any]
EXPLAINED_SESSIONS_N = 1000
WITH_EV = (CpState.B, CpState.C, CpState.D)
QUEUE_N = 256  # a client this far behind is dropped by the server


class GatewayService:
    """evsed.gateway.local.LocalService over the gateway's knowledge."""

    def __init__(
        self,
        config: Config,
        gateway: Gateway,
        search: MeterSearch,
        reloading: Reloading,
        eeprom: BoardEeprom | None = None,
    ) -> None:
        """Raises TokenFileError if the token file has changed since the configuration was checked."""
        self._config, self._gateway, self._search, self._eeprom = config, gateway, search, eeprom
        self._reloading = reloading
        self._eeprom_free = asyncio.Lock()
        self._names = Names(known_tokens(config.auth.tokens, config.auth.token_file))
        self._clock = SystemClock()
        self._faults_since_s: dict[str, float] = {}  # UTC, as first seen here
        self._queues: dict[str, list[asyncio.Queue[Item]]] = {"status": [], "events": []}
        gateway.watch(self)

    def status(self) -> Item:
        gateway, hello = self._gateway, self._gateway.link.hello
        info = gateway.live.info(utc_s())
        return {
            "version": __version__,
            "board": self._config.board.name,
            "session_info_state": info.state.value,
            "session_energy_wh": info.charged_energy_wh,
            "session_duration_s": info.session_duration_s,
            "control": self._control(),
            "mqtt": self._mqtt(),
            **({"cp_calibration": _calibration_item(hello.calibration)} if hello else {}),
            **(charger_item(gateway.now, self._clock.now_s(), self._names) if gateway.now else {}),
        }

    def why(self) -> Item:
        rows = self._gateway.availability
        return self.status() | {"disabled_by": disabled_by(rows), "stop_reason": self._stop_reason()}

    def errors(self) -> list[Item]:
        told = self._gateway.queries.active_errors(None)
        return error_items(told, None if self._gateway.now is None else self._faults_since_s)

    def sessions(self, since_utc_s: float, limit_n: int) -> list[Item]:
        wanted = SessionsQuery(datetime.fromtimestamp(since_utc_s, UTC), limit_n)
        return [self._session(record) for record in self._gateway.queries.sessions(wanted)]

    def get_evse(self) -> Item:
        evse: Item = msgspec.to_builtins(values.evse(identity_of(self._config)))
        return evse

    def explain(self, session: str) -> Item:
        newest = self._gateway.queries.sessions(SessionsQuery(limit=EXPLAINED_SESSIONS_N))
        records = [record for record in newest if record.uuid.startswith(session)]
        found = records[:1] if not session else records
        told: Item = {"sessions": [self._session(record) for record in found], "recording": None}
        if len(found) == 1:
            uuid = found[0].uuid
            path = self._gateway.recordings.of(uuid)
            course = [_of_course(at_utc_s, event) for at_utc_s, event in self._gateway.queries.course(uuid)]
            told |= {"recording": str(path) if path else None, "course": course}
        return told

    def record(self) -> Item:
        """Raises ControlAway."""
        if self._gateway.link.hello is None:
            raise ControlAway("the control process is not connected")
        self._gateway.link.tell(Record())
        return {"folder": str(self._gateway.recordings.folder)}

    def meter_probe(self) -> Awaitable[list[Item]]:
        """Raises Busy."""
        self._require_no_transaction()
        return self._search.probe()

    def meter_scan(self) -> Awaitable[list[Item]]:
        """Raises Busy."""
        self._require_no_transaction()
        return self._search.scan()

    async def keep_calibration(self, gain: float, offset_v: float) -> Item:
        """Raises Busy, HalError."""
        async with self._eeprom_free:
            self._require_no_ev()
            return await calibrating.keep(self._eeprom, Calibration(gain, offset_v))

    async def reload(self) -> Item:
        outcome: Item = msgspec.to_builtins(await self._reloading.reload())
        return outcome

    def _require_no_ev(self) -> None:
        now = self._gateway.now
        if now is None:
            raise Busy("not while the control process is away; see `journalctl -u evsed`")
        if now.session_uuid or now.cp in WITH_EV:
            raise Busy("not while an EV is there; unplug it first")

    def _require_no_transaction(self) -> None:
        if self._gateway.now is not None and self._gateway.now.in_transaction:
            raise Busy("not while a transaction is measured; stop it first")

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
        self._note_faults()
        if self._queues["status"]:
            self._put("status", self.status)

    def event_happened(self, n: int, event: SessionEvent, at_utc_s: float) -> None:
        if self._queues["events"]:
            self._put("events", lambda: _event(n, event, at_utc_s))

    def _note_faults(self) -> None:
        faults, since = self._gateway.now.faults if self._gateway.now else (), self._faults_since_s
        if tuple(since) != faults:
            now_s = utc_s()
            self._faults_since_s = {name: since.get(name, now_s) for name in faults}

    def _session(self, record: SessionRecord) -> Item:
        """One of get_sessions, and whose card it was."""
        token = record.id_tag.id_token.value if record.id_tag else ""
        item: Item = msgspec.to_builtins(record)
        return item | {"token_name": self._names.of(token)}

    def _stop_reason(self) -> str | None:
        """Of the open session's transaction, once it has ended."""
        newest = self._gateway.queries.sessions(SessionsQuery(limit=1))
        is_open = (
            self._gateway.now is not None and newest and newest[0].uuid == self._gateway.now.session_uuid
        )
        return newest[0].reason.value if is_open and newest[0].reason else None

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
        return known | (without_tag(health) if health else {})

    def _mqtt(self) -> Item:
        mqtt = self._config.mqtt
        return {
            "connected": self._gateway.broker.connected,
            "host": mqtt.host,
            "port": mqtt.port,
            "bad_requests_n": self._gateway.requests.bad_n,
            "unpublished_n": self._gateway.unpublished_n,
        }


def _calibration_item(found: PilotCalibration) -> Item:
    calibration, below = found.calibration, found.overrides
    return {
        "gain": calibration.gain,
        "offset_v": calibration.offset_v,
        "source": found.source.value,
        "overrides": None if below is None else _calibration_item(below),
    }


def _event(n: int, event: SessionEvent, at_utc_s: float) -> Item:
    return {"n": n, "at": timestamp(at_utc_s), "event": event.kind.value} | without_tag(event)


def _of_course(at_utc_s: float, event: LastingEvent) -> Item:
    kind = event.kind.value if isinstance(event, SessionEvent) else type(event).__name__
    return {"at": timestamp(at_utc_s), "event": kind} | without_tag(event)
