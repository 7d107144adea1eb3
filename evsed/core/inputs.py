"""The two ends of step(): everything that goes in, everything that comes out."""

import msgspec

from evsed.core.commands import Request
from evsed.core.states import Ampacity, CpState, EvseState
from hal.types import CpReading, Led, LockDrive, MeterReading, Missing, PpReading


class Inputs(msgspec.Struct, frozen=True, gc=False):
    """One sample of the board and what came over the link since the last step.

    sample_seq counts samples: a step with an unchanged sample_seq was woken by a command and has nothing
    new from the board, so it may take power away but never give it.
    """

    sample_seq: int
    cp: CpReading | Missing
    pp: PpReading | Missing | None = None  # None: a tethered cable has no proximity contact here
    mirror_closed: bool = False
    locked: bool = False
    rcd_tripped: bool = False
    emergency_stop: bool = False
    meter: MeterReading | None = None  # the newest reading, None until the first
    requests: tuple[Request, ...] = ()
    stored_transaction: str = ""  # uuid of the last TransactionStarted that the store has acknowledged
    spare_uuid: str = ""  # unused so far; a new session takes it


class Outputs(msgspec.Struct, frozen=True, gc=False):
    """What the board shall drive. The defaults are the safe state."""

    duty: float = 1.0  # 1.0 X1, 0.0 state F
    contactor_closed: bool = False
    lock: LockDrive = LockDrive.OFF
    led: Led = Led()
    shunt_trip: bool = False


class LimitRow(msgspec.Struct, frozen=True):
    source: str
    limit_a: float


class Snapshot(msgspec.Struct, frozen=True, tag=True):
    """The charger as it is now, for whoever looks on: latest value, nothing is lost if one is missed."""

    state: EvseState
    cp: CpState
    cp_high_v: float | None
    cp_low_v: float | None
    duty: float
    offered_a: float  # what the duty says to the EV; 0 while it says nothing
    limit_a: float
    limit_source: str  # the row that binds
    limits: tuple[LimitRow, ...]
    phases: int
    ampacity: Ampacity
    contactor_closed: bool
    mirror_closed: bool
    locked: bool
    enabled: bool
    authorized: bool
    paused: bool
    session_uuid: str
    in_transaction: bool
    id_token: str
    faults: tuple[str, ...]
    led: Led
    meter: MeterReading | None = None
