"""What may be asked of the core. Commands are inputs; their replies are CommandDone events."""

from enum import Enum

import msgspec

from evsed.core.settings import Settings
from evsed.core.states import StopReason
from evsed.core.tokens import IdToken, ProvidedIdToken

ASK_AUTHORIZER = "ask_authorizer"  # the code of a reply that says: somebody else decides on this token


WAS_DISABLED = "was_disabled"  # the code of a reply to EnableDisable that found the EVSE disabled


class EnableSource(Enum):
    UNSPECIFIED = "Unspecified"
    LOCAL_API = "LocalAPI"
    LOCAL_KEY_LOCK = "LocalKeyLock"
    SERVICE_TECHNICIAN = "ServiceTechnician"
    REMOTE_KEY_LOCK = "RemoteKeyLock"
    MOBILE_APP = "MobileApp"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    CSMS = "CSMS"


class EnableState(Enum):
    UNASSIGNED = "Unassigned"
    DISABLE = "Disable"
    ENABLE = "Enable"


class AvailabilityRow(msgspec.Struct, frozen=True):
    """EnableDisableSource of the API: who wants the EVSE how, and how strongly (0 is strongest)."""

    enable_source: EnableSource
    enable_state: EnableState
    enable_priority: int


class LimitKind(Enum):
    STANDING = "standing"  # until replaced or cleared
    TIMEBOXED = "timeboxed"  # its end removes the row
    KEEPALIVE = "keepalive"  # its lapse falls to limits.fallback_a


