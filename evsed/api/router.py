"""The API as the gateway uses it: a message in, commands, query or answer out; facts in, publications out."""

from collections.abc import Mapping
from typing import Any

import msgspec

from evsed.api import values, wire
from evsed.api.codec import ApiError, decode_request
from evsed.api.encoding import encode
from evsed.api.errors import ActiveErrors
from evsed.api.identity import Identity, Rules
from evsed.api.operations import Interface, Moment, Older, Operation, Replied, Variable
from evsed.api.session_event import session_event
from evsed.api.stamp import Stamp
from evsed.api.topics import OPERATION_QOS, REPLY_QOS, V1, getter
from evsed.core.commands import Command
from evsed.core.events import CommandDone, FaultCleared, FaultRaised, LastingEvent, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind
from hal.types import MeterReading, SignedValue

OLDER_EVENTS = "session_events"  # the older interface's only variable that is made of events
# The events around which the contract wants ev_info, and those after which it wants no selected_protocol.
EV_INFO_BEFORE = frozenset({EventKind.SESSION_STARTED, EventKind.SESSION_FINISHED})
NO_PROTOCOL_AFTER = frozenset(
    {
        EventKind.SESSION_STARTED,
        EventKind.TRANSACTION_STARTED,
        EventKind.TRANSACTION_FINISHED,
        EventKind.SESSION_RESUMED,
        EventKind.RESERVATION_START,
        EventKind.RESERVATION_END,
    }
)


