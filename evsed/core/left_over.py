"""A session that the store holds without its end: closed at once, or kept until its EV is seen."""

from evsed.core.commands import OpenSession
from evsed.core.emits import session_finished
from evsed.core.faults import BY_NAME
from evsed.core.situation import Situation
from evsed.core.states import Ampacity, CpState, EventKind, StopReason

PATIENCE_S = 2.0  # for pilot and proximity to settle after the start

_WITH_EV = frozenset((CpState.B, CpState.C, CpState.D))


def take_over(s: Situation, left: OpenSession) -> None:
    if left.in_transaction and not left.stopping and s.settings.resume_after_power_loss:
        s.to_resume, s.to_resume_until_s = left, s.now_s + PATIENCE_S
    else:
        _close(s, left)


def resumable(s: Situation) -> bool:
    """The EV is plugged, its cable known."""
    known = not s.settings.socket or s.proximity.ampacity is not Ampacity.NONE
    return s.to_resume is not None and s.pilot.state in _WITH_EV and known


def give_up_resuming(s: Situation) -> None:
    """Nobody is there, or the EVSE has been disabled: then the session is over."""
    left = s.to_resume
    if left is None or s.planned_stop:
        return
    gone = s.now_s >= s.to_resume_until_s and not resumable(s)
    if gone or not s.availability.enabled or any(BY_NAME[name].ends for name in s.faults):
        s.to_resume = None
        _close(s, left)


def _close(s: Situation, left: OpenSession) -> None:
    """Under its own uuid."""
    s.session.uuid = left.uuid
    s.emit(EventKind.SESSION_RESUMED)
    if left.in_transaction:
        s.emit(EventKind.TRANSACTION_FINISHED, stop_reason=StopReason.POWER_LOSS)
    session_finished(s)
