"""The values of variables: from who we are, from the charger as it is now, from a meter reading."""

from evsed.api import wire, wire_extensions
from evsed.api.arguments import EnergyTransferMode
from evsed.api.encoding import timestamp
from evsed.api.identity import Identity
from evsed.api.operations import Moment
from evsed.core.inputs import LimitRow, Snapshot
from evsed.core.limits import INSTALLATION
from hal.types import MeterReading, SignedValue

MIN_CURRENT_A = 6.0  # IEC 61851-1 Table A.8: no duty says less
LIMITS_VALID_S = 10
DECIMALS = 3  # float32 registers carry no more; 230.1 shall not be sent as 230.10000610351562


def evse(identity: Identity) -> wire.Evse:
    return wire.Evse(identity.id, (wire.Connector(identity.connector_id, identity.connector_type),))


def evse_number(identity: Identity) -> int:
    return identity.id


def evse_id(identity: Identity) -> str:
    return identity.evse_id


def hw_capabilities(identity: Identity) -> wire.HardwareCapabilities:
    return wire.HardwareCapabilities(
        max_current_import_a=identity.max_current_a,
        min_current_import_a=MIN_CURRENT_A,
        max_phase_count_import=identity.phases,
        min_phase_count_import=1,
        max_current_export_a=0.0,
        min_current_export_a=0.0,
        max_phase_count_export=identity.phases,
        min_phase_count_export=1,
        supports_changing_phases_during_charging=identity.phase_switching,
        supports_state_e=False,  # we never drive it to tell an EV something
        connector_type="IEC62196Type2Socket" if identity.socket else "IEC62196Type2Cable",
    )


def energy_modes(identity: Identity) -> tuple[EnergyTransferMode, ...]:
    single = (EnergyTransferMode.AC_SINGLE_PHASE_CORE,)
    return (*single, EnergyTransferMode.AC_THREE_PHASE_CORE) if identity.phases == 3 else single


def external_ready(identity: Identity, now: Snapshot, moment: Moment) -> bool:
    return now.waits_for_external_ready


def limits(identity: Identity, now: Snapshot, moment: Moment) -> wire.Limits:
    return wire.Limits(now.limit_a, now.phases, identity.module_id)


def enforced_limits(identity: Identity, now: Snapshot, moment: Moment) -> wire.EnforcedLimits:
    """Names the rows that bind; the schedule is what they say, from now on."""
    binding = wire.LimitsRes(
        wire.NumberWithSource(now.limit_a, now.limit_source),
        wire.IntegerWithSource(now.phases, _phases_source(now.limits)),
        _binding_power(now),
    )
    entry = wire.ScheduleResEntry(timestamp(moment.utc_s), binding)
    return wire.EnforcedLimits(identity.module_id, LIMITS_VALID_S, binding, (entry,))


def _phases_source(rows: tuple[LimitRow, ...]) -> str:
    """Of the row that allows the fewest; where none says anything it is how the EVSE is wired."""
    limited = [(row.phases, row.source) for row in rows if row.phases is not None]
    return min(limited)[1] if limited else INSTALLATION


def _binding_power(now: Snapshot) -> wire.NumberWithSource | None:
    """Where the row that binds is one in watts."""
    powers = [r.power_w for r in now.limits if r.source == now.limit_source and r.power_w is not None]
    return wire.NumberWithSource(min(powers), now.limit_source) if powers else None


def phases(identity: Identity, now: Snapshot, moment: Moment) -> int:
    return now.phases


def ampacity(identity: Identity, now: Snapshot, moment: Moment) -> wire.ProximityPilot | None:
    """None on a tethered cable, which has no proximity contact to read."""
    return wire.ProximityPilot(now.ampacity) if identity.socket else None


def telemetry(identity: Identity, now: Snapshot, moment: Moment) -> wire_extensions.Telemetry | None:
    """None while a value that the contract requires is not known. fan_rpm 0: there is no fan."""
    celsius = {reading.location: reading.temperature_c for reading in now.temperatures}
    if now.rails is None or "evse" not in celsius:
        return None
    plug_c = celsius.get("plug")
    return wire_extensions.Telemetry(
        evse_temperature_c=round(celsius["evse"], DECIMALS),
        fan_rpm=0.0,
        supply_voltage_12_v=round(now.rails.plus_12_v, DECIMALS),
        supply_voltage_minus_12_v=round(now.rails.minus_12_v, DECIMALS),
        relais_on=now.mirror_closed,
        limit_source=now.limit_source,
        limit_a=now.limit_a,
        plug_temperature_c=None if plug_c is None else round(plug_c, DECIMALS),
    )


def random_delay(identity: Identity, now: Snapshot, moment: Moment) -> wire_extensions.CountDown | None:
    """None while the function is switched off."""
    delay = now.random_delay
    if delay is None:
        return None
    started = None if delay.started_at_s is None else timestamp(moment.utc_of(delay.started_at_s))
    return wire_extensions.CountDown(delay.countdown_s, delay.after_a, delay.during_a, started)


def signed(value: SignedValue) -> wire.SignedMeterValue:
    return wire.SignedMeterValue(value.data, value.signing_method, value.encoding_method, value.public_key)


def powermeter(reading: MeterReading, utc_s: float) -> wire.Powermeter:
    """utc_s is the time of the reading, not of sending."""
    return wire.Powermeter(
        timestamp(utc_s),
        _total(reading.energy_import_wh),
        meter_id=reading.meter_id,
        energy_export_wh=None if reading.energy_export_wh is None else _total(reading.energy_export_wh),
        power_w=_power(reading),
        voltage_v=_per_phase(reading.voltage_v),
        current_a=_per_phase(reading.current_a),
        frequency_hz=None
        if reading.frequency_hz is None
        else wire.Frequency(round(reading.frequency_hz, DECIMALS)),
    )


def no_powermeter(utc_s: float) -> wire.Powermeter:
    """The contract wants a meter value in every event, also before there has been a reading."""
    return wire.Powermeter(timestamp(utc_s), _total(0.0))


def _total(value: float, lines: tuple[float, ...] = ()) -> wire.Total:
    return wire.Total(total=round(value, DECIMALS), **_lines(lines))


def _power(reading: MeterReading) -> wire.Total | None:
    if reading.power_w is None and not reading.power_phase_w:
        return None
    total_w = sum(reading.power_phase_w) if reading.power_w is None else reading.power_w
    return _total(total_w, reading.power_phase_w)


def _per_phase(values: tuple[float, ...]) -> wire.PerPhase | None:
    return wire.PerPhase(**_lines(values)) if values else None


def _lines(values: tuple[float, ...]) -> dict[str, float]:
    return {line: round(value, DECIMALS) for line, value in zip(("l1", "l2", "l3"), values, strict=False)}
