"""Who may charge: answers of an authorizer, tokens presented here, reservations.

Rule 1: the token of a running transaction, or one of its group, ends it (Local); the master group ends any.
Rule 2: while somebody has reserved, no other token starts anything.
"""

import msgspec

from evsed.core import commands as c
from evsed.core.answer import YES, Answer
from evsed.core.emits import authorize, open_session, session_finished
from evsed.core.events import ReservationMismatch
from evsed.core.reservation import end_reservation, is_for, same, start_reservation, use_reservation
from evsed.core.settings import AuthMode, KnownToken
from evsed.core.situation import Situation
from evsed.core.states import (
    EventKind,
    EvseState,
    ReservationEndReason,
    ReservationResult,
    StartReason,
    StopReason,
)
from evsed.core.tokens import FREE_SERVICE, IdToken, IdTokenType, ProvidedIdToken

_OPEN_TO_TOKENS = frozenset((EvseState.IDLE, EvseState.WAITING_FOR_AUTHENTICATION))


def authorize_response(s: Situation, command: c.AuthorizeResponse) -> Answer:
    if not command.accepted:
        s.note(f"token {command.token.id_token.value} was not accepted")
        return Answer(False, "the authorizer did not accept the token")
    return _accept(s, _with_parent(command.token, command.parent), command.reservation_id)


def present_token(s: Situation, command: c.PresentToken) -> Answer:
    known = _known(s, command.token.id_token.value)
    parent = IdToken(known.parent, IdTokenType.LOCAL) if known and known.parent else None
    token = _with_parent(command.token, parent)
    stop = _stops(s, token)
    if stop is not None:
        s.session.stop(stop, token)
        return YES
    if _is_master(s, token):
        return _refuse(s, token, "its group may stop transactions but start none")
    if s.settings.auth_mode is AuthMode.EXTERNAL and command.by_reader:
        return Answer(False, "an external authorizer is asked", code=c.ASK_AUTHORIZER)
    if s.settings.auth_mode is AuthMode.TOKENS and known is None:
        return _refuse(s, token, "it is neither in auth.tokens nor in auth.token_file")
    return _accept(s, token, None)


def withdraw_authorization(s: Situation, command: c.WithdrawAuthorization) -> Answer:
    asked_for = s.session.authorized or s.session.auth_deadline_s is not None
    if not s.session.uuid or s.session.stopping or (not asked_for and not s.session.in_transaction):
        return Answer(False, "nothing is authorized")
    withdraw(s)
    return YES


def withdraw(s: Situation) -> None:
    """Take the authorization of the open session back; without a transaction the session is over, too."""
    s.emit(EventKind.DEAUTHORIZED)
    s.session.auth_deadline_s = None
    if s.session.in_transaction:
        s.session.stop(StopReason.DE_AUTHORIZED)
    elif s.state in (EvseState.WAITING_FOR_AUTHENTICATION, EvseState.REPLUG):
        s.session.id_tag = None
        s.emit(EventKind.PLUGIN_TIMEOUT)
    else:
        session_finished(s)


def check_authorization_deadline(s: Situation) -> None:
    deadline_s = s.session.auth_deadline_s
    if deadline_s is not None and s.now_s >= deadline_s and s.state is not EvseState.REPLUG:
        withdraw(s)


def serve_freely(s: Situation) -> None:
    """Whoever waits in mode free, because of a reservation, once nobody has reserved any more."""
    waits = s.state is EvseState.WAITING_FOR_AUTHENTICATION and s.session.auth_deadline_s is not None
    if waits and not s.session.authorized and s.reservation is None:
        authorize(s, FREE_SERVICE, None)


def reserve(s: Situation, command: c.Reserve) -> Answer:
    wanted = command.reservation
    result, why = _reservable(s, command)
    if result is not ReservationResult.ACCEPTED:
        return Answer(False, why, result is ReservationResult.FAULTED, result.value)
    if s.reservation != wanted:
        start_reservation(s, wanted)
    return Answer(True, code=result.value)


