"""What a client's argument asks of the core.

Rule 1: the wire's conventions end here: signs, several limits in one entry, dates, priorities.
Rule 2: who limits is told by the client's own words, at most MAX_SOURCE printable characters of them.
"""

from itertools import groupby
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from evsed.api.arguments import (
    AuthorizationStatus,
    AuthorizeResponseArgs,
    EnableDisableRequest,
    StopTransactionRequest,
    ThreePhases,
)
from evsed.api.arguments_limits import (
    ExternalLimits,
    ScheduleReqEntry,
    ScheduleSetpointEntry,
    SessionLimits,
    Setpoint,
)
from evsed.api.operations import Moment, ToCommand
from evsed.core import commands
from evsed.core.commands import EnableSource, EnableState, ScheduleEntry
from evsed.core.events import CommandDone
from evsed.core.states import PhaseSwitchResult

MAX_SOURCE = 64
EXTERNAL, SETPOINT = "external", "setpoint"  # sources of the two schedules of set_external_limits
# enable and disable name no source: the row of LocalAPI, so weak that every priority below 100 beats it.
LOCAL_PRIORITY = 100
WHOLE_EVSE = 0

T = TypeVar("T")


def just(command: commands.Command) -> ToCommand:
    """A command that no argument changes."""
    return lambda argument, moment: command


def enable_disable(wanted: EnableDisableRequest, moment: Moment) -> commands.Command:
    return commands.EnableDisable(wanted.source.to_core(), wanted.connector_id)


def local_row(state: EnableState) -> commands.EnableDisable:
    row = commands.AvailabilityRow(EnableSource.LOCAL_API, state, LOCAL_PRIORITY)
    return commands.EnableDisable(row, WHOLE_EVSE)


def authorize(response: AuthorizeResponseArgs, moment: Moment) -> commands.Command:
    """The group is what the authorizer says, or else what came with the token."""
    token, result = response.given_token(), response.given_result()
    parent = token.parent_id_token if result.parent_id_token is UNSET else result.parent_id_token
    return commands.AuthorizeResponse(
        token.to_core(),
        result.authorization_status is AuthorizationStatus.ACCEPTED,
        None if parent is UNSET else parent.to_core(),
        _or_none(result.reservation_id),
    )


def stop(wanted: StopTransactionRequest, moment: Moment) -> commands.Command:
    id_tag = None if wanted.id_tag is UNSET else wanted.id_tag.to_core()
    return commands.StopTransaction(wanted.reason, id_tag)


def reserve(reservation_id: int, moment: Moment) -> commands.Command:
    """A negative id is one like any other: upstream's sign of a reservation for the whole site."""
    return commands.Reserve(commands.Reservation(reservation_id))


def delay_duration(duration_s: int, moment: Moment) -> commands.Command:
    return commands.SetRandomDelayDuration(float(duration_s))


def switch_phases(wanted: ThreePhases, moment: Moment) -> commands.Command:
    return commands.SwitchPhases(wanted.three_phases)


def session_limits(wanted: SessionLimits, moment: Moment) -> commands.Command:
    """A cost is counted with the message's own price, or else with the configured one."""
    price = _or_none(wanted.price_per_kwh) or moment.rules.price_per_kwh or None
    if wanted.cost is not UNSET and price is None:
        raise ValueError("$.cost: there is no price, send price_per_kWh with it or set session.price_per_kwh")
    return commands.SetSessionLimits(
        _or_none(wanted.energy_wh), _or_none(wanted.duration_s), _or_none(wanted.cost), price
    )


def external_limits(wanted: ExternalLimits, moment: Moment) -> tuple[commands.Command, ...]:
    """Both schedules are replaced, so that nothing of an earlier message is left over."""
    given = wanted.given()
    imports = tuple(_import_entry(entry, moment) for entry in given.schedule_import)
    setpoints = tuple(_setpoint_entry(entry, moment) for entry in _strongest(given.schedule_setpoints))
    keepalive_s = moment.rules.external_keepalive_s
    return (
        commands.SetSchedule(EXTERNAL, _judged(imports, moment), keepalive_s),
        commands.SetSchedule(SETPOINT, _judged(setpoints, moment), keepalive_s),
    )


