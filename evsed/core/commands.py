"""What may be asked of the core. Commands are inputs; their replies are CommandDone events."""

from enum import Enum

import msgspec

from evsed.core.states import StopReason
from evsed.core.tokens import ProvidedIdToken


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
    """An external authorizer's answer."""

    token: ProvidedIdToken
    accepted: bool


class PresentToken(msgspec.Struct, frozen=True, tag=True):
    """A token presented at the charger; auth.mode decides. Reply: true if it authorized."""

    token: ProvidedIdToken


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


class SetLimit(msgspec.Struct, frozen=True, tag=True):
    """Put a row into the limit table, replacing this source's; duration_s None for a standing row."""

    source: str
    limit_a: float
    kind: LimitKind = LimitKind.STANDING
    duration_s: float | None = None


class ClearLimit(msgspec.Struct, frozen=True, tag=True):
    source: str


class OpenSession(msgspec.Struct, frozen=True):
    """A session that the store holds without its end."""

    uuid: str
    in_transaction: bool
    id_tag: ProvidedIdToken | None = None


class Restore(msgspec.Struct, frozen=True, tag=True):
    """What the store knows at the start; until it has come the core offers nothing."""

    availability: tuple[AvailabilityRow, ...] = ()
    open_session: OpenSession | None = None


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
    | SetLimit
    | ClearLimit
    | Restore
    | PlannedStop
)


class Request(msgspec.Struct, frozen=True):
    """A command and the number that its CommandDone will carry."""

    request_id: int
    command: Command
