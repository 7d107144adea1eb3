"""Facts: conditions that hold or do not in this step. Levels, never edges; time-outs are facts too."""

from collections.abc import Callable
from enum import Enum

from evsed.core.left_over import resumable
from evsed.core.pilot_duty import MIN_CURRENT_A
from evsed.core.power_path import OPENING_S
from evsed.core.situation import Situation
from evsed.core.states import Ampacity, CpState

WAKE_UP_AFTER_S = 30.0  # an offer ignored this long: the EV may be asleep (EVerest; IEC 61851-1 A.5.3)
WAKE_UP_F_S = 4.0
WAKE_UP_X1_S = 0.75
WAKE_UP_PATIENCE_S = 10.0  # after a wake-up; then the EV does not want to
CLOSING_READING_S = 2.0  # a reading under way and the one after it take half a second each at 9600 baud
REPLUG_SETTLE_S = 0.5  # the pilot is back: time to see the EV on it again

_WITH_EV = frozenset((CpState.B, CpState.C, CpState.D))


class Fact(Enum):
    UNAVAILABLE = "UNAVAILABLE"  # a Disable is in force or has yet to be carried out
    AVAILABLE = "AVAILABLE"
    AVAILABLE_AGAIN = "AVAILABLE_AGAIN"
    EV_CONNECTED = "EV_CONNECTED"
    EV_UNPLUGGED = "EV_UNPLUGGED"
    EV_OPENED_S2 = "EV_OPENED_S2"
    EV_STAYS_PAUSED = "EV_STAYS_PAUSED"
    CP_SHORT = "CP_SHORT"
    AUTHORIZED = "AUTHORIZED"
    STOP_REQUESTED = "STOP_REQUESTED"
    PAUSED = "PAUSED"
    BLOCKED = "BLOCKED"
    NO_ENERGY = "NO_ENERGY"
    ENERGY = "ENERGY"
    READY_TO_CHARGE = "READY_TO_CHARGE"
    MAY_GO_ON = "MAY_GO_ON"
    MAY_WAIT_FOR_ENERGY = "MAY_WAIT_FOR_ENERGY"
    METERED = "METERED"  # the power is off, and so is what the newest reading of the meter tells of
    CONTACTOR_WELDED = "CONTACTOR_WELDED"
    OFFER_IGNORED = "OFFER_IGNORED"
    WAKE_UP_F_OVER = "WAKE_UP_F_OVER"
    WAKE_UP_X1_OVER = "WAKE_UP_X1_OVER"
    WAKE_UP_FAILED = "WAKE_UP_FAILED"
    PHASES_DUE = "PHASES_DUE"
    PHASES_SWITCHED = "PHASES_SWITCHED"
    PHASES_SWITCHED_NO_ENERGY = "PHASES_SWITCHED_NO_ENERGY"
    RESUMABLE = "RESUMABLE"
    REPLUG_DUE = "REPLUG_DUE"
    REPLUG_OVER = "REPLUG_OVER"
    REPLUG_OVER_STOPPING = "REPLUG_OVER_STOPPING"
    REPLUG_OVER_PAUSED = "REPLUG_OVER_PAUSED"
    REPLUG_OVER_NO_EV = "REPLUG_OVER_NO_EV"
    REPLUG_OVER_IN_TRANSACTION = "REPLUG_OVER_IN_TRANSACTION"
    REPLUG_OVER_AFTER_STOP = "REPLUG_OVER_AFTER_STOP"


def _authorized(s: Situation) -> bool:
    """A token is there, an EV on a sound pilot, and the cable's rating is known where there is one to know."""
    known = not s.settings.socket or s.proximity.ampacity is not Ampacity.NONE
    present = s.pilot.state in _WITH_EV and known
    return s.session.id_tag is not None and present and not s.blocked and not s.planned_stop


def _available(s: Situation) -> bool:
    return s.restored and s.released and s.availability.enabled and not s.planned_stop


def _available_again(s: Situation) -> bool:
    """State F must last long enough for an EV to see it (IEC 61851-1 Table A.5)."""
    return _available(s) and s.now_s - s.entered_s >= s.settings.state_f_s


def _ready_to_charge(s: Situation) -> bool:
    return (
        s.ev_requests_power()
        and s.offering_since_s is not None
        and s.pilot.diode_seen
        and not s.blocked
        and s.lock_confirmed()
        and s.transaction_stored()
    )


def _energy(s: Situation) -> bool:
    return s.limit_a >= MIN_CURRENT_A


def _held(s: Situation) -> bool:
    return s.session.paused or s.session.suspended or s.blocked


def _may_go_on(s: Situation) -> bool:
    return not _held(s) and _energy(s)


def _may_wait_for_energy(s: Situation) -> bool:
    return not _held(s) and not _energy(s)


def _ev_stays_paused(s: Situation) -> bool:
    """Longer than the operator wants to wait for it; never where ev_stop_s is 0."""
    return 0.0 < s.settings.ev_stop_s <= s.now_s - s.entered_s


