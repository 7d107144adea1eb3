"""The older interface, everest_api/0/evse_manager, as a translation of the newer one and of the same core.

Rule 1: nothing is decided here that the core decides; a row turns one spelling into the other.
Rule 2: its variables are those of the newer interface, spelled anew (derived); only session_events, which
says other things, is made of the core's events (older_session.py).
"""

from collections.abc import Callable, Mapping
from typing import Any

from evsed.api import wire, wire_extensions
from evsed.api.arguments import Bare, Request, ThreePhases
from evsed.api.calls import just, local_row, result, switch_phases
from evsed.api.identity import Identity
from evsed.api.older_session import session_events
from evsed.api.older_types import (
    CancelChargingArgs,
    LocalMaxCurrentArgs,
    LocalMaxCurrentResult,
    ReserveNowArgs,
    SessionEvents,
    Telemetry,
)
from evsed.api.operations import Envelope, Interface, Moment, Older, Operation, Replied, ToCommand, Variable
from evsed.core import commands
from evsed.core.commands import WAS_DISABLED, EnableState
from evsed.core.events import CommandDone
from evsed.core.states import PhaseSwitchResult, ReservationResult, StopReason

PREFIX = "everest_api/0/evse_manager/{module_id}"
LOCAL_MAX_CURRENT = "local_max_current"  # source of its limit row
LOCAL_MAX_CURRENT_BELOW_A = 80.0  # as EVerest, whatever the hardware carries: another row limits to that
NOT_MEASURED_MA = 0.0  # the contract wants a residual current, which no board measures


def _reserve(wanted: ReserveNowArgs, moment: Moment) -> commands.Command:
    expiry_utc_s = wanted.expiry_date.timestamp()
    reservation = commands.Reservation(
        wanted.reservation_id,
        id_token=wanted.auth_token,
        parent_id=wanted.parent_id,
        expires_at_s=moment.monotonic_of(expiry_utc_s),
        expiry_utc_s=expiry_utc_s,
    )
    return commands.Reserve(reservation, expiry_known=moment.synchronised)


def _cancel_charging(wanted: CancelChargingArgs, moment: Moment) -> commands.Command:
    return commands.StopTransaction(StopReason(wanted.reason.value))


def _local_max_current(wanted: LocalMaxCurrentArgs, moment: Moment) -> commands.Command:
    """Raises Replied outside the range."""
    if not 0.0 <= wanted.max_current_a < LOCAL_MAX_CURRENT_BELOW_A:
        raise Replied(LocalMaxCurrentResult.OUT_OF_RANGE)
    return commands.SetLimit(LOCAL_MAX_CURRENT, wanted.max_current_a)


def _was_disabled(done: CommandDone) -> bool:
    """True only for an EVSE that this has enabled."""
    return done.result and done.code == WAS_DISABLED


def _true(done: CommandDone) -> bool:
    """Whatever the core says, as EVerest."""
    return True


def _reserved(done: CommandDone) -> ReservationResult:
    """No code: the core has not started yet."""
    return ReservationResult(done.code) if done.code else ReservationResult.UNAVAILABLE


def _limited(done: CommandDone) -> LocalMaxCurrentResult:
    return LocalMaxCurrentResult.SUCCESS if done.result else LocalMaxCurrentResult.HARDWARE


def _switched(done: CommandDone) -> PhaseSwitchResult:
    """No code: the core has not started yet."""
    return PhaseSwitchResult(done.code) if done.code else PhaseSwitchResult.NOT_CHARGING


def _nothing_to_accept(identity: Identity) -> bool:
    """That Finished, in which the EV has left, the core leaves by itself: nothing ever waits for this."""
    return False


def _as_it_is(value: object) -> object:
    return value


def _telemetry(newer: wire_extensions.Telemetry) -> Telemetry:
    return Telemetry(
        temperature_c=newer.evse_temperature_c,
        fan_rpm=newer.fan_rpm,
        supply_voltage_12_v=newer.supply_voltage_12_v,
        supply_voltage_minus_12_v=newer.supply_voltage_minus_12_v,
        rcd_current_ma=NOT_MEASURED_MA,
        relais_on=newer.relais_on,
    )


