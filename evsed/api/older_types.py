"""The shapes of the older interface (everest_api/0), where they differ from those of the newer one.

Rule 1: what both interfaces spell alike (limits, powermeter, reservation and phase results) stands in wire.py
and core/states.py and is used from there.
"""

from enum import Enum

import msgspec

from evsed.api.arguments import Integer, UtcTime
from evsed.core.states import ReservationEndReason


class Event(Enum):
    """SessionEvent of the contract."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    SESSION_STARTED = "SessionStarted"
    AUTH_REQUIRED = "AuthRequired"
    CHARGING_STARTED = "ChargingStarted"
    CHARGING_PAUSED_EV = "ChargingPausedEV"
    CHARGING_PAUSED_EVSE = "ChargingPausedEVSE"
    CHARGING_RESUMED = "ChargingResumed"
    SESSION_FINISHED = "SessionFinished"
    SESSION_CANCELLED = "SessionCancelled"
    ERROR = "Error"
    PERMANENT_FAULT = "PermanentFault"
    RESERVATION_START = "ReservationStart"
    RESERVATION_END = "ReservationEnd"
    RESERVATION_AUTHTOKEN_MISMATCH = "ReservationAuthtokenMismatch"
    REPLUG_STARTED = "ReplugStarted"
    REPLUG_FINISHED = "ReplugFinished"


class Error(Enum):
    CAR = "Car"
    CAR_DIODE_FAULT = "CarDiodeFault"
    RELAIS = "Relais"
    RCD = "RCD"
    VENTILATION_NOT_AVAILABLE = "VentilationNotAvailable"
    OVER_CURRENT = "OverCurrent"
    INTERNAL = "Internal"
    SLAC = "SLAC"
    HLC = "HLC"


class CancellationReason(Enum):
    """SessionCancellationReason of the contract: the first eleven of StopReason."""

    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"
    DE_AUTHORIZED = "DeAuthorized"


class LocalMaxCurrentResult(Enum):
    """SetLocalMaxCurrentResult of the contract."""

    SUCCESS = "Success"
    OUT_OF_RANGE = "Error_OutOfRange"
    HARDWARE = "Error_Hardware"


class CancelChargingArgs(msgspec.Struct, frozen=True):
    reason: CancellationReason


class ReserveNowArgs(msgspec.Struct, frozen=True):
    reservation_id: Integer
    auth_token: str
    expiry_date: UtcTime
    parent_id: str


class LocalMaxCurrentArgs(msgspec.Struct, frozen=True, rename={"max_current_a": "max_current"}):
    max_current_a: float


class Counted(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "utc_s": "timestamp",
        "energy_import_wh": "energy_Wh_import",
        "energy_export_wh": "energy_Wh_export",
    },
):
    """When it happened and what the meter showed: SessionFinished of the contract."""

    utc_s: float
    energy_import_wh: float
    energy_export_wh: float | None = None


class SessionStarted(Counted, frozen=True, kw_only=True):
    reservation_id: int | None = None


class SessionCancelled(Counted, frozen=True, kw_only=True):
    reason: CancellationReason


class ReservationStart(msgspec.Struct, frozen=True, omit_defaults=True):
    """parent_id "": none was given."""

    reservation_id: int
    id_tag: str
    parent_id: str = ""


class ReservationEnd(msgspec.Struct, frozen=True):
    reason: ReservationEndReason
    reservation_id: int


class SessionEvents(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event and the one field that belongs to it. uuid is "" outside a session."""

    uuid: str
    event: Event
    error: Error | None = None
    session_started: SessionStarted | None = None
    session_finished: Counted | None = None
    session_cancelled: SessionCancelled | None = None
    reservation_start: ReservationStart | None = None
    reservation_end: ReservationEnd | None = None


class Telemetry(
    msgspec.Struct,
    frozen=True,
    rename={
        "temperature_c": "temperature",
        "supply_voltage_12_v": "supply_voltage_12V",
        "supply_voltage_minus_12_v": "supply_voltage_minus_12V",
        "rcd_current_ma": "rcd_current",
    },
):
    """rcd_current_ma has to be there: 0.0 where no residual current is measured."""

    temperature_c: float
    fan_rpm: float
    supply_voltage_12_v: float
    supply_voltage_minus_12_v: float
    rcd_current_ma: float
    relais_on: bool
