"""What we send: the contract's shapes in its JSON names.

Rule 1: an optional field that is unset is left out, never null.
Rule 2: shapes that the core already has in the contract's names (ProvidedIdToken, AvailabilityRow) are used
as they are.
"""

from enum import Enum
from typing import Literal

import msgspec

from evsed.core.commands import AvailabilityRow
from evsed.core.states import Ampacity, EventKind, PauseReason, StartReason, StopReason
from evsed.core.tokens import ProvidedIdToken


class Connector(msgspec.Struct, frozen=True):
    id: int
    type: Literal["sType2", "cType2"]


class Evse(msgspec.Struct, frozen=True):
    id: int
    connectors: tuple[Connector, ...]


class PerPhase(msgspec.Struct, frozen=True, omit_defaults=True, rename="upper", kw_only=True):
    """Voltage or Current of the contract."""

    l1: float | None = None
    l2: float | None = None
    l3: float | None = None


class Frequency(msgspec.Struct, frozen=True, rename="upper"):
    l1: float


class Total(
    PerPhase, frozen=True, omit_defaults=True, rename={"l1": "L1", "l2": "L2", "l3": "L3"}, kw_only=True
):
    """Energy or Power of the contract."""

    total: float


class SignedMeterValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the meter has signed, unchanged; public_key "" is not sent."""

    signed_meter_data: str
    signing_method: str
    encoding_method: str
    public_key: str = ""


class Powermeter(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={
        "energy_import_wh": "energy_Wh_import",
        "energy_export_wh": "energy_Wh_export",
        "power_w": "power_W",
        "voltage_v": "voltage_V",
        "current_a": "current_A",
        "frequency_hz": "frequency_Hz",
    },
):
    timestamp: str
    energy_import_wh: Total
    meter_id: str = ""
    energy_export_wh: Total | None = None
    power_w: Total | None = None
    voltage_v: PerPhase | None = None
    current_a: PerPhase | None = None
    frequency_hz: Frequency | None = None


class Metered(msgspec.Struct, frozen=True):
    """SessionFinished, ChargingStateChangedEvent or AuthorizationEvent of the contract."""

    meter_value: Powermeter


class SessionStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    reason: StartReason
    meter_value: Powermeter
    id_tag: ProvidedIdToken | None = None
    reservation_id: int | None = None


class TransactionStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    id_tag: ProvidedIdToken
    meter_value: Powermeter
    reservation_id: int | None = None
    signed_meter_value: SignedMeterValue | None = None


class TransactionFinished(msgspec.Struct, frozen=True, omit_defaults=True):
    meter_value: Powermeter
    reason: StopReason | None = None
    id_tag: ProvidedIdToken | None = None
    start_signed_meter_value: SignedMeterValue | None = None
    signed_meter_value: SignedMeterValue | None = None


class Paused(msgspec.Struct, frozen=True):
    """ChargingPausedEVSEReasons of newer versions."""

    reasons: tuple[PauseReason, ...]


class SessionEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """boot_id, sequence and clock_synchronised are ours: a repeated event is known by the first two.

    charging_paused_evse is newer than 1.0.0, which lets other keys pass.
    """

    uuid: str
    timestamp: str
    event: EventKind
    boot_id: str
    sequence: int
    clock_synchronised: bool = True
    connector_id: int | None = None
    source: AvailabilityRow | None = None
    session_started: SessionStarted | None = None
    session_finished: Metered | None = None
    transaction_started: TransactionStarted | None = None
    transaction_finished: TransactionFinished | None = None
    charging_state_changed_event: Metered | None = None
    authorization_event: Metered | None = None
    charging_paused_evse: Paused | None = None


class InfoState(Enum):
    """EvseStateEnum of the contract: what session_info calls the state."""

    UNKNOWN = "Unknown"
    UNPLUGGED = "Unplugged"
    DISABLED = "Disabled"
    PREPARING = "Preparing"
    RESERVED = "Reserved"
    AUTH_REQUIRED = "AuthRequired"
    WAITING_FOR_ENERGY = "WaitingForEnergy"
    CHARGING_PAUSED_EV = "ChargingPausedEV"
    CHARGING_PAUSED_EVSE = "ChargingPausedEVSE"
    CHARGING = "Charging"
    AUTH_TIMEOUT = "AuthTimeout"
    FINISHED = "Finished"
    FINISHED_EVSE = "FinishedEVSE"
    FINISHED_EV = "FinishedEV"


class SessionInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    state: InfoState
    charged_energy_wh: int
    discharged_energy_wh: int
    latest_total_w: int
    session_duration_s: int
    timestamp: str
    selected_protocol: str
    transaction_duration_s: int | None = None
    session_start_time: str | None = None
    session_end_time: str | None = None
    transaction_start_time: str | None = None
    transaction_end_time: str | None = None


class EvInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ISO 15118 tells of an EV in the contract's names, which have no units (V, A, W, Wh, %, date-time).

    Always {} where there is only basic charging.
    """

    soc: float | None = None
    present_voltage: float | None = None
    present_current: float | None = None
    target_voltage: float | None = None
    target_current: float | None = None
    maximum_current_limit: float | None = None
    minimum_current_limit: float | None = None
    maximum_voltage_limit: float | None = None
    maximum_power_limit: float | None = None
    estimated_time_full: str | None = None
    departure_time: str | None = None
    estimated_time_bulk: str | None = None
    evcc_id: str | None = None
    remaining_energy_needed: float | None = None
    battery_capacity: float | None = None
    battery_full_soc: float | None = None
    battery_bulk_soc: float | None = None


class Limits(msgspec.Struct, frozen=True, rename={"max_current_a": "max_current"}):
    max_current_a: float
    nr_of_phases_available: int
    uuid: str


class NumberWithSource(msgspec.Struct, frozen=True):
    value: float
    source: str


class IntegerWithSource(msgspec.Struct, frozen=True):
    value: int
    source: str


class LimitsRes(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={"ac_max_current_a": "ac_max_current_A", "total_power_w": "total_power_W"},
):
    ac_max_current_a: NumberWithSource
    ac_max_phase_count: IntegerWithSource
    total_power_w: NumberWithSource | None = None


class ScheduleResEntry(msgspec.Struct, frozen=True):
    timestamp: str
    limits_to_root: LimitsRes


class EnforcedLimits(msgspec.Struct, frozen=True, rename={"valid_for_s": "valid_for"}):
    uuid: str
    valid_for_s: int
    limits_root_side: LimitsRes
    schedule: tuple[ScheduleResEntry, ...]


class HardwareCapabilities(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={
        "max_current_import_a": "max_current_A_import",
        "min_current_import_a": "min_current_A_import",
        "max_current_export_a": "max_current_A_export",
        "min_current_export_a": "min_current_A_export",
        "supports_state_e": "supports_cp_state_E",
    },
):
    """supports_cp_state_E is newer than 1.0.0, where it is one more key."""

    max_current_import_a: float
    min_current_import_a: float
    max_phase_count_import: int
    min_phase_count_import: int
    max_current_export_a: float
    min_current_export_a: float
    max_phase_count_export: int
    min_phase_count_export: int
    supports_changing_phases_during_charging: bool
    supports_state_e: bool
    connector_type: Literal["IEC62196Type2Socket", "IEC62196Type2Cable"]


class ProximityPilot(msgspec.Struct, frozen=True):
    ampacity: Ampacity
