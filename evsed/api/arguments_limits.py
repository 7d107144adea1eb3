"""What clients send to limit current, power, phases, energy, time and cost.

Rules 1 to 3 are those of arguments.py.
Rule 4: a schedule is in order of time.
Rule 5: a current that no EVSE carries is refused.
"""

from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from evsed.api.arguments import Integer, UtcTime

MAX_CURRENT_A = 1000.0
Current = Annotated[float, Meta(ge=-MAX_CURRENT_A, le=MAX_CURRENT_A)]  # negative: export
Phases = Annotated[int, Meta(ge=1, le=3)]
NotNegative = Annotated[float, Meta(ge=0)]


class NumberWithSource(msgspec.Struct, frozen=True):
    value: float
    source: str


class CurrentWithSource(msgspec.Struct, frozen=True):
    value: Current
    source: str


class IntegerWithSource(msgspec.Struct, frozen=True):
    value: Integer
    source: str


class PhasesWithSource(msgspec.Struct, frozen=True):
    value: Phases
    source: str


class LimitsReq(
    msgspec.Struct,
    frozen=True,
    rename={
        "total_power_w": "total_power_W",
        "ac_max_current_a": "ac_max_current_A",
        "ac_min_current_a": "ac_min_current_A",
    },
):
    """The first three are followed; the others say what somebody wants, not what is allowed."""

    total_power_w: NumberWithSource | UnsetType = UNSET
    ac_max_current_a: CurrentWithSource | UnsetType = UNSET
    ac_max_phase_count: PhasesWithSource | UnsetType = UNSET
    ac_min_current_a: CurrentWithSource | UnsetType = UNSET
    ac_min_phase_count: IntegerWithSource | UnsetType = UNSET
    ac_number_of_active_phases: Integer | UnsetType = UNSET
    ac_supports_changing_phases_during_charging: bool | UnsetType = UNSET


class PricePerKwh(msgspec.Struct, frozen=True):
    timestamp: UtcTime
    value: float
    currency: Annotated[str, Meta(min_length=3, max_length=3)]


class ScheduleReqEntry(msgspec.Struct, frozen=True):
    timestamp: UtcTime
    limits_to_root: LimitsReq
    limits_to_leaves: LimitsReq
    conversion_efficiency: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    price_per_kwh: PricePerKwh | UnsetType = UNSET


class FrequencyPoint(
    msgspec.Struct,
    frozen=True,
    order=True,
    rename={"frequency_hz": "frequency_Hz", "power_w": "total_power_W"},
):
    frequency_hz: float
    power_w: float


class Setpoint(msgspec.Struct, frozen=True, rename={"current_a": "ac_current_A", "power_w": "total_power_W"}):
    """SetpointType of the contract: one of current, power and frequency table; priority 0 is strongest."""

    priority: Annotated[int, Meta(ge=0, le=1000)]
    source: str
    current_a: Current | UnsetType = UNSET
    power_w: float | UnsetType = UNSET
    frequency_table: Annotated[tuple[FrequencyPoint, ...], Meta(min_length=2)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        given = [v for v in (self.current_a, self.power_w, self.frequency_table) if v is not UNSET]
        if len(given) != 1:
            one_of = "`ac_current_A`, `total_power_W`, `frequency_table`"
            raise ValueError(f"Expected exactly one of {one_of}, got {len(given)}")
        if self.frequency_table is not UNSET:
            _refuse_two_powers(self.frequency_table)


class ScheduleSetpointEntry(msgspec.Struct, frozen=True):
    timestamp: UtcTime
    setpoint: Setpoint | UnsetType = UNSET


class Schedules(msgspec.Struct, frozen=True):
    """ExternalLimits of the contract. What is missing limits nothing."""

    schedule_import: tuple[ScheduleReqEntry, ...] = ()
    schedule_export: tuple[ScheduleReqEntry, ...] = ()
    schedule_setpoints: tuple[ScheduleSetpointEntry, ...] = ()

    def __post_init__(self) -> None:
        for name in ("schedule_import", "schedule_export", "schedule_setpoints"):
            _refuse_disorder(name, getattr(self, name))


class ExternalLimits(Schedules, frozen=True):
    """Interface 000 puts the whole of it under value."""

    value: Schedules | UnsetType = UNSET

    def given(self) -> Schedules:
        return self if self.value is UNSET else self.value


class SessionLimits(
    msgspec.Struct, frozen=True, rename={"energy_wh": "energy_Wh", "price_per_kwh": "price_per_kWh"}
):
    """What is unset is not limited; cost and price are in the same currency, whichever."""

    energy_wh: NotNegative | UnsetType = UNSET
    duration_s: NotNegative | UnsetType = UNSET
    cost: NotNegative | UnsetType = UNSET
    price_per_kwh: NotNegative | UnsetType = UNSET


def _refuse_disorder(name: str, entries: tuple[ScheduleReqEntry | ScheduleSetpointEntry, ...]) -> None:
    for earlier, later in pairwise(entries):
        if later.timestamp < earlier.timestamp:
            raise ValueError(f"Expected `{name}` in order of `timestamp`")


def _refuse_two_powers(points: tuple[FrequencyPoint, ...]) -> None:
    frequencies = [point.frequency_hz for point in points]
    if len(set(frequencies)) < len(frequencies):
        raise ValueError("Expected one power for each frequency of `frequency_table`")
