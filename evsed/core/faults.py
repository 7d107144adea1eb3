"""Faults as one table: when raised, what it does, when it clears, its EVerest name.

Rule 1: a fault that blocks takes power away at once and keeps it away; interlock() sees to that.
Rule 2: a fault that ends the transaction is latched: it outlives its cause.
"""

from collections.abc import Callable
from enum import Enum

import msgspec

from evsed.core.events import FaultCleared, FaultRaised
from evsed.core.reservation import end_reservation
from evsed.core.situation import WITHOUT_EV, Situation
from evsed.core.states import Ampacity, CpState, EvseState, ReservationEndReason, StopReason
from hal.types import RailsReading

_NO_STATE = frozenset((CpState.FAULT, CpState.MISSING))


class Clears(Enum):
    """What must be true, besides its cause being gone, for a fault to clear by itself."""

    AT_ONCE = "at once"
    WHEN_EV_LEFT = "when the EV has left"
    AT_RESTART = "at a restart"  # a person must have looked at it


class Reaction(msgspec.Struct, frozen=True):
    blocks: bool  # no power while it is active
    f_pulse: bool  # tell a connected EV by state F for state_f_s
    idle_f: bool  # offer nothing to anybody until cleared


REPORT = Reaction(False, False, False)
X1 = Reaction(True, False, False)
F_THEN_X1 = Reaction(True, True, False)
F_X1_AND_IDLE_F = Reaction(True, True, True)
X1_AND_IDLE_F = Reaction(True, False, True)


class Fault(msgspec.Struct, frozen=True):
    name: str
    holds: Callable[[Situation], bool]
    reaction: Reaction
    clears: Clears
    ends: StopReason | None
    mrec: str
    severity: str

    @property
    def text(self) -> str:
        """In words, for journal and error."""
        return TEXTS[self.name]


def _pilot_fault(s: Situation) -> bool:
    """The line shows what no EV makes of what we drive, or we cannot see the line."""
    return s.pilot.stuck_low or (s.pilot.settled and s.cp in _NO_STATE)


def _proximity_lost(s: Situation) -> bool:
    lost = s.settings.socket and s.proximity.ampacity is Ampacity.NONE
    return lost and s.session.in_transaction and s.cp is not CpState.A


def _lock_failed(s: Situation) -> bool:
    """In Idle nothing but a test locks, and that has a fault of its own."""
    return s.lock.held and s.lock.failed and s.state is not EvseState.IDLE


def _ventilation_missing(s: Situation) -> bool:
    return s.cp is CpState.D and not s.settings.has_ventilation


def _rails_off(s: Situation) -> bool:
    """The generator's rails are what its levels are made of: without them no pilot can be believed."""
    rails, tolerance_v = s.inputs.rails, s.settings.rail_tolerance_v
    if not isinstance(rails, RailsReading):
        return False
    return abs(rails.plus_12_v - 12.0) > tolerance_v or abs(rails.minus_12_v + 12.0) > tolerance_v


def _meter_silent(s: Situation) -> bool:
    return s.meter_since_s is not None and s.now_s - s.meter_since_s > s.settings.meter_silent_s


_AT_ONCE, _EV_LEFT, _RESTART = Clears.AT_ONCE, Clears.WHEN_EV_LEFT, Clears.AT_RESTART
_MREC17 = "evse_board_support/MREC17EVSEContactorFault"

