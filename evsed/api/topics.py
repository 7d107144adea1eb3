"""The API as two tables: what clients may ask for (OPERATIONS) and what they may read (VARIABLES).

Rule 1: one more operation or variable is one row, plus a struct in arguments*.py or wire*.py.
Rule 2: an operation is subscribed to by its name, never by a wildcard: clients put reply topics beside them.
Rule 3: m2e/<var>/get is made of the variable's row, never listed.
"""

from evsed.api import calls, values, wire
from evsed.api import wire_extensions as ext
from evsed.api.arguments import (
    AuthorizeResponseArgs,
    Bare,
    DelayDuration,
    EnableDisableRequest,
    EnergyTransferMode,
    EnergyTransferModes,
    Integer,
    OptionalRequest,
    PlugAndChargeConfiguration,
    Request,
    ResponseExiStreamStatus,
    SessionsRequest,
    StopTransactionRequest,
    ThreePhases,
)
from evsed.api.arguments_limits import ExternalLimits, SessionLimits
from evsed.api.calls import just, no_result, phase_switch, result
from evsed.api.operations import Envelope, Interface, Operation, Variable
from evsed.core import commands
from evsed.core.commands import EnableState
from evsed.core.states import PhaseSwitchResult
from evsed.core.tokens import ProvidedIdToken

PREFIX = "everest_api/1/evse_manager_consumer/{module_id}"
OPERATION_QOS = 1
REPLY_QOS = 1
LAST_VALUE = "last_value"

WITHDRAW = just(commands.WithdrawAuthorization())
CANCEL_RESERVATION = just(commands.CancelReservation())
PAUSE = just(commands.PauseCharging())
RESUME = just(commands.ResumeCharging())
UNLOCK = just(commands.ForceUnlock())  # there is one connector: its number is not looked at, as upstream
EXTERNAL_READY = just(commands.ExternalReady())
DELAY_ON = just(commands.EnableRandomDelay(True))
DELAY_OFF = just(commands.EnableRandomDelay(False))
DELAY_CANCEL = just(commands.CancelRandomDelay())
FAULT_ON = just(commands.SetFaulted(True))
FAULT_OFF = just(commands.SetFaulted(False))
REPLUG = just(commands.Replug())
ENABLE = just(calls.local_row(EnableState.ENABLE))
DISABLE = just(calls.local_row(EnableState.DISABLE))

REQUEST, PLAIN, NONE = Envelope
ERRORS = tuple[ext.ErrorObject, ...]

# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    #         name, envelope, type of the message, core command, reply
    Operation("get_evse", REQUEST, Bare, answer=values.evse, reply_type=wire.Evse,
              help="Tells the number of this EVSE and its connectors."),
    Operation("enable_disable", REQUEST, Request[EnableDisableRequest], calls.enable_disable, result,
              reply_type=bool,
              help="Enables or disables for one source; replies whether the EVSE is enabled then."),
    Operation("authorize_response", PLAIN, AuthorizeResponseArgs, calls.authorize,
              help="An authorizer's verdict on a token; only Accepted has an effect."),
    Operation("withdraw_authorization", NONE, None, WITHDRAW,
              help="Takes the authorization back, and ends a transaction that runs on it."),
    Operation("reserve", REQUEST, Request[Integer], calls.reserve, result, reply_type=bool,
              help="Reserves the EVSE under this number; replies whether it is reserved."),
    Operation("cancel_reservation", NONE, None, CANCEL_RESERVATION,
              help="Drops the reservation if there is one."),
    Operation("pause_charging", REQUEST, Bare, PAUSE, result, reply_type=bool,
              help="Pauses the transaction; replies whether it is paused by us now."),
    Operation("resume_charging", REQUEST, Bare, RESUME, result, reply_type=bool,
              help="Ends our pause; replies whether none of ours is in force."),
    Operation("stop_transaction", REQUEST, Request[StopTransactionRequest], calls.stop, result,
              reply_type=bool,
              help="Ends the transaction for this reason; replies whether there was one."),
    Operation("force_unlock", REQUEST, OptionalRequest[Integer], UNLOCK, result, reply_type=bool,
              help="Ends the transaction and opens the connector lock; replies whether there is a lock."),
    Operation("external_ready_to_start_charging", REQUEST, Bare, EXTERNAL_READY, result, reply_type=bool,
              help="Releases an EVSE that waits since the start; replies whether it is configured to wait."),
    Operation("random_delay_enable", NONE, None, DELAY_ON,
              help="Changes of the limit are held back by a random time from now on."),
    Operation("random_delay_disable", NONE, None, DELAY_OFF,
              help="No change of the limit is held back any more; a running delay ends."),
    Operation("random_delay_cancel", NONE, None, DELAY_CANCEL,
              help="Ends the running delay: the new limit holds at once."),
    Operation("random_delay_set_duration_s", PLAIN, DelayDuration, calls.delay_duration,
              help="The longest delay in seconds, for those that begin later; 0 delays nothing."),
    Operation("communication_check", PLAIN, bool, query="communication_check",
              help="true: this client is alive and wants its silence to be noticed; false: no longer."),
    # ours
    Operation("get_id", REQUEST, Bare, answer=values.evse_number, reply_type=int,
              help="Tells the number of this EVSE."),
    Operation("enable", REQUEST, Bare, ENABLE, result, reply_type=bool,
              help="Enable from LocalAPI with priority 100; replies whether the EVSE is enabled then."),
    Operation("disable", REQUEST, Bare, DISABLE, no_result, reply_type=bool,
              help="Disable from LocalAPI with priority 100; replies whether the EVSE is disabled then."),
    Operation("set_faulted", NONE, None, FAULT_ON,
              help="Takes the EVSE out of service with an error, until clear_faulted."),
    Operation("clear_faulted", REQUEST, Bare, FAULT_OFF, result, reply_type=bool,
              help="Takes set_faulted back; replies whether it was set."),
    Operation("set_external_limits", PLAIN, ExternalLimits, calls.external_limits,
              note=calls.external_limits_note,
              help="Replaces both schedules; the first entry counts at once, the last without end."),
    Operation("set_session_limits", PLAIN, SessionLimits, calls.session_limits,
              help="Energy, time or cost at which this transaction, or else the next one, ends by itself."),
    Operation("switch_three_phases_while_charging", REQUEST, Request[ThreePhases], calls.switch_phases,
              phase_switch, reply_type=PhaseSwitchResult,
              help="Charges with three phases (true) or with one (false), with a break in between."),
    Operation("replug", REQUEST, Bare, REPLUG, result, reply_type=bool,
              help="Shows the EV an unplugged cable for a few seconds; replies whether that begins."),
    Operation("get_signed_meter_value", REQUEST, Bare, query="get_signed_meter_value", reply_type=str,
              help="The newest signed meter value in the meter's own words, or NOT_AVAILABLE."),
    Operation("get_sessions", REQUEST, SessionsRequest, query="get_sessions",
              reply_type=tuple[ext.SessionRecord, ...],
              help="The newest sessions of the store, since a date if one is given, at most limit of them."),
    Operation("get_active_errors", REQUEST, Bare, query="get_active_errors", reply_type=ERRORS,
              help="The errors that are active now."),
    Operation("get_asyncapi", REQUEST, Bare, query="get_asyncapi", reply_type=dict,
              help="This API as an AsyncAPI document."),
    Operation("set_get_certificate_response", PLAIN, ResponseExiStreamStatus, query="certificate_response",
              help="The answer to iso15118_certificate_request, for the EV."),
    Operation("set_plug_and_charge_configuration", PLAIN, PlugAndChargeConfiguration, query="plug_and_charge",
              help="Switches parts of Plug and Charge on or off."),
    Operation("update_allowed_energy_transfer_modes", REQUEST, Request[EnergyTransferModes],
              query="energy_transfer_modes", reply_type=ext.EnergyTransferModesResult,
              help="The energy transfer modes that the EV may choose from; NoHlc without ISO 15118."),
)

