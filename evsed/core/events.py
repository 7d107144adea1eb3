"""What the core tells the world. Events carry no time: whoever takes them from step() stamps them."""

import msgspec

from evsed.core.commands import AvailabilityRow, Reservation, SetSessionLimits
from evsed.core.states import (
    EventKind,
    EvseState,
    PauseReason,
    ReservationEndReason,
    StartReason,
    StopReason,
)
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
    reservation: Reservation | None = None  # the one that starts, ends or is used
    reservation_end: ReservationEndReason | None = None
    pause_reasons: tuple[PauseReason, ...] = ()  # ChargingPausedEVSE


class AvailabilityChanged(msgspec.Struct, frozen=True, tag=True):
    """The whole availability table, to be kept over a restart."""

    rows: tuple[AvailabilityRow, ...]


class ReservationChanged(msgspec.Struct, frozen=True, tag=True):
    """The reservation in force, to be kept over a restart; None: none."""

    reservation: Reservation | None


class SessionLimitsChanged(msgspec.Struct, frozen=True, tag=True):
    """What a client has set for a session, to be kept over a restart; None: as configured."""

    limits: SetSessionLimits | None


class ReservationMismatch(msgspec.Struct, frozen=True, tag=True):
    """Somebody else than the reservation is for has presented a token (told by the older interface only)."""

    reservation: Reservation


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
    """The reply to a Request. why says in words what stood against it; by_fault if that was a fault.

    code: the name of the result where a command has more than two.
    """

    request_id: int
    result: bool
    why: str = ""
    by_fault: bool = False
    code: str = ""


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


# What the gateway must store before control may forget it.
LastingEvent = (
    SessionEvent
    | AvailabilityChanged
    | ReservationChanged
    | SessionLimitsChanged
    | ReservationMismatch
    | FaultRaised
    | FaultCleared
)
LASTING = (
    SessionEvent,
    AvailabilityChanged,
    ReservationChanged,
    SessionLimitsChanged,
    ReservationMismatch,
    FaultRaised,
    FaultCleared,
)
Event = LastingEvent | CommandDone | StateChanged | Note