class Publication(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Answer(msgspec.Struct, frozen=True):
    """A request that needs no core; None where the client wants no reply."""

    publication: Publication | None


class Query(msgspec.Struct, frozen=True):
    """A request that the gateway answers: name as in Operation.query. For last_value the argument is a topic.

    reply_to None: what it does is done all the same, and nobody is told.
    """

    name: str
    argument: Any
    reply_to: str | None
    interface: Interface


class CoreCall(msgspec.Struct, frozen=True):
    """A request for the core. note: what of it is not followed, for the journal; "" if all is."""

    operation: Operation
    commands: tuple[Command, ...]
    reply_to: str | None
    note: str = ""

    def reply(self, done: CommandDone) -> Publication | None:
        """What the client is told of the last command; None where it wants nothing or there is nothing."""
        if self.reply_to is None or self.operation.reply is None:
            return None
        return _reply(self.reply_to, self.operation.reply(done))


class EventContext(msgspec.Struct, frozen=True):
    """What an event's messages need besides it: session_info and active errors after it, its signatures."""

    info: wire.SessionInfo
    errors: ActiveErrors
    start_signed: SignedValue | None = None  # of the transaction's start
    signed: SignedValue | None = None


class EventPublications(msgspec.Struct, frozen=True):
    """An event and what belongs to it: before, event, after; each once the one before is through.

    event None: the newer interface says nothing of it.
    """

    before: tuple[Publication, ...] = ()
    event: Publication | None = None
    after: tuple[Publication, ...] = ()


class _Served(msgspec.Struct, frozen=True):
    """An operation under its topic; argument: what it is called with whatever the message says."""

    interface: Interface
    operation: Operation
    argument: Any = None


class Router:
    """Serves V1, and beside it the older interface where one is given."""

    def __init__(self, identity: Identity, rules: Rules | None = None, older: Older | None = None) -> None:
        self._identity = identity
        self._older = older
        interfaces = (V1,) if older is None else (V1, older.interface)
        self._served = {t: row for interface in interfaces for t, row in self._operations_of(interface)}
        self._variables = self._variables_of(V1)
        self._older_variables = {} if older is None else self._variables_of(older.interface)
        tables = (self._variables, self._older_variables)
        own_topics = frozenset(self._served) | {topic for table in tables for topic, _ in table.values()}
        self._rules = msgspec.structs.replace(rules or Rules(), own_topics=own_topics)

    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """(topic, QoS) of every operation, by name."""
        return tuple((topic, OPERATION_QOS) for topic in self._served)

    def topic_of(self, name: str) -> str:
        """Of a variable of V1: what last_value is asked for."""
        return self._variables[name][0]

    def call(self, topic: str, payload: bytes, moment: Moment) -> CoreCall | Answer | Query:
        """Raises ApiError: then nothing is executed and nothing replied."""
        served = self._served.get(topic)
        if served is None:
            raise ApiError(f"{topic[:100]!r}: no operation of this API")
        operation = served.operation
        call = decode_request(operation, payload, self._rules)
        if operation.command is not None:
            return self._core_call(operation, call.argument, call.reply_to, moment)
        if operation.query:
            argument = call.argument if served.argument is None else served.argument
            return Query(operation.query, argument, call.reply_to, served.interface)
        assert operation.answer is not None
        return _answer(call.reply_to, operation.answer(self._identity))

    def reply(self, reply_to: str, value: object) -> Publication:
        """The reply to a Query."""
        return _reply(reply_to, value)

    def reply_raw(self, reply_to: str, payload: bytes) -> Publication:
        """The reply to a Query whose value is encoded already: last_value, the AsyncAPI document."""
        return Publication(reply_to, payload, REPLY_QOS, retain=False)

    def publications(self, name: str, value: object) -> tuple[Publication, ...]:
        """name as in VARIABLES, value of its type: the publication, and what the older interface makes of it.

        Raises ValueError for a number that is not finite.
        """
        return (_publication(self._variables[name], value), *self._derived(name, value))

    def of_identity(self) -> dict[str, tuple[Publication, ...]]:
        """The variables that never change while we run, by name."""
        return {
            row.name: self.publications(row.name, row.of_identity(self._identity))
            for row in V1.variables
            if row.of_identity is not None
        }

    def of_snapshot(self, now: Snapshot, moment: Moment) -> dict[str, tuple[Publication, ...]]:
        """The variables that show the charger as it is now, by name. Only enforced_limits holds a time."""
        publications = {}
        for row in V1.variables:
            value = row.of_snapshot(self._identity, now, moment) if row.of_snapshot is not None else None
            if value is not None:
                publications[row.name] = self.publications(row.name, value)
        return publications

    def powermeter(self, reading: MeterReading, utc_s: float) -> tuple[Publication, ...]:
        """utc_s is the time of the reading."""
        return self.publications("powermeter", values.powermeter(reading, utc_s))

    def publications_of(self, event: LastingEvent, stamp: Stamp, context: EventContext) -> EventPublications:
        """context is as it is after this event."""
        parts = EventPublications()
        if isinstance(event, SessionEvent):
            parts = self._of_session_event(event, stamp, context)
        elif isinstance(event, FaultRaised | FaultCleared):
            parts = self._of_fault(event, stamp, context.errors)
        return msgspec.structs.replace(parts, after=(*self._older_events(event, stamp), *parts.after))

    def _core_call(
        self, operation: Operation, argument: Any, reply_to: str | None, moment: Moment
    ) -> CoreCall | Answer:
        assert operation.command is not None
        ruled = msgspec.structs.replace(moment, rules=self._rules)
        try:
            commands = operation.command(argument, ruled)
        except Replied as replied:
            return _answer(reply_to, replied.value)
        except ValueError as error:
            raise ApiError(f"{operation.address}: {error}") from None
        note = operation.note(argument, ruled) if operation.note is not None else ""
        return CoreCall(operation, commands if isinstance(commands, tuple) else (commands,), reply_to, note)

    def _of_session_event(
        self, event: SessionEvent, stamp: Stamp, context: EventContext
    ) -> EventPublications:
        value = session_event(event, stamp, context.start_signed, context.signed)
        after = self.publications("session_info", context.info)
        if event.kind not in NO_PROTOCOL_AFTER:
            after = (*self.publications("selected_protocol", context.info.selected_protocol), *after)
        before = self.publications("ev_info", wire.EvInfo()) if event.kind in EV_INFO_BEFORE else ()
        return EventPublications(before, _publication(self._variables["session_event"], value), after)

    def _of_fault(
        self, event: FaultRaised | FaultCleared, stamp: Stamp, errors: ActiveErrors
    ) -> EventPublications:
        name = "error_raised" if isinstance(event, FaultRaised) else "error_cleared"
        told = _publication(self._variables[name], errors.object_of(event, stamp))
        return EventPublications(event=told, after=self.publications("active_errors", errors.active()))

    def _derived(self, name: str, value: object) -> tuple[Publication, ...]:
        if self._older is None or name not in self._older.derived:
            return ()
        older_name, convert = self._older.derived[name]
        older_value = convert(value)
        if older_value is None:
            return ()
        return (_publication(self._older_variables[older_name], older_value),)

    def _older_events(self, event: LastingEvent, stamp: Stamp) -> tuple[Publication, ...]:
        if self._older is None:
            return ()
        row = self._older_variables[OLDER_EVENTS]
        return tuple(_publication(row, value) for value in self._older.session_events(event, stamp))

    def _operations_of(self, interface: Interface) -> tuple[tuple[str, _Served], ...]:
        prefix = interface.prefix.format(module_id=self._identity.module_id)
        named = tuple((f"{prefix}/{row.address}", _Served(interface, row)) for row in interface.operations)
        if not interface.gettable:
            return named
        gets = ((getter(row), f"{prefix}/{row.address}") for row in interface.variables)
        return (*named, *((f"{prefix}/{get.address}", _Served(interface, get, of)) for get, of in gets))

    def _variables_of(self, interface: Interface) -> Mapping[str, tuple[str, Variable]]:
        prefix = interface.prefix.format(module_id=self._identity.module_id)
        return {row.name: (f"{prefix}/{row.address}", row) for row in interface.variables}


def _publication(under: tuple[str, Variable], value: object) -> Publication:
    topic, row = under
    return Publication(topic, encode(value), row.qos, row.retain)


def _answer(reply_to: str | None, value: object) -> Answer:
    return Answer(None if reply_to is None else _reply(reply_to, value))


def _reply(topic: str, value: object) -> Publication:
    return Publication(topic, encode(value), REPLY_QOS, retain=False)
