"""The two ends of step(): everything that goes in, everything that comes out."""

import msgspec

from evsed.core.commands import Request, Reservation
from evsed.core.states import Ampacity, CpState, EvseState
from hal.types import CpReading, Led, LockDrive, MeterReading, Missing, PpReading, RailsReading, Temperature


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
    stop_pressed: bool = False
    rails: RailsReading | Missing | None = None  # None: this board does not measure them
    temperatures: tuple[Temperature, ...] = ()  # the newest of each thermometer
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
    three_phases: bool = True  # with a closed contactor this never changes
    cp_connected: bool = True
    rcd_test: bool = False


class LimitRow(msgspec.Struct, frozen=True):
    """One ceiling and who set it; None: not limited in this respect. text: what no number says."""

    source: str
    limit_a: float | None = None
    power_w: float | None = None
    phases: int | None = None
    ends_at_s: float | None = None  # monotonic
    text: str = ""


class RandomDelayInfo(msgspec.Struct, frozen=True):
    """countdown_s 0: no delay is running. started_at_s is monotonic."""

    countdown_s: int
    during_a: float
    after_a: float
    started_at_s: float | None = None


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
    phases: int  # that the EV can draw from now
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
    lines: dict[str, bool]  # every digital line of the board by name, as driven or read
    cp_samples_n: tuple[int, int]  # of the newest burst, on the upper and on the lower plateau
    meter: MeterReading | None = None
    reservation: Reservation | None = None
    random_delay: RandomDelayInfo | None = None  # None: the function is switched off
    rails: RailsReading | None = None
    temperatures: tuple[Temperature, ...] = ()
    waits_for_external_ready: bool = False
    charged_wh: float | None = None  # in the transaction; None without one or without a meter
