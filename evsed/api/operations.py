"""What a row of the API's tables is. The tables themselves: topics.py (1.0.0 and ours), older.py (0)."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec

from evsed.api.identity import Identity, Rules
from evsed.api.stamp import Stamp
from evsed.core import commands
from evsed.core.events import CommandDone, LastingEvent
from evsed.core.inputs import Snapshot


class Moment(msgspec.Struct, frozen=True):
    """Now on both clocks, so that a date of a client becomes a monotonic time.

    synchronised: UTC can be trusted. rules: those of the configuration; the router fills them in.
    """

    now_s: float
    utc_s: float
    synchronised: bool = True
    rules: Rules = Rules()

    def monotonic_of(self, utc_s: float) -> float:
        return self.now_s + (utc_s - self.utc_s)

    def utc_of(self, monotonic_s: float) -> float:
        return self.utc_s + (monotonic_s - self.now_s)


class Envelope(Enum):
    """How an argument is wrapped."""

    REQUEST = "request"  # {"headers": {"replyTo": ...}, "payload": argument}
    PLAIN = "plain"  # the message is the argument
    NONE = "none"  # no argument: any body will do, even none


class Replied(Exception):
    """Raised by a row's command where the argument alone decides the reply: the core is not asked."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value


# Several commands where one message says several things: the last one's CommandDone is the reply.
# Raises ValueError for what the types cannot refuse; its text goes to the journal.
ToCommand = Callable[[Any, Moment], commands.Command | tuple[commands.Command, ...]]


class Operation(msgspec.Struct, frozen=True):
    """One thing that a client may send. Exactly one of command, answer and query says who deals with it.

    command: the core is asked; reply says what a client that gave a reply topic hears of its CommandDone
    (None: nothing). answer: made here of what never changes. query: a name in the gateway's table of QUERIES,
    which gets the argument and returns the value of the reply.
    """

    name: str
    envelope: Envelope
    body: Any  # type of the whole message; None for Envelope.NONE
    command: ToCommand | None = None
    reply: Callable[[CommandDone], object] | None = None
    answer: Callable[[Identity], object] | None = None
    query: str = ""
    reply_type: Any = None  # of the reply's value, for the AsyncAPI document; None: no reply
    help: str = ""  # what it does, in a sentence, for the AsyncAPI document and the reference
    note: Callable[[Any, Moment], str] | None = None  # what of the argument is not followed, for the journal

    @property
    def address(self) -> str:
        return f"m2e/{self.name}"


class Variable(msgspec.Struct, frozen=True):
    """One thing that a client may read, and what it is made of where that is always the same."""

    name: str
    type: Any
    qos: int = 0
    retain: bool = True
    of_identity: Callable[[Identity], object] | None = None
    of_snapshot: Callable[[Identity, Snapshot, Moment], object | None] | None = None  # None: nothing to tell
    help: str = ""

    @property
    def address(self) -> str:
        return f"e2m/{self.name}"


class Interface(msgspec.Struct, frozen=True):
    """One API under one prefix. The name in its topics: {module_id}."""

    prefix: str
    operations: tuple[Operation, ...]
    variables: tuple[Variable, ...]
    gettable: bool = True  # m2e/<var>/get answers with the last value of every variable


class Older(msgspec.Struct, frozen=True):
    """An older interface: its own tables, and what it makes of what the newer one says.

    derived: variable of the newer interface -> (variable of the older one, converter of the value; where that
    gives None there is nothing to tell). session_events: the messages of e2m/session_events for an event.
    """

    interface: Interface
    derived: Mapping[str, tuple[str, Callable[[Any], object | None]]]
    session_events: Callable[[LastingEvent, Stamp], tuple[object, ...]]