def external_limits_note(wanted: ExternalLimits, moment: Moment) -> str:
    """What of it is not followed."""
    given = wanted.given()
    notes = []
    longest = max(len(given.schedule_import), len(_strongest(given.schedule_setpoints)))
    if longest > 1 and not moment.synchronised:
        notes.append("the clock is not synchronised: only the first entry of a schedule counts")
    if given.schedule_export:
        notes.append("schedule_export is not looked at: this EVSE does not export")
    return "; ".join(notes)


def result(done: CommandDone) -> bool:
    return done.result


def no_result(done: CommandDone) -> bool:
    return not done.result


def phase_switch(done: CommandDone) -> PhaseSwitchResult:
    """No code: the core has not started yet."""
    return PhaseSwitchResult(done.code) if done.code else PhaseSwitchResult.NOT_CHARGING


def _judged(entries: tuple[ScheduleEntry, ...], moment: Moment) -> tuple[ScheduleEntry, ...]:
    """Without a clock that can be trusted a date says nothing; the first entry counts at once anyway."""
    return entries if moment.synchronised else entries[:1]


def _import_entry(entry: ScheduleReqEntry, moment: Moment) -> ScheduleEntry:
    sides = (entry.limits_to_root, entry.limits_to_leaves)
    current = _smallest([side.ac_max_current_a for side in sides])
    power = _smallest([side.total_power_w for side in sides])
    phases = _smallest([side.ac_max_phase_count for side in sides])
    named = next((limit for limit in (current, power, phases) if limit is not None), None)
    return ScheduleEntry(
        moment.monotonic_of(entry.timestamp.timestamp()),
        limit_a=None if current is None else _imported(current.value),
        power_w=None if power is None else _imported(power.value),
        phases=None if phases is None else phases.value,
        by="" if named is None else _words(named.source),
    )


def _setpoint_entry(entry: ScheduleSetpointEntry, moment: Moment) -> ScheduleEntry:
    starts_at_s = moment.monotonic_of(entry.timestamp.timestamp())
    if entry.setpoint is UNSET:
        return ScheduleEntry(starts_at_s)
    setpoint = entry.setpoint
    return ScheduleEntry(
        starts_at_s,
        limit_a=None if setpoint.current_a is UNSET else _imported(setpoint.current_a),
        power_w=None if setpoint.power_w is UNSET else _imported(setpoint.power_w),
        frequency_w=_frequency_points(setpoint),
        by=_words(setpoint.source),
    )


def _frequency_points(setpoint: Setpoint) -> tuple[tuple[float, float], ...]:
    if setpoint.frequency_table is UNSET:
        return ()
    return tuple((point.frequency_hz, _imported(point.power_w)) for point in sorted(setpoint.frequency_table))


def _strongest(entries: tuple[ScheduleSetpointEntry, ...]) -> tuple[ScheduleSetpointEntry, ...]:
    """Of the entries of one time that with the smallest priority number; without a setpoint it is weakest."""
    times = groupby(entries, key=lambda entry: entry.timestamp)
    return tuple(min(same, key=_priority) for _, same in times)


def _priority(entry: ScheduleSetpointEntry) -> float:
    return float("inf") if entry.setpoint is UNSET else entry.setpoint.priority


def _smallest(limits: list[Any]) -> Any:
    """Of limits with a value; None where none is set."""
    return min((limit for limit in limits if limit is not UNSET), key=lambda limit: limit.value, default=None)


def _imported(value: float) -> float:
    """Negative is export, which leaves nothing to import."""
    return max(0.0, value)


def _words(source: str) -> str:
    return "".join(sign for sign in source if sign.isprintable())[:MAX_SOURCE]


def _or_none(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
