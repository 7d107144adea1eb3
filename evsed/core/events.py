"""What the core tells the world. Events carry no time: whoever takes them from step() stamps them."""

import msgspec

from evsed.core.commands import AvailabilityRow
from evsed.core.states import EventKind, EvseState, StartReason, StopReason
from evsed.core.tokens import ProvidedIdToken
from hal.types import MeterReading


class SessionEvent(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """One session event of the API. uuid is "" outside a session."""

    kind: EventKind
    uuid: str = ""
    meter: MeterReading | None = None  # the last reading at the time, None if there has been none yet
    start_reason: StartReason | None = None
    stop_reason: StopReason | None = None
    id_tag: ProvidedIdToken | None = None
    source: AvailabilityRow | None = None  # Enabled and Disabled: the winning row
    connector_id: int | None = None
    ev_left: bool = False  # StoppingCharging: the EV ended it, not we


class AvailabilityChanged(msgspec.Struct, frozen=True, tag=True):
    """The whole availability table, to be kept over a restart."""

    rows: tuple[AvailabilityRow, ...]


class FaultRaised(msgspec.Struct, frozen=True, tag=True):
    """fault is the name in FAULTS; mrec the EVerest error type."""

    fault: str
    mrec: str
    severity: str
    text: str
    uuid: str = ""


class FaultCleared(msgspec.Struct, frozen=True, tag=True):
    fault: str
    mrec: str
    uuid: str = ""


class CommandDone(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The reply to a Request. why says in words what stood against it; by_fault if that was a fault."""

    request_id: int
    result: bool
    why: str = ""
    by_fault: bool = False


class StateChanged(msgspec.Struct, frozen=True, tag=True):
    """The session machine took a row of TRANSITIONS; because is the name of the fact."""

    old: EvseState
    new: EvseState
    because: str
    uuid: str = ""


class Note(msgspec.Struct, frozen=True, tag=True):
    """A line for the journal about something that was decided and has no event of its own."""

    text: str
    uuid: str = ""


Event = SessionEvent | AvailabilityChanged | FaultRaised | FaultCleared | CommandDone | StateChanged | Note

# What the gateway must store before control may forget it.
LASTING = (SessionEvent, AvailabilityChanged, FaultRaised, FaultCleared)
