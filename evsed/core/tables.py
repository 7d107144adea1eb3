"""The session machine as data. First matching row wins; order is priority.

Rule 1: every state change is a row of TRANSITIONS.
Rule 2: what a state asks of pilot, power path and lock is its row of DRIVES; nothing else asks for power.
"""

from collections.abc import Callable, Collection
from enum import Enum

import msgspec

from evsed.core import emits as e
from evsed.core.facts import Fact as F
from evsed.core.power_path import Power
from evsed.core.situation import IN_TRANSACTION, Situation
from evsed.core.states import EvseState as S


class Pilot(Enum):
    """What the control pilot says."""

    X1 = "x1"  # steady +12 V: nothing to be had
    F = "f"  # steady -12 V: not available
    OFFER = "offer"  # PWM at the binding limit


class Drive(msgspec.Struct, frozen=True, gc=False):
    pilot: Pilot
    power: Power
    lock: bool  # hold the plug while an EV is on it


Emit = Callable[[Situation], None]
Transition = tuple[S | Collection[S], F, S, tuple[Emit, ...]]

_OFFERING = (S.PREPARE_CHARGING, S.CHARGING, S.CHARGING_PAUSED_EV)
_WAKING = (S.WAKE_UP_F, S.WAKE_UP_X1)
_ON_THE_WAY = (*_OFFERING, S.WAITING_FOR_ENERGY, *_WAKING, S.SWITCHING_PHASES)
_FINISH = (e.charging_finished, e.transaction_finished)

# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    # from                                  when                     to                      and tell
    (S.BOOTING,                             F.RESUMABLE,             S.PREPARE_CHARGING,     (e.resumed, e.enabled, e.prepare_charging)),
    (S.BOOTING,                             F.UNAVAILABLE,           S.DISABLED,             (e.disabled,)),
    (S.BOOTING,                             F.AVAILABLE,             S.IDLE,                 (e.enabled,)),
    (S.DISABLED,                            F.AVAILABLE_AGAIN,       S.IDLE,                 (e.enabled,)),
    ((S.IDLE, S.WAITING_FOR_AUTHENTICATION, S.FINISHED),
                                            F.UNAVAILABLE,           S.DISABLED,             (e.session_finished, e.disabled)),

    (S.IDLE,                                F.EV_CONNECTED,          S.WAITING_FOR_AUTHENTICATION, (e.session_started, e.auth_required)),
    ((S.WAITING_FOR_AUTHENTICATION, S.FINISHED),
                                            F.EV_UNPLUGGED,          S.IDLE,                 (e.session_finished,)),
    (S.WAITING_FOR_AUTHENTICATION,          F.AUTHORIZED,            S.PREPARE_CHARGING,     (e.transaction_started, e.prepare_charging)),

    (IN_TRANSACTION,                        F.EV_UNPLUGGED,          S.STOPPING_CHARGING,    (e.stopping_by_ev,)),
    (IN_TRANSACTION,                        F.CP_SHORT,              S.STOPPING_CHARGING,    (e.stopping_by_ev,)),
    (IN_TRANSACTION,                        F.STOP_REQUESTED,        S.STOPPING_CHARGING,    (e.stopping,)),
    (S.CHARGING_PAUSED_EV,                  F.EV_STAYS_PAUSED,       S.STOPPING_CHARGING,    (e.stopped_by_ev,)),
    (S.STOPPING_CHARGING,                   F.METERED,               S.FINISHED,             _FINISH),
    (S.STOPPING_CHARGING,                   F.CONTACTOR_WELDED,      S.FINISHED,             _FINISH),

    (_ON_THE_WAY,                           F.PAUSED,                S.CHARGING_PAUSED_EVSE, (e.charging_paused_evse,)),
    ((S.CHARGING, S.CHARGING_PAUSED_EV, S.SWITCHING_PHASES),
                                            F.BLOCKED,               S.CHARGING_PAUSED_EVSE, (e.charging_paused_evse,)),
    ((S.CHARGING, S.WAITING_FOR_ENERGY),    F.PHASES_DUE,            S.SWITCHING_PHASES,     (e.switching_phases,)),
    ((*_OFFERING, *_WAKING),                F.NO_ENERGY,             S.WAITING_FOR_ENERGY,   (e.waiting_for_energy,)),
    (S.CHARGING_PAUSED_EVSE,                F.MAY_GO_ON,             S.PREPARE_CHARGING,     (e.prepare_charging,)),
    (S.CHARGING_PAUSED_EVSE,                F.MAY_WAIT_FOR_ENERGY,   S.WAITING_FOR_ENERGY,   (e.waiting_for_energy,)),
    (S.WAITING_FOR_ENERGY,                  F.ENERGY,                S.PREPARE_CHARGING,     (e.prepare_charging,)),

    (S.CHARGING,                            F.EV_OPENED_S2,          S.CHARGING_PAUSED_EV,   (e.charging_paused_ev,)),
    ((S.PREPARE_CHARGING, S.CHARGING_PAUSED_EV),
                                            F.READY_TO_CHARGE,       S.CHARGING,             (e.charging_started,)),
    (S.SWITCHING_PHASES,                    F.PHASES_SWITCHED_NO_ENERGY, S.WAITING_FOR_ENERGY, (e.waiting_for_energy,)),
    (S.SWITCHING_PHASES,                    F.PHASES_SWITCHED,       S.PREPARE_CHARGING,     (e.prepare_charging,)),
    ((*_ON_THE_WAY, S.CHARGING_PAUSED_EVSE, S.WAITING_FOR_AUTHENTICATION, S.FINISHED),
                                            F.REPLUG_DUE,            S.REPLUG,               (e.replug_started,)),
    (S.REPLUG,                              F.REPLUG_OVER_STOPPING,  S.STOPPING_CHARGING,    (e.replug_finished, e.stopping)),
    (S.REPLUG,                              F.REPLUG_OVER_PAUSED,    S.CHARGING_PAUSED_EVSE, (e.replug_finished, e.charging_paused_evse)),
    (S.REPLUG,                              F.REPLUG_OVER_NO_EV,     S.FINISHED,             (e.replug_finished,)),
    (S.REPLUG,                              F.REPLUG_OVER_IN_TRANSACTION, S.PREPARE_CHARGING, (e.replug_finished, e.prepare_charging)),
    (S.REPLUG,                              F.REPLUG_OVER_AFTER_STOP, S.WAITING_FOR_AUTHENTICATION, (e.replug_finished, e.session_finished, e.session_started, e.auth_required)),
    (S.REPLUG,                              F.REPLUG_OVER,           S.WAITING_FOR_AUTHENTICATION, (e.replug_finished, e.auth_required)),

    (S.PREPARE_CHARGING,                    F.OFFER_IGNORED,         S.WAKE_UP_F,            (e.woke_up,)),
    (S.WAKE_UP_F,                           F.WAKE_UP_F_OVER,        S.WAKE_UP_X1,           ()),
    (S.WAKE_UP_X1,                          F.WAKE_UP_X1_OVER,       S.PREPARE_CHARGING,     ()),
    (S.PREPARE_CHARGING,                    F.WAKE_UP_FAILED,        S.CHARGING_PAUSED_EV,   (e.charging_paused_ev,)),
)