VARIABLES: tuple[Variable, ...] = (
    Variable("session_event", wire.SessionEvent, qos=2, retain=False,
             help="What has happened, once for each event, with the meter value of that time."),
    Variable("session_info", wire.SessionInfo,
             help="The running or last session: state, energy, power, times."),
    Variable("powermeter", wire.Powermeter,
             help="The newest reading of the energy meter."),
    Variable("powermeter_public_key_ocmf", str,
             help="The public key that signed meter values are checked with."),
    Variable("limits", wire.Limits, of_snapshot=values.limits,
             help="What the EV may draw now."),
    Variable("enforced_limits", wire.EnforcedLimits, of_snapshot=values.enforced_limits,
             help="The limits that bind, each with who set it."),
    Variable("evse_id", str, of_identity=values.evse_id,
             help="The name of this EVSE for roaming."),
    Variable("hw_capabilities", wire.HardwareCapabilities, of_identity=values.hw_capabilities,
             help="What the hardware can do, whatever the limits are."),
    Variable("waiting_for_external_ready", bool, of_snapshot=values.external_ready,
             help="true while nothing is offered before external_ready_to_start_charging."),
    Variable("ready", bool,
             help="true while charging is possible; false also when we are gone (last will)."),
    Variable("online", bool,
             help="true while we are connected to the broker; false when we are gone (last will)."),
    Variable("selected_protocol", str,
             help="How EV and EVSE talk: IEC61851-1 in a session, Unknown outside."),
    Variable("supported_energy_transfer_modes", tuple[EnergyTransferMode, ...],
             of_identity=values.energy_modes,
             help="The ways in which this EVSE can deliver energy."),
    Variable("ac_nr_of_phases_available", int, of_snapshot=values.phases,
             help="The number of phases that the EV can draw from now."),
    Variable("ac_pp_ampacity", wire.ProximityPilot, of_snapshot=values.ampacity,
             help="What the plugged cable carries; sockets only."),
    Variable("ev_info", wire.EvInfo,
             help="What ISO 15118 tells of the EV; empty with basic charging."),
    Variable("random_delay_countdown", ext.CountDown, of_snapshot=values.random_delay,
             help="The random delay that is running, while the function is enabled."),
    Variable("telemetry", ext.Telemetry, of_snapshot=values.telemetry,
             help="Temperatures, supply rails, contactor and the binding limit."),
    Variable("control_health", ext.ControlHealth,
             help="How regular the control loop is: ticks, overruns, the latest tick in ms."),
    Variable("software", ext.Software,
             help="The version of evsed; on the appliance also image, slot and the last rollback."),
    Variable("heartbeat", int, retain=False,
             help="Counts up at a fixed interval, beginning with 0."),
    Variable("error_raised", ext.ErrorObject, qos=2, retain=False,
             help="An error has been raised."),
    Variable("error_cleared", ext.ErrorObject, qos=2, retain=False,
             help="An error has been cleared; uuid and timestamp are those of error_raised."),
    Variable("active_errors", ERRORS,
             help="The errors that are active now."),
    # QoS 0 and not retained: a token must not be presented to whoever connects later.
    Variable("provided_token", ProvidedIdToken, retain=False,
             help="A token has been presented here; answer with authorize_response."),
    # ISO 15118 and DC: silent without such hardware.
    Variable("car_manufacturer", ext.CarManufacturer,
             help="The EV's maker as far as its id tells; ISO 15118 only."),
    Variable("hlc_session_failed", ext.HlcSessionFailedEvent, retain=False,
             help="An ISO 15118 session has failed."),
    Variable("iso15118_certificate_request", ext.RequestExiStream, retain=False,
             help="An EV asks for a contract certificate; answer with set_get_certificate_response."),
    Variable("dlink_ready", bool,
             help="Whether the PLC link to the EV is up; ISO 15118 only."),
    Variable("isolation_measurement", ext.IsolationMeasurement,
             help="Insulation of the DC output against earth; DC only."),
    Variable("dc_voltage_current", ext.VoltageCurrent,
             help="What the DC supply delivers; DC only."),
    Variable("dc_mode", ext.DcMode,
             help="What the DC supply does; DC only."),
    Variable("dc_capabilities", ext.DcCapabilities,
             help="What the DC supply can do; DC only."),
)
# fmt: on

V1 = Interface(PREFIX, OPERATIONS, VARIABLES)


def getter(row: Variable) -> Operation:
    """m2e/<var>/get: the gateway answers with the last value, or null."""
    return Operation(
        f"{row.name}/get",
        Envelope.REQUEST,
        Bare,
        query=LAST_VALUE,
        reply_type=row.type | None,
        help=f"The last value of {row.name}, or null before the first.",
    )