# fmt: off
FAULTS = (
    #     name                    holds                                          reaction         clears    ends the transaction          EVerest error                                severity
    Fault("rcd",                  lambda s: s.inputs.rcd_tripped and not s.rcd_test.explains(s.now_s), F_X1_AND_IDLE_F, _EV_LEFT, StopReason.GROUND_FAULT,      "ac_rcd/MREC2GroundFailure",                 "High"),
    Fault("emergency_stop",       lambda s: s.inputs.emergency_stop,             F_X1_AND_IDLE_F, _EV_LEFT, StopReason.EMERGENCY_STOP,    "evse_board_support/MREC8EmergencyStop",     "High"),
    Fault("contactor_welded",     lambda s: s.power.welded,                      X1_AND_IDLE_F,   _RESTART, StopReason.OTHER,             _MREC17,                                     "High"),
    Fault("contactor_not_closed", lambda s: s.power.not_closed,                  F_THEN_X1,       _EV_LEFT, None,                         _MREC17,                                     "High"),
    Fault("over_current",         lambda s: s.over_current.tripped,              F_THEN_X1,       _EV_LEFT, StopReason.OVERCURRENT_FAULT, "evse_manager/MREC4OverCurrentFailure",      "High"),
    Fault("diode",                lambda s: s.pilot.diode_shorted,               F_THEN_X1,       _AT_ONCE, None,                         "evse_board_support/DiodeFault",             "High"),
    Fault("pilot",                _pilot_fault,                                  X1,              _AT_ONCE, None,                         "evse_board_support/MREC14PilotFault",       "High"),
    Fault("proximity",            _proximity_lost,                               F_THEN_X1,       _AT_ONCE, None,                         "evse_board_support/MREC23ProximityFault",   "High"),
    Fault("ventilation",          _ventilation_missing,                          X1,              _EV_LEFT, None,                         "evse_board_support/VentilationNotAvailable", "High"),
    Fault("lock",                 _lock_failed,                                  X1,              _AT_ONCE, None,                         "connector_lock/ConnectorLockFailedLock",    "High"),
    Fault("lock_opened",          lambda s: s.lock.opened,                       F_THEN_X1,       _AT_ONCE, None,                         "connector_lock/ConnectorLockUnexpectedOpen", "High"),
    Fault("unlock",               lambda s: not s.lock.held and s.lock.failed,   REPORT,          _AT_ONCE, None,                         "connector_lock/ConnectorLockFailedUnlock",  "Medium"),
    Fault("over_voltage",         lambda s: s.voltage.over,                      F_THEN_X1,       _EV_LEFT, StopReason.POWER_QUALITY,     "evse_board_support/MREC5OverVoltage",       "High"),
    Fault("under_voltage",        lambda s: s.voltage.under,                     F_THEN_X1,       _EV_LEFT, StopReason.POWER_QUALITY,     "evse_board_support/MREC6UnderVoltage",      "High"),
    Fault("rails",                _rails_off,                                    X1,              _AT_ONCE, None,                         "evse_board_support/BrownOut",               "High"),
    Fault("over_temperature",     lambda s: s.derating.stopped,                  X1,              _AT_ONCE, None,                         "evse_board_support/MREC19CableOverTempStop", "High"),
    Fault("rcd_self_test",        lambda s: s.rcd_test.failed,                   X1,              _AT_ONCE, None,                         "ac_rcd/Selftest",                           "High"),
    Fault("lock_self_test",       lambda s: s.lock_test.failed,                  REPORT,          _AT_ONCE, None,                         "connector_lock/MREC1ConnectorLockFailure",  "Medium"),
    Fault("set_faulted",          lambda s: s.faulted,                           F_X1_AND_IDLE_F, _AT_ONCE, None,                         "evse_board_support/PermanentFault",         "High"),
    Fault("meter_silent",         _meter_silent,                                 REPORT,          _AT_ONCE, None,                         "powermeter/CommunicationFault",             "Medium"),
)
# fmt: on

TEXTS = {
    "rcd": "the residual current device has tripped",
    "emergency_stop": "the emergency stop is pressed",
    "contactor_welded": "the mirror contact reads closed although the contactor is driven open",
    "contactor_not_closed": "the mirror contact reads open although the contactor is driven closed",
    "over_current": "the EV takes more current than it is offered",
    "diode": "the EV's pilot diode is shorted or missing",
    "pilot": "the control pilot shows a voltage that belongs to no state, or cannot be read",
    "proximity": "the proximity contact of the plugged cable is lost",
    "ventilation": "the EV asks for ventilation, which is not installed",
    "lock": "the connector lock does not close",
    "lock_opened": "the connector lock has opened although an EV is connected",
    "unlock": "the connector lock does not open",
    "over_voltage": "the mains voltage is above over_voltage of [power_quality]",
    "under_voltage": "the mains voltage is below under_voltage of [power_quality]",
    "rails": "the +12 V or -12 V rail of the pilot generator is out of its tolerance",
    "over_temperature": "a thermometer reads more than temperature.stop_c",
    "rcd_self_test": "the residual current device did not pass its self-test",
    "lock_self_test": "the connector lock did not pass its test",
    "set_faulted": "a client has declared the EVSE faulted (set_faulted)",
    "meter_silent": "the energy meter does not answer",
}

BY_NAME = {fault.name: fault for fault in FAULTS}


def update_faults(s: Situation, table: tuple[Fault, ...] = FAULTS) -> None:
    """Raise what holds, clear what may clear."""
    active = s.faults
    for fault in table:
        if fault.holds(s):
            if fault.name not in active:
                _raise(s, fault)
        elif active and fault.name in active and _may_clear(s, fault):
            _clear(s, fault)


def _may_clear(s: Situation, fault: Fault) -> bool:
    if fault.clears is Clears.AT_ONCE:
        return s.fresh
    return fault.clears is Clears.WHEN_EV_LEFT and s.state in WITHOUT_EV and _ev_left_since(s, fault)


def _ev_left_since(s: Situation, fault: Fault) -> bool:
    """Seen on the pilot, not concluded from a state: Disabled looks away."""
    return s.a_seen_s >= s.faults[fault.name]


def _raise(s: Situation, fault: Fault) -> None:
    s.faults[fault.name] = s.now_s
    _consequences(s)
    if fault.reaction.f_pulse:
        s.f_until_s = s.now_s + s.settings.state_f_s
    if fault.ends:
        s.session.stop(fault.ends)
    s.events.append(FaultRaised(fault.name, fault.mrec, fault.severity, fault.text, s.session.uuid))


def _clear(s: Situation, fault: Fault) -> None:
    del s.faults[fault.name]
    _consequences(s)
    s.events.append(FaultCleared(fault.name, fault.mrec, s.session.uuid))


def _consequences(s: Situation) -> None:
    active = [BY_NAME[name] for name in s.faults]
    s.blocked = any(fault.reaction.blocks for fault in active)
    if s.blocked:
        end_reservation(s, ReservationEndReason.CANCELLED)
    s.idle_f_since_s = min((s.faults[f.name] for f in active if f.reaction.idle_f), default=None)
