"""What we send beyond wire.py: errors, sessions, telemetry, the random delay, DC, ISO 15118.

Rule: as in wire.py an optional field that is unset is left out.
"""

from enum import Enum

import msgspec

from evsed.api.wire import SignedMeterValue
from evsed.core.states import StartReason, StopReason
from evsed.core.tokens import ProvidedIdToken


class ErrorSeverity(Enum):
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


class ErrorState(Enum):
    ACTIVE = "Active"
    CLEARED_BY_MODULE = "ClearedByModule"
    CLEARED_BY_REBOOT = "ClearedByReboot"


class ErrorOrigin(msgspec.Struct, frozen=True):
    """implementation_id: the part of an error's type before the slash."""

    module_id: str
    implementation_id: str


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """timestamp and uuid are those of the raise, also when it is cleared."""

    type: str
    sub_type: str
    description: str
    message: str
    severity: ErrorSeverity
    origin: ErrorOrigin
    timestamp: str
    uuid: str
    state: ErrorState = ErrorState.ACTIVE


class SessionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One session of get_sessions; without an end it is the open one."""

    uuid: str
    session_start_time: str
    charged_energy_wh: float = 0.0
    start_reason: StartReason | None = None
    session_end_time: str | None = None
    transaction_start_time: str | None = None
    transaction_end_time: str | None = None
    reason: StopReason | None = None
    id_tag: ProvidedIdToken | None = None
    reservation_id: int | None = None
    start_signed_meter_value: SignedMeterValue | None = None
    signed_meter_value: SignedMeterValue | None = None


class Telemetry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "evse_temperature_c": "evse_temperature_C",
        "plug_temperature_c": "plug_temperature_C",
        "supply_voltage_12_v": "supply_voltage_12V",
        "supply_voltage_minus_12_v": "supply_voltage_minus_12V",
        "limit_a": "limit_A",
    },
):
    """limit_source and limit_A are ours: the row that binds the current, and the current."""

    evse_temperature_c: float
    fan_rpm: float
    supply_voltage_12_v: float
    supply_voltage_minus_12_v: float
    relais_on: bool
    limit_source: str
    limit_a: float
    plug_temperature_c: float | None = None


class CountDown(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={"after_a": "current_limit_after_delay_A", "during_a": "current_limit_during_delay_A"},
):
    """Of the random delay; countdown_s 0: none is running."""

    countdown_s: int
    after_a: float
    during_a: float
    start_time: str | None = None


class CarManufacturer(Enum):
    VOLKSWAGEN_GROUP = "VolkswagenGroup"
    TESLA = "Tesla"
    UNKNOWN = "Unknown"


class HlcSessionFailedReason(Enum):
    PROTOCOL_NEGOTIATION_FAILED = "ProtocolNegotiationFailed"
    AUTHORIZATION_FAILED = "AuthorizationFailed"
    CHARGING_PARAMETERS_NOT_ACCEPTED = "ChargingParametersNotAccepted"
    ENERGY_TRANSFER_SETUP_FAILED = "EnergyTransferSetupFailed"
    CHARGING_INTERRUPTED = "ChargingInterrupted"
    FAILED_TLS_HANDSHAKE = "FailedTLSHandshake"
    UNEXPECTED_SESSION_END = "UnexpectedSessionEnd"


class HlcSessionFailedEvent(msgspec.Struct, frozen=True):
    uuid: str
    reason: HlcSessionFailedReason


class CertificateAction(Enum):
    INSTALL = "Install"
    UPDATE = "Update"


class RequestExiStream(msgspec.Struct, frozen=True):
    """A certificate request of an EV; exi_request is base64."""

    exi_request: str
    iso15118_schema_version: str
    certificate_action: CertificateAction


class EnergyTransferModesResult(Enum):
    """UpdateAllowedEnergyTransferModesResult of the contract."""

    ACCEPTED = "Accepted"
    INCOMPATIBLE_ENERGY_TRANSFER = "IncompatibleEnergyTransfer"
    SERVICE_RENEGOTIATION_FAILED = "ServiceRenegotiationFailed"
    NO_HLC = "NoHlc"


class IsolationMeasurement(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={
        "resistance_ohm": "resistance_F_Ohm",
        "voltage_v": "voltage_V",
        "l1_to_earth_v": "voltage_to_earth_l1e_V",
        "l2_to_earth_v": "voltage_to_earth_l2e_V",
    },
):
    resistance_ohm: float
    voltage_v: float | None = None
    l1_to_earth_v: float | None = None
    l2_to_earth_v: float | None = None


class ControlHealth(msgspec.Struct, frozen=True):
    """How regular the control loop is; counts are since its start, the worst ones since the last message."""

    ticks: int
    overruns: int  # ticks that came so late that others were skipped
    dropped_events: int
    late_max_ms: float
    tick_max_ms: float  # from the first sample to the watchdog


class VoltageCurrent(
    msgspec.Struct, frozen=True, rename={"voltage_v": "voltage_V", "current_a": "current_A"}
):
    voltage_v: float
    current_a: float


class DcMode(Enum):
    """Mode of the contract."""

    OFF = "Off"
    EXPORT = "Export"
    IMPORT = "Import"
    FAULT = "Fault"


def _with_unit(field: str) -> str:
    """Spells the contract's unit suffix: max_export_power_w is max_export_power_W there."""
    name, _, unit = field.rpartition("_")
    return f"{name}_{unit.upper()}" if unit in ("a", "v", "w") else field


class DcCapabilities(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_with_unit):
    """Capabilities of the contract: what a DC supply can do, export being towards the EV."""

    bidirectional: bool
    max_export_voltage_v: float
    min_export_voltage_v: float
    max_export_current_a: float
    min_export_current_a: float
    max_export_power_w: float
    current_regulation_tolerance_a: float
    peak_current_ripple_a: float
    max_import_voltage_v: float | None = None
    min_import_voltage_v: float | None = None
    max_import_current_a: float | None = None
    min_import_current_a: float | None = None
    max_import_power_w: float | None = None
    conversion_efficiency_import: float | None = None
    conversion_efficiency_export: float | None = None


class Rollback(msgspec.Struct, frozen=True):
    """A version that was left, from which slot, when and why."""

    version: str
    slot: str
    reason: str
    at: str


class RunningImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """proved: it has passed its self-check in this slot; before, it is on trial."""

    id: str
    version: str
    slot: str
    proved: bool
    last_rollback: Rollback | None = None


class Software(msgspec.Struct, frozen=True, omit_defaults=True):
    """version: of evsed. image: on the appliance only."""

    version: str
    image: RunningImage | None = None
