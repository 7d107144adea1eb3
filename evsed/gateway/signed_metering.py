"""A signed meter's part in a transaction: between control's events and the store.

Rule 1: TransactionStarted is stored, and so acknowledged, once the meter's record runs; only then may power
flow. If the record cannot begin, control has been asked to end the transaction before.
Rule 2: events keep their order, and what stands before such an event is stored and told without delay.
Rule 3: which record runs is the store's knowledge: a restarted gateway ends what another has begun, and
fetches from the meter what another has ended and not stored.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from evsed.core.events import LastingEvent, SessionEvent
from evsed.core.states import EventKind
from evsed.core.tokens import IdTokenType
from evsed.gateway.store import SignedTransaction
from evsed.link.messages import NumberedEvent
from evsed.service import INFO, WARNING, JournalLine
from hal.errors import HalError
from hal.types import MeterReading, Missing, SignedStart, SignedValue

# OCMF's word for each token type (EVerest's assignment).
IDENTIFICATION_TYPES: Mapping[IdTokenType, str] = {
    IdTokenType.CENTRAL: "CENTRAL",
    IdTokenType.EMAID: "EMAID",
    IdTokenType.ISO14443: "ISO14443",
    IdTokenType.ISO15693: "ISO15693",
    IdTokenType.KEY_CODE: "KEY_CODE",
    IdTokenType.LOCAL: "LOCAL",
    IdTokenType.NO_AUTHORIZATION: "NONE",
    IdTokenType.MAC_ADDRESS: "UNDEFINED",
}

END_ATTEMPTS_N = 2  # a disturbed line must not cost a transaction its signature; meters take a second command
Rows = tuple[SignedTransaction, ...]


class Records(Protocol):
    """SignedRecords, as far as it is needed here. The futures end with HalError."""

    def begin(self, record: SignedStart) -> "asyncio.Future[SignedValue | None]": ...

    def end(self, transaction_id: str) -> "asyncio.Future[SignedValue]": ...

    def public_key(self) -> "asyncio.Future[str | Missing]": ...


class Keeper(Protocol):
    """Events, as far as it is needed here."""

    def store(
        self, boot_id: str, events: list[NumberedEvent], done: Callable[[bool], None], signed: Rows = ()
    ) -> None: ...


class Transactions(Protocol):
    """Store, as far as it is needed here."""

    def signed_transaction(self, uuid: str) -> SignedTransaction | None: ...


class Consequences(Protocol):
    """What follows for the rest of the gateway."""

    def key_read(self, key: str) -> None: ...

    def part_stored(self) -> None: ...

    async def refuse(self, why: str) -> None:
        """Power must not flow: returns once control has been asked to end the transaction."""
        ...

    def session_over(self) -> None: ...


class _Batch(msgspec.Struct, frozen=True):
    boot_id: str
    events: list[NumberedEvent]
    done: Callable[[bool], None]


class SignedMetering:
    """Made on a running loop; store() as that of Events, which it calls. One batch after the other."""

    def __init__(
        self,
        evse_id: str,
        records: Records,
        keeper: Keeper,
        transactions: Transactions,
        consequences: Consequences,
        journal: JournalLine,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._evse_id, self._records, self._keeper = evse_id, records, keeper
        self._transactions, self._consequences, self._journal = transactions, consequences, journal
        self._waiting: deque[_Batch] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._newest: SignedTransaction | None = None  # the disk may not have taken it yet
        self._refused_uuid = ""
        self._asks_key = True

    @property
    def pending_n(self) -> int:
        return len(self._waiting)

    def store(self, boot_id: str, events: list[NumberedEvent], done: Callable[[bool], None]) -> None:
        self._waiting.append(_Batch(boot_id, events, done))
        if self._worker is None or self._worker.done():
            self._worker = self._loop.create_task(self._work())
            self._worker.add_done_callback(_raise)

    def meter_read(self, reading: MeterReading | Missing) -> None:
        """A meter that answers is asked for its key, once."""
        if isinstance(reading, MeterReading) and self._asks_key:
            self._asks_key = False
            self._records.public_key().add_done_callback(self._key_answered)

    def _key_answered(self, future: "asyncio.Future[str | Missing]") -> None:
        key = future.result()
        if isinstance(key, str):
            self._consequences.key_read(key)
        else:
            self._asks_key = True

    async def _work(self) -> None:
        while self._waiting:
            batch = self._waiting[0]
            ok = await self._keep(batch)
            self._waiting.popleft()
            batch.done(ok)

    async def _keep(self, batch: _Batch) -> bool:
        """Whether all of it is on the disk. What comes a second time does no harm."""
        for part in _parts(batch.events):
            signed = await self._sign(part[0].event)
            if not await self._stored(batch.boot_id, part, signed):
                return False
            self._consequences.part_stored()
        return True

    def _stored(self, boot_id: str, events: list[NumberedEvent], signed: Rows) -> "asyncio.Future[bool]":
        future: asyncio.Future[bool] = self._loop.create_future()
        self._keeper.store(boot_id, events, future.set_result, signed)
        return future

    async def _sign(self, event: LastingEvent) -> Rows:
        """What is to be stored with the event."""
        if not isinstance(event, SessionEvent) or event.kind not in _ACTIONS:
            return ()
        return await _ACTIONS[event.kind](self, event)

    async def _begin(self, event: SessionEvent) -> Rows:
        known = self._known(event.uuid)
        if known is not None or event.uuid == self._refused_uuid:
            return () if known is None else (known,)
        try:
            start = await self._records.begin(self._start_of(event))
        except HalError as error:
            self._refused_uuid = event.uuid
            await self._consequences.refuse(str(error))
            return ()
        self._newest = SignedTransaction(event.uuid, start)
        self._journal(INFO, "meter: the transaction's signed record runs", {"EVSE_SESSION": event.uuid})
        return (self._newest,)

    async def _end(self, event: SessionEvent) -> Rows:
        known = self._known(event.uuid)
        if known is None or known.end is not None:
            return () if known is None else (known,)
        end = await self._end_of(event.uuid)
        if end is None:
            return ()
        self._newest = msgspec.structs.replace(known, end=end)
        return (self._newest,)

    async def _end_of(self, uuid: str) -> SignedValue | None:
        error: HalError | None = None
        for _ in range(END_ATTEMPTS_N):
            try:
                return await self._records.end(uuid)
            except HalError as failed:
                error = failed
        text = f"meter: no signed value of the transaction's end: {error}"
        self._journal(WARNING, text, {"EVSE_SESSION": uuid})
        return None

    async def _close(self, event: SessionEvent) -> Rows:
        self._consequences.session_over()
        return ()

    def _known(self, uuid: str) -> SignedTransaction | None:
        if self._newest is not None and self._newest.uuid == uuid:
            return self._newest
        return self._transactions.signed_transaction(uuid)

    def _start_of(self, event: SessionEvent) -> SignedStart:
        """The tariff's text is nothing that an authorizer's answer hands on to here."""
        token = event.id_tag.id_token if event.id_tag is not None else None
        kind = IdTokenType.NO_AUTHORIZATION if token is None else token.type
        value = "" if token is None else token.value
        return SignedStart(self._evse_id, event.uuid, IDENTIFICATION_TYPES[kind], value)


_ACTIONS: Mapping[EventKind, Callable[[SignedMetering, SessionEvent], Awaitable[Rows]]] = {
    EventKind.TRANSACTION_STARTED: SignedMetering._begin,
    EventKind.TRANSACTION_FINISHED: SignedMetering._end,
    EventKind.SESSION_FINISHED: SignedMetering._close,
}


def _parts(events: Sequence[NumberedEvent]) -> list[list[NumberedEvent]]:
    """In order; the meter has to do with the first event of a part, or with none of it."""
    parts: list[list[NumberedEvent]] = []
    for numbered in events:
        event = numbered.event
        if not parts or (isinstance(event, SessionEvent) and event.kind in _ACTIONS):
            parts.append([])
        parts[-1].append(numbered)
    return parts


def _raise(task: "asyncio.Task[None]") -> None:
    """An error that nobody took ends the process, as anywhere on the loop."""
    if not task.cancelled():
        task.result()