def cancel_reservation(s: Situation, command: c.CancelReservation) -> Answer:
    there = end_reservation(s, ReservationEndReason.CANCELLED)
    return YES if there else Answer(False, "nothing is reserved")


def set_reservation_expiry(s: Situation, command: c.SetReservationExpiry) -> Answer:
    if s.reservation is None:
        return Answer(False, "nothing is reserved")
    s.reservation = msgspec.structs.replace(s.reservation, expires_at_s=command.expires_at_s)
    return YES


def _reservable(s: Situation, command: c.Reserve) -> tuple[ReservationResult, str]:
    """The first thing that stands against it; the order is EVerest's."""
    wanted = command.reservation
    expired = wanted.expires_at_s is not None and wanted.expires_at_s <= s.now_s
    other = s.reservation is not None and s.reservation.reservation_id != wanted.reservation_id
    result = ReservationResult
    grounds = (
        (not s.availability.enabled or s.planned_stop, result.UNAVAILABLE, "the EVSE is disabled"),
        (s.blocked, result.FAULTED, "a fault is active"),
        (
            not command.expiry_known,
            result.REJECTED,
            "the clock is not synchronised: no expiry date can be judged",
        ),
        (expired, result.REJECTED, "its expiry date has passed"),
        (s.state is not EvseState.IDLE or bool(s.session.uuid), result.OCCUPIED, "the EVSE is in use"),
        (other, result.OCCUPIED, "another reservation is in force"),
    )
    against = ((result, why) for holds, result, why in grounds if holds)
    return next(against, (ReservationResult.ACCEPTED, ""))


def _accept(s: Situation, token: ProvidedIdToken, reservation_id: int | None) -> Answer:
    if s.state not in _OPEN_TO_TOKENS or s.planned_stop:
        why = f"no authorization is awaited in state {s.state.value}"
        s.note(f"authorization of token {token.id_token.value} ignored: {why}")
        return Answer(False, why, by_fault=s.blocked)
    known = s.session.id_tag
    if known is not None and not same(known.id_token.value, token.id_token.value):
        return Answer(False, "a token has been accepted already")
    if s.reservation is not None and not is_for(s, token, reservation_id):
        s.events.append(ReservationMismatch(s.reservation))
        return _refuse(s, token, f"reservation {s.reservation.reservation_id} is for somebody else")
    used = use_reservation(s)
    if not s.session.uuid:
        open_session(s, StartReason.AUTHORIZED, token, used)
    authorize(s, token, used)
    return YES


def _stops(s: Situation, token: ProvidedIdToken) -> StopReason | None:
    session = s.session
    if not session.in_transaction or session.stopping or session.id_tag is None:
        return None
    parent = _parent_of(token)
    if same(token.id_token.value, session.id_tag.id_token.value) or same(parent, session.parent):
        return StopReason.LOCAL
    return StopReason.MASTER_PASS if _is_master(s, token) else None


def _is_master(s: Situation, token: ProvidedIdToken) -> bool:
    return same(s.settings.master_pass_group, _parent_of(token))


def _parent_of(token: ProvidedIdToken) -> str:
    return token.parent_id_token.value if token.parent_id_token else ""


def _with_parent(token: ProvidedIdToken, parent: IdToken | None) -> ProvidedIdToken:
    """The group that we or an authorizer know counts more than what the token brought along."""
    return token if parent is None else msgspec.structs.replace(token, parent_id_token=parent)


def _known(s: Situation, value: str) -> KnownToken | None:
    return next((known for known in s.settings.tokens if same(known.value, value)), None)


def _refuse(s: Situation, token: ProvidedIdToken, why: str) -> Answer:
    text = f"token {token.id_token.value} refused: {why}"
    s.note(text)
    return Answer(False, text)
