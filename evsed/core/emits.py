"""What a transition does besides changing the state: keep the books and tell the world.

Each function is one step of EVENTS; TRANSITIONS names them in the order in which they happen.
"""

import uuid

from evsed.core.settings import AuthMode
from evsed.core.situation import Situation
from evsed.core.states import EventKind, StartReason, StopReason
from evsed.core.tokens import FREE_SERVICE, ProvidedIdToken


def enabled(s: Situation) -> None:
    s.emit(EventKind.ENABLED, source=s.availability.winner, connector_id=s.settings.connector_id)


def disabled(s: Situation) -> None:
    s.availability.disable_due = False
    s.emit(EventKind.DISABLED, source=s.availability.last_disable, connector_id=s.settings.connector_id)


def session_started(s: Situation) -> None:
    """By the plug; a session that an authorization has opened goes on."""
    if not s.session.uuid:
        open_session(s, StartReason.EV_CONNECTED, None)


def open_session(s: Situation, reason: StartReason, id_tag: ProvidedIdToken | None) -> None:
    s.session.close()
    s.session.uuid = _unused_uuid(s)
    s.session.auth_deadline_s = s.now_s + s.settings.connection_timeout_s
    s.emit(EventKind.SESSION_STARTED, start_reason=reason, id_tag=id_tag)


def _unused_uuid(s: Situation) -> str:
    """The spare one, or one derived from the last if that has been used: one step may open two sessions."""
    if s.inputs.spare_uuid != s.last_spare_uuid:
        s.last_spare_uuid = s.last_uuid = s.inputs.spare_uuid
    else:
        s.last_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, s.last_uuid))
    return s.last_uuid


def auth_required(s: Situation) -> None:
    s.emit(EventKind.AUTH_REQUIRED)
    if s.settings.auth_mode is AuthMode.FREE and not s.session.authorized:
        authorize(s, FREE_SERVICE)


def authorize(s: Situation, id_tag: ProvidedIdToken) -> None:
    s.lock.hold_again()
    s.session.id_tag = id_tag
    s.session.auth_deadline_s = s.now_s + s.settings.connection_timeout_s
    s.emit(EventKind.AUTHORIZED, id_tag=id_tag)


def transaction_started(s: Situation) -> None:
    s.session.in_transaction = True
    s.session.auth_deadline_s = None
    s.emit(EventKind.TRANSACTION_STARTED, id_tag=s.session.id_tag)


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
    s.emit(EventKind.CHARGING_PAUSED_EVSE)


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
        s.emit(EventKind.SESSION_FINISHED)
        s.session.close()
        s.woken_up = False