ENABLE = just(local_row(EnableState.ENABLE))
DISABLE = just(local_row(EnableState.DISABLE))
CANCEL_RESERVATION = just(commands.CancelReservation())
SET_FAULTED = just(commands.SetFaulted(True))
PAUSE = just(commands.PauseCharging())
RESUME = just(commands.ResumeCharging())
UNLOCK = just(commands.ForceUnlock())


def _row(
    name: str, body: Any, command: ToCommand, reply: Callable[[CommandDone], object], kind: Any, help: str
) -> Operation:
    return Operation(name, Envelope.REQUEST, body, command, reply, reply_type=kind, help=help)


# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    #    name, type of the message, core command, reply, its type, help
    _row("enable", Bare, ENABLE, _was_disabled, bool,
         "Enables the EVSE; true if it was disabled and no longer is."),
    _row("disable", Bare, DISABLE, _true, bool,
         "Disables the EVSE, which ends a transaction; always true."),
    _row("set_faulted", Bare, SET_FAULTED, _true, bool,
         "Declares the EVSE faulted, until clear_faulted of the newer interface; always true."),
    _row("pause_charging", Bare, PAUSE, result, bool,
         "Pauses charging; true if charging is now paused by the EVSE."),
    _row("resume_charging", Bare, RESUME, result, bool,
         "Takes a pause back; true unless there is no transaction."),
    _row("cancel_charging", Request[CancelChargingArgs], _cancel_charging, result, bool,
         "Ends the transaction for the given reason; true if there was one."),
    _row("force_unlock", Bare, UNLOCK, result, bool,
         "Ends the transaction and opens the connector lock; true if there is a lock."),
    _row("reserve_now", Request[ReserveNowArgs], _reserve, _reserved, ReservationResult,
         "Reserves the EVSE for a token, or for its group, until a date."),
    _row("cancel_reservation", Bare, CANCEL_RESERVATION, result, bool,
         "Ends the reservation; true if there was one."),
    _row("set_local_max_current", Request[LocalMaxCurrentArgs], _local_max_current, _limited,
         LocalMaxCurrentResult, "Limits the current of each phase, in A from 0 to below 80."),
    _row("switch_three_phases_while_charging", Request[ThreePhases], switch_phases, _switched,
         PhaseSwitchResult, "Changes between one and three phases during a transaction."),
    Operation("get_signed_meter_value", Envelope.REQUEST, Bare, query="get_signed_meter_value",
              reply_type=str, help="What the meter has signed last; NOT_AVAILABLE if nothing is signed."),
    Operation("accept_new_session", Envelope.REQUEST, Bare, answer=_nothing_to_accept, reply_type=bool,
              help="Always false: the EVSE is ready for a new EV by itself once the last one has left."),
)

VARIABLES: tuple[Variable, ...] = (
    Variable("session_events", SessionEvents, qos=2, retain=False, help="What has happened, as it happens."),
    Variable("limits", wire.Limits, help="The current and the phases that the EV may use now."),
    Variable("powermeter", wire.Powermeter, help="The newest reading of the energy meter."),
    Variable("evse_id", str, help="The EVSE's name for the roaming world."),
    Variable("telemetry", Telemetry, help="The board's own readings; rcd_current is 0, nothing measures it."),
)

DERIVED: Mapping[str, tuple[str, Callable[[Any], object | None]]] = {
    # of the newer interface   of this one    made by
    "limits":                  ("limits",     _as_it_is),
    "powermeter":              ("powermeter", _as_it_is),
    "evse_id":                 ("evse_id",    _as_it_is),
    "telemetry":               ("telemetry",  _telemetry),
}
# fmt: on

OLDER = Older(Interface(PREFIX, OPERATIONS, VARIABLES, gettable=False), DERIVED, session_events)
