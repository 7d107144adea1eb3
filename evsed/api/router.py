"""The API as the gateway uses it: a message in, a command or an answer out; facts in, publications out."""

from collections.abc import Mapping

import msgspec

from evsed.api import values, wire
from evsed.api.codec import ApiError, decode_request
from evsed.api.encoding import encode
from evsed.api.identity import Identity, Rules
from evsed.api.session_event import Stamp, session_event
from evsed.api.topics import OPERATION_QOS, OPERATIONS, PREFIX, REPLY_QOS, VARIABLES, Operation
from evsed.core.commands import Command
from evsed.core.events import CommandDone, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind
from hal.types import MeterReading

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


class CoreCall(msgspec.Struct, frozen=True):
    """A request for the core."""

    operation: Operation
    command: Command
    reply_to: str | None

    def reply(self, done: CommandDone) -> Publication | None:
        """What the client is told; None where it wants no reply or the operation has none."""
        if self.reply_to is None or self.operation.reply is None:
            return None
        return _reply(self.reply_to, self.operation.reply(done))


class EventPublications(msgspec.Struct, frozen=True):
    """A session event and what belongs to it: before, event, after; each once the one before is through."""

    before: tuple[Publication, ...]
    event: Publication
    after: tuple[Publication, ...]


class Router:
    def __init__(self, identity: Identity, rules: Rules | None = None) -> None:
        prefix = PREFIX.format(module_id=identity.module_id)
        self._identity = identity
        self._operations: Mapping[str, Operation] = {f"{prefix}/{row.address}": row for row in OPERATIONS}
        self._variables = {row.name: (f"{prefix}/{row.address}", row) for row in VARIABLES}
        own_topics = frozenset(self._operations) | {topic for topic, _ in self._variables.values()}
        self._rules = msgspec.structs.replace(rules or Rules(), own_topics=own_topics)

    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """(topic, QoS) of every operation, by name."""
        return tuple((topic, OPERATION_QOS) for topic in self._operations)

    def call(self, topic: str, payload: bytes) -> CoreCall | Answer:
        """Raises ApiError: then nothing is executed and nothing replied."""
        operation = self._operations.get(topic)
        if operation is None:
            raise ApiError(f"{topic[:100]!r}: no operation of this API")
        call = decode_request(operation, payload, self._rules)
        if operation.command is not None:
            return CoreCall(operation, operation.command(call.argument), call.reply_to)
        assert operation.answer is not None
        if call.reply_to is None:
            return Answer(None)
        return Answer(_reply(call.reply_to, operation.answer(self._identity)))

    def variable(self, name: str, value: object) -> Publication:
        """name as in VARIABLES, value of its type. Raises ValueError for a number that is not finite."""
        topic, row = self._variables[name]
        return Publication(topic, encode(value), row.qos, row.retain)

    def of_identity(self) -> dict[str, Publication]:
        """The variables that never change while we run, by name."""
        return {
            row.name: self.variable(row.name, row.of_identity(self._identity))
            for row in VARIABLES
            if row.of_identity is not None
        }

    def of_snapshot(self, now: Snapshot, utc_s: float) -> dict[str, Publication]:
        """The variables that show the charger as it is now, by name. Only enforced_limits holds a time."""
        publications = {}
        for row in VARIABLES:
            value = row.of_snapshot(self._identity, now, utc_s) if row.of_snapshot is not None else None
            if value is not None:
                publications[row.name] = self.variable(row.name, value)
        return publications

    def powermeter(self, reading: MeterReading, utc_s: float) -> Publication:
        """utc_s is the time of the reading."""
        return self.variable("powermeter", values.powermeter(reading, utc_s))

    def publications_of(self, event: SessionEvent, stamp: Stamp, info: wire.SessionInfo) -> EventPublications:
        """info is session_info after this event."""
        after = [self.variable("session_info", info)]
        if event.kind not in NO_PROTOCOL_AFTER:
            after.insert(0, self.variable("selected_protocol", info.selected_protocol))
        before = (self.variable("ev_info", wire.EvInfo()),) if event.kind in EV_INFO_BEFORE else ()
        return EventPublications(
            before, self.variable("session_event", session_event(event, stamp)), tuple(after)
        )


def _reply(topic: str, value: object) -> Publication:
    return Publication(topic, encode(value), REPLY_QOS, retain=False)
