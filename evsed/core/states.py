"""The vocabulary of states and reasons. Values carry the spelling of the wire."""

from enum import Enum


class Name(Enum):
    """Hashed by identity, as each member is there once: Enum hashes the name anew, ten times a tick."""

    __hash__ = object.__hash__


class CpState(Name):
    """What the control pilot line shows (IEC 61851-1 Table A.4), measured, not commanded."""

    A = "A"  # +12 V, no EV
    B = "B"  # +9 V, EV connected, S2 open
    C = "C"  # +6 V, EV requests power
    D = "D"  # +3 V, EV requests power and ventilation
    E = "E"  # 0 V, shorted or without supply
    F = "F"  # -12 V, EVSE not available
    FAULT = "Fault"  # a voltage that belongs to no state
    MISSING = "Missing"  # no reading


class EvseState(Name):
    """States of the session machine; the names are EVerest's."""

    BOOTING = "Booting"
    DISABLED = "Disabled"
    IDLE = "Idle"
    WAITING_FOR_AUTHENTICATION = "WaitingForAuthentication"
    PREPARE_CHARGING = "PrepareCharging"
    WAITING_FOR_ENERGY = "WaitingForEnergy"
    CHARGING = "Charging"
    CHARGING_PAUSED_EV = "ChargingPausedEV"
    CHARGING_PAUSED_EVSE = "ChargingPausedEVSE"
    WAKE_UP_F = "WakeUpF"
    WAKE_UP_X1 = "WakeUpX1"
    SWITCHING_PHASES = "SwitchingPhases"
    REPLUG = "Replug"
    STOPPING_CHARGING = "StoppingCharging"
    FINISHED = "Finished"


class EventKind(Enum):
    """SessionEventEnum of the API."""

    AUTHORIZED = "Authorized"
    DEAUTHORIZED = "Deauthorized"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    SESSION_STARTED = "SessionStarted"
    AUTH_REQUIRED = "AuthRequired"
    TRANSACTION_STARTED = "TransactionStarted"
    PREPARE_CHARGING = "PrepareCharging"
    CHARGING_STARTED = "ChargingStarted"
    CHARGING_PAUSED_EV = "ChargingPausedEV"
    CHARGING_PAUSED_EVSE = "ChargingPausedEVSE"
    WAITING_FOR_ENERGY = "WaitingForEnergy"
    CHARGING_RESUMED = "ChargingResumed"
    STOPPING_CHARGING = "StoppingCharging"
    CHARGING_FINISHED = "ChargingFinished"
    TRANSACTION_FINISHED = "TransactionFinished"
    SESSION_FINISHED = "SessionFinished"
    RESERVATION_START = "ReservationStart"
    RESERVATION_END = "ReservationEnd"
    REPLUG_STARTED = "ReplugStarted"
    REPLUG_FINISHED = "ReplugFinished"
    PLUGIN_TIMEOUT = "PluginTimeout"
    SWITCHING_PHASES = "SwitchingPhases"
    SESSION_RESUMED = "SessionResumed"


class StartReason(Enum):
    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"


class StopReason(Enum):
    """StopTransactionReason of the API."""

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
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    GROUND_FAULT = "GroundFault"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_QUALITY = "PowerQuality"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"
    REQ_ENERGY_TRANSFER_REJECTED = "ReqEnergyTransferRejected"
    EVSE_DISABLED = "EVSEDisabled"


class PauseReason(Enum):
    """Why we paused, as newer versions of the API say it in charging_paused_evse."""

    USER_PAUSE = "UserPause"
    ERROR = "Error"
    NO_ENERGY = "NoEnergy"


class ReservationEndReason(Enum):
    """Of the older interface."""

    EXPIRED = "Expired"
    CANCELLED = "Cancelled"
    USED = "UsedToStartCharging"


class ReservationResult(Enum):
    """Of the older interface; the newer one says true for ACCEPTED and false for the others."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class PhaseSwitchResult(Enum):
    """SwitchThreePhasesWhileChargingResult of the API."""

    SUCCESS = "Success"
    NOT_SUPPORTED = "Error_NotSupported"
    NOT_CHARGING = "Error_NotCharging"
    HARDWARE = "Error_Hardware"


class Ampacity(Name):
    """Cable coding of a type 2 plug (IEC 61851-1 Annex B); the spelling of ProximityPilot."""

    NONE = "None"
    A_13 = "A_13"
    A_20 = "A_20"
    A_32 = "A_32"
    A_63 = "A_63_3ph_70_1ph"