def _offered_for(s: Situation, seconds: float) -> bool:
    return s.offering_since_s is not None and s.now_s - s.offering_since_s >= seconds


def _offer_ignored(s: Situation) -> bool:
    return s.settings.wake_up and not s.woken_up and s.cp is CpState.B and _offered_for(s, WAKE_UP_AFTER_S)


def _metered(s: Situation) -> bool:
    """The newest reading was begun with the contacts open: it has all the energy of the transaction."""
    opened_at_s = s.power.opened_at_s
    if not s.power.off or opened_at_s is None:
        return False
    if s.meter is None or "meter_silent" in s.faults:
        return True
    return s.meter.at_s >= opened_at_s + OPENING_S or s.now_s - opened_at_s >= CLOSING_READING_S


def _phases_switched(s: Situation) -> bool:
    """The break has lasted, the contactor is open and the phases are those that are wanted now."""
    broken = s.now_s - s.entered_s >= s.settings.switch_delay_s and s.power.off
    return broken and not s.phases.due and s.phases.settled(s.now_s)


def _replug_over(s: Situation) -> bool:
    """Or never to be, where the contactor is welded or the transaction is to end before it began."""
    since_s = s.replug_since_s
    if since_s is None:
        return s.power.welded or s.stop_waits()
    return s.now_s - since_s >= s.settings.replug_s + REPLUG_SETTLE_S


def _replug_over_no_ev(s: Situation) -> bool:
    """After a stop there is nobody to begin a new session with."""
    ended = s.session.stopping and not s.session.in_transaction
    return _replug_over(s) and ended and (s.pilot.state not in _WITH_EV or not _available(s))


# fmt: off
FACTS: dict[Fact, Callable[[Situation], bool]] = {
    Fact.UNAVAILABLE:         lambda s: s.restored and s.released and s.availability.disable_due,
    Fact.AVAILABLE:           lambda s: _available(s) and s.to_resume is None,
    Fact.AVAILABLE_AGAIN:     _available_again,
    Fact.EV_CONNECTED:        lambda s: s.pilot.state in _WITH_EV and not s.planned_stop,
    Fact.EV_UNPLUGGED:        lambda s: s.pilot.state is CpState.A or s.session.ev_left,
    Fact.EV_OPENED_S2:        lambda s: s.pilot.state is CpState.B,
    Fact.EV_STAYS_PAUSED:     _ev_stays_paused,
    Fact.CP_SHORT:            lambda s: s.pilot.state is CpState.E,
    Fact.AUTHORIZED:          _authorized,
    Fact.STOP_REQUESTED:      lambda s: s.session.stop_reason is not None,
    Fact.PAUSED:              lambda s: s.session.paused or s.session.suspended,
    Fact.BLOCKED:             lambda s: s.blocked,
    Fact.NO_ENERGY:           lambda s: s.limit_a < MIN_CURRENT_A,
    Fact.ENERGY:              _energy,
    Fact.READY_TO_CHARGE:     _ready_to_charge,
    Fact.MAY_GO_ON:           _may_go_on,
    Fact.MAY_WAIT_FOR_ENERGY: _may_wait_for_energy,
    Fact.METERED:             _metered,
    Fact.CONTACTOR_WELDED:    lambda s: s.power.welded,
    Fact.OFFER_IGNORED:       _offer_ignored,
    Fact.WAKE_UP_F_OVER:      lambda s: s.now_s - s.entered_s >= WAKE_UP_F_S,
    Fact.WAKE_UP_X1_OVER:     lambda s: s.now_s - s.entered_s >= WAKE_UP_X1_S,
    Fact.WAKE_UP_FAILED:      lambda s: s.woken_up and s.cp is CpState.B and _offered_for(s, WAKE_UP_PATIENCE_S),
    Fact.PHASES_DUE:          lambda s: s.phases.due,
    Fact.PHASES_SWITCHED:     _phases_switched,
    Fact.PHASES_SWITCHED_NO_ENERGY: lambda s: _phases_switched(s) and not _energy(s),
    Fact.RESUMABLE:           lambda s: _available(s) and resumable(s),
    Fact.REPLUG_DUE:          lambda s: s.replug_due,
    Fact.REPLUG_OVER:         _replug_over,
    Fact.REPLUG_OVER_STOPPING: lambda s: _replug_over(s) and s.stop_waits(),
    Fact.REPLUG_OVER_PAUSED:  lambda s: _replug_over(s) and s.session.in_transaction and _held(s),
    Fact.REPLUG_OVER_NO_EV:   _replug_over_no_ev,
    Fact.REPLUG_OVER_IN_TRANSACTION: lambda s: _replug_over(s) and s.session.in_transaction,
    Fact.REPLUG_OVER_AFTER_STOP: lambda s: _replug_over(s) and s.session.stopping and not s.session.in_transaction,
}
# fmt: on