class EnableDisable(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if the EVSE is enabled once every source has been weighed."""

    row: AvailabilityRow
    connector_id: int = 0


class AuthorizeResponse(msgspec.Struct, frozen=True, tag=True):
    """An external authorizer's answer. parent: the group that it knows the token to belong to."""

    token: ProvidedIdToken
    accepted: bool
    parent: IdToken | None = None
    reservation_id: int | None = None


class PresentToken(msgspec.Struct, frozen=True, tag=True):
    """A token presented at the charger; auth.mode decides. Reply: true if it authorized or stopped.

    by_reader: read from a card, so that with auth.mode external somebody else must be asked; the reply's code
    is then ASK_AUTHORIZER. Without it a person with access to the local socket has typed it in.
    """

    token: ProvidedIdToken
    by_reader: bool = False


class WithdrawAuthorization(msgspec.Struct, frozen=True, tag=True):
    pass


class PauseCharging(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if charging is now paused by us; false without a transaction."""


class ResumeCharging(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if no pause of ours is in force any more; false without a transaction."""


class StopTransaction(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if a transaction was active."""

    reason: StopReason
    id_tag: ProvidedIdToken | None = None


class ForceUnlock(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if there is a lock; it opens once the contactor is confirmed open."""


class Reservation(msgspec.Struct, frozen=True):
    """id_token "" : whoever is authorized next may use it. expires_at_s: monotonic, None never.

    expiry_utc_s is what expires_at_s was made of; only the store looks at it.
    """

    reservation_id: int
    id_token: str = ""
    parent_id: str = ""
    expires_at_s: float | None = None
    expiry_utc_s: float | None = None


class Reserve(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if reserved; the code is a ReservationResult.

    expiry_known: false where an expiry date cannot be judged, the clock not being synchronised.
    """

    reservation: Reservation
    expiry_known: bool = True


class CancelReservation(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if there was one."""


class SetReservationExpiry(msgspec.Struct, frozen=True, tag=True):
    """The clock has been synchronised or set: the reservation's expiry anew, on the monotonic clock."""

    expires_at_s: float | None


class SetLimit(msgspec.Struct, frozen=True, tag=True):
    """Put a row into the limit table, replacing this source's; duration_s None for a standing row.

    What is None is not limited by this row.
    """

    source: str
    limit_a: float | None = None
    kind: LimitKind = LimitKind.STANDING
    duration_s: float | None = None
    power_w: float | None = None
    phases: int | None = None


class ScheduleEntry(msgspec.Struct, frozen=True):
    """Ceilings from starts_at_s (monotonic) on; None is no ceiling. by: who asked, in the client's words.

    frequency_w: (Hz, W) points in order of frequency; the ceiling follows the mains frequency between them.
    """

    starts_at_s: float
    limit_a: float | None = None
    power_w: float | None = None
    phases: int | None = None
    frequency_w: tuple[tuple[float, float], ...] = ()
    by: str = ""


class SetSchedule(msgspec.Struct, frozen=True, tag=True):
    """External limits, replacing those of this source. Entry 0 counts at once, the last one without end.

    No entries: the source limits nothing any more. keepalive_s 0: they stand until replaced.
    """

    source: str
    entries: tuple[ScheduleEntry, ...]
    keepalive_s: float = 0.0


class ClearLimit(msgspec.Struct, frozen=True, tag=True):
    source: str


class SwitchPhases(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if accepted; the code is a PhaseSwitchResult."""

    three_phases: bool


class Replug(msgspec.Struct, frozen=True, tag=True):
    """Let the EV see an unplugged cable for a while. Reply: true if it begins."""


class SetSessionLimits(msgspec.Struct, frozen=True, tag=True):
    """For the transaction that runs, or else for the next; None is no limit. Reply: true if taken."""

    energy_wh: float | None = None
    duration_s: float | None = None
    cost: float | None = None
    price_per_kwh: float | None = None


class SetFaulted(msgspec.Struct, frozen=True, tag=True):
    """Reply: true. faulted False takes it back; the reply is then whether it was set."""

    faulted: bool


class ExternalReady(msgspec.Struct, frozen=True, tag=True):
    """Reply: true if that is what the configuration waits, or waited, for."""


class EnableRandomDelay(msgspec.Struct, frozen=True, tag=True):
    enabled: bool


class CancelRandomDelay(msgspec.Struct, frozen=True, tag=True):
    pass


class SetRandomDelayDuration(msgspec.Struct, frozen=True, tag=True):
    """The longest delay; a running one is left as it is."""

    max_duration_s: float


class TestRcd(msgspec.Struct, frozen=True, tag=True):
    """Let the residual current device trip by its test winding. Reply, when it is over: true if it passed."""


class TestLock(msgspec.Struct, frozen=True, tag=True):
    """Lock and unlock once. Reply, when it is over: true if the position switch followed."""


class OpenSession(msgspec.Struct, frozen=True):
    """A session that the store holds without its end."""

    uuid: str
    in_transaction: bool
    id_tag: ProvidedIdToken | None = None
    start_wh: float | None = None  # of the meter when the transaction began
    paused: bool = False  # by a client
    stopping: bool = False  # it has been asked to end
    used_s: float = 0.0  # since the transaction began


class Restore(msgspec.Struct, frozen=True, tag=True):
    """What the store knows at the start; until it has come the core offers nothing."""

    availability: tuple[AvailabilityRow, ...] = ()
    open_session: OpenSession | None = None
    reservation: Reservation | None = None
    session_limits: SetSessionLimits | None = None  # of a client, for this session or the next


class Configure(msgspec.Struct, frozen=True, tag=True):
    """Take what may change of these while charging goes on (settings.SOFT), and leave the rest as it is."""

    settings: Settings


class PlannedStop(msgspec.Struct, frozen=True, tag=True):
    """The process is asked to end: stop the transaction (Reboot) and take no new EV."""


Command = (
    EnableDisable
    | AuthorizeResponse
    | PresentToken
    | WithdrawAuthorization
    | PauseCharging
    | ResumeCharging
    | StopTransaction
    | ForceUnlock
    | Reserve
    | CancelReservation
    | SetReservationExpiry
    | SetLimit
    | ClearLimit
    | SetSchedule
    | SwitchPhases
    | Replug
    | SetSessionLimits
    | SetFaulted
    | ExternalReady
    | EnableRandomDelay
    | CancelRandomDelay
    | SetRandomDelayDuration
    | TestRcd
    | TestLock
    | Restore
    | Configure
    | PlannedStop
)


class Request(msgspec.Struct, frozen=True):
    """A command and the number that its CommandDone will carry."""

    request_id: int
    command: Command
