"""What a transition does besides changing the state: keep the books and tell the world.

Each function is one step of EVENTS; TRANSITIONS names them in the order in which they happen.
"""

import uuid

from evsed.core.commands import Reservation
from evsed.core.events import SessionLimitsChanged
from evsed.core.reservation import end_reservation, is_for, use_reservation
from evsed.core.settings import AuthMode
from evsed.core.situation import Situation
from evsed.core.states import EventKind, PauseReason, ReservationEndReason, StartReason, StopReason
from evsed.core.tokens import FREE_SERVICE, ProvidedIdToken


def enabled(s: Situation) -> None:
    details = {"source": s.availability.winner, "connector_id": s.settings.connector_id}
    s.emit(EventKind.ENABLED, **details, reservation=s.reservation)


def disabled(s: Situation) -> None:
    end_reservation(s, ReservationEndReason.CANCELLED)
    s.availability.disable_due = False
    s.emit(EventKind.DISABLED, source=s.availability.last_disable, connector_id=s.settings.connector_id)


def resumed(s: Situation) -> None:
    """The transaction goes on where the last process left it."""
    left, s.to_resume = s.to_resume, None
    assert left is not None
    s.session.uuid, s.session.id_tag = left.uuid, left.id_tag
    s.session.parent = (
        left.id_tag.parent_id_token.value if left.id_tag and left.id_tag.parent_id_token else ""
    )
    s.session.in_transaction = s.session.resumed = True
    s.session.paused = left.paused
    s.session_limits.start(s.now_s - left.used_s, left.start_wh)
    s.emit(EventKind.SESSION_RESUMED)


def session_started(s: Situation) -> None:
    """By the plug; a session that an authorization has opened goes on."""
    if not s.session.uuid:
        open_session(s, StartReason.EV_CONNECTED, None, s.reservation)


def open_session(
    s: Situation, reason: StartReason, id_tag: ProvidedIdToken | None, reservation: Reservation | None
) -> None:
    """reservation: the one in force, or that the token has just used."""
    s.session.close()
    s.session.uuid = _unused_uuid(s)
    s.session.auth_deadline_s = s.now_s + s.settings.connection_timeout_s
    s.emit(EventKind.SESSION_STARTED, start_reason=reason, id_tag=id_tag, reservation=reservation)


def _unused_uuid(s: Situation) -> str:
    """The spare one, or one derived from the last if that has been used: one step may open two sessions."""
    if s.inputs.spare_uuid != s.last_spare_uuid:
        s.last_spare_uuid = s.last_uuid = s.inputs.spare_uuid
    else:
        s.last_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, s.last_uuid))
    return s.last_uuid


def auth_required(s: Situation) -> None:
    s.emit(EventKind.AUTH_REQUIRED)
    if s.settings.auth_mode is AuthMode.FREE and not s.session.authorized and is_for(s, FREE_SERVICE):
        authorize(s, FREE_SERVICE, use_reservation(s))


def authorize(s: Situation, id_tag: ProvidedIdToken, used: Reservation | None) -> None:
    """used: the reservation that the token has just used."""
    s.session.reservation = used or s.session.reservation
    s.lock.hold_again()
    s.session.id_tag = id_tag
    s.session.parent = _parent_of(id_tag)
    s.session.auth_deadline_s = s.now_s + s.settings.connection_timeout_s
    s.emit(EventKind.AUTHORIZED, id_tag=id_tag)


def transaction_started(s: Situation) -> None:
    s.session.in_transaction = True
    s.session.auth_deadline_s = None
    s.session_limits.start(s.now_s, s.meter.energy_import_wh if s.meter else None)
    s.emit(EventKind.TRANSACTION_STARTED, id_tag=s.session.id_tag, reservation=s.session.reservation)


def prepare_charging(s: Situation) -> None:
    s.session.charging_started = False
    s.emit(EventKind.PREPARE_CHARGING)


def charging_started(s: Situation) -> None:
    """ChargingResumed if the EV itself had paused what had been started before."""
    s.woken_up = False
    kind = EventKind.CHARGING_RESUMED if s.session.charging_started else EventKind.CHARGING_STARTED
    s.session.charging_started = True
    s.emit(kind)


def charging_paused_ev(s: Situation) -> None:
    s.emit(EventKind.CHARGING_PAUSED_EV)


def charging_paused_evse(s: Situation) -> None:
    s.woken_up = False
    reasons = ((s.session.paused, PauseReason.USER_PAUSE), (s.blocked, PauseReason.ERROR))
    s.emit(EventKind.CHARGING_PAUSED_EVSE, pause_reasons=tuple(why for holds, why in reasons if holds))


def switching_phases(s: Situation) -> None:
    s.emit(EventKind.SWITCHING_PHASES)


def replug_started(s: Situation) -> None:
    s.replug_due, s.replug_since_s = False, None
    s.emit(EventKind.REPLUG_STARTED)


def replug_finished(s: Situation) -> None:
    """A session that waits for a token gets its time anew."""
    s.replug_since_s = None
    if not s.session.authorized:
        s.session.auth_deadline_s = s.now_s + s.settings.connection_timeout_s
    s.emit(EventKind.REPLUG_FINISHED)


def waiting_for_energy(s: Situation) -> None:
    s.emit(EventKind.WAITING_FOR_ENERGY)


def woke_up(s: Situation) -> None:
    s.woken_up = True


def stopping_by_ev(s: Situation) -> None:
    s.session.stop(StopReason.EV_DISCONNECTED)
    s.emit(EventKind.STOPPING_CHARGING, ev_left=True)


def stopped_by_ev(s: Situation) -> None:
    s.session.stop(StopReason.STOPPED_BY_EV)
    stopping(s)


def stopping(s: Situation) -> None:
    s.emit(EventKind.STOPPING_CHARGING)


def charging_finished(s: Situation) -> None:
    s.emit(EventKind.CHARGING_FINISHED)


def transaction_finished(s: Situation) -> None:
    session = s.session
    s.emit(EventKind.TRANSACTION_FINISHED, stop_reason=session.stop_reason, id_tag=session.stop_id_tag)
    session.in_transaction = False
    session.id_tag = None


def session_finished(s: Situation) -> None:
    if s.session.uuid:
        s.emit(EventKind.SESSION_FINISHED, reservation=s.reservation)
        s.session.close()
        if s.session_limits.forget():
            s.events.append(SessionLimitsChanged(None))
        s.rcd_test.last_end_s = None  # test again before the next EV
        s.phases.forget_session()
        s.woken_up = s.replug_due = False


def _parent_of(id_tag: ProvidedIdToken | None) -> str:
    return id_tag.parent_id_token.value if id_tag and id_tag.parent_id_token else ""