DRIVES: dict[S, Drive] = {
    #                                   pilot         power             lock
    S.BOOTING:                    Drive(Pilot.X1,     Power.OFF,        True),
    S.DISABLED:                   Drive(Pilot.F,      Power.OFF,        False),
    S.IDLE:                       Drive(Pilot.X1,     Power.OFF,        True),
    S.WAITING_FOR_AUTHENTICATION: Drive(Pilot.X1,     Power.OFF,        True),
    S.PREPARE_CHARGING:           Drive(Pilot.OFFER,  Power.RAMP_DOWN,  True),
    S.CHARGING:                   Drive(Pilot.OFFER,  Power.ON,         True),
    S.CHARGING_PAUSED_EV:         Drive(Pilot.OFFER,  Power.OFF,        True),
    S.CHARGING_PAUSED_EVSE:       Drive(Pilot.X1,     Power.RAMP_DOWN,  True),
    S.WAITING_FOR_ENERGY:         Drive(Pilot.X1,     Power.RAMP_DOWN,  True),
    S.WAKE_UP_F:                  Drive(Pilot.F,      Power.OFF,        True),
    S.WAKE_UP_X1:                 Drive(Pilot.X1,     Power.OFF,        True),
    S.STOPPING_CHARGING:          Drive(Pilot.X1,     Power.RAMP_DOWN,  True),
    S.FINISHED:                   Drive(Pilot.X1,     Power.OFF,        True),
    S.SWITCHING_PHASES:           Drive(Pilot.X1,     Power.RAMP_DOWN,  True),
    S.REPLUG:                     Drive(Pilot.X1,     Power.RAMP_DOWN,  True),
}
# fmt: on


class Tables(msgspec.Struct, frozen=True):
    """Both tables; a test hands the charger a pair with a row missing."""

    transitions: tuple[Transition, ...] = TRANSITIONS
    drives: dict[S, Drive] = msgspec.field(default_factory=lambda: DRIVES)


def rows_from(transitions: tuple[Transition, ...], state: S) -> tuple[Transition, ...]:
    """The rows that apply in a state, in their order."""
    return tuple(t for t in transitions if t[0] is state or (not isinstance(t[0], S) and state in t[0]))
