"""What each command does to the situation, and what it answers."""

from collections.abc import Callable
from typing import Any, NamedTuple

from evsed.core import commands as c
from evsed.core.emits import authorize, open_session, session_finished
from evsed.core.events import AvailabilityChanged, CommandDone
from evsed.core.limits import OWN_SOURCES
from evsed.core.settings import AuthMode
from evsed.core.situation import Situation
from evsed.core.states import EventKind, EvseState, StartReason, StopReason
from evsed.core.tokens import ProvidedIdToken

_OPEN_TO_TOKENS = frozenset((EvseState.IDLE, EvseState.WAITING_FOR_AUTHENTICATION))


class Answer(NamedTuple):
    """The result, in words what stood against it, and whether that was a fault."""

    result: bool
    why: str = ""
    by_fault: bool = False


YES = Answer(True)
NOT_YET = Answer(False, "starting: the store has not been read yet")


def handle(s: Situation, request: c.Request) -> None:
    """Carry out one command and answer it in this step."""
    early = not s.restored and not isinstance(request.command, c.Restore | c.PlannedStop)
    answer = NOT_YET if early else _HANDLERS[type(request.command)](s, request.command)
    s.events.append(CommandDone(request.request_id, *answer))


def withdraw(s: Situation) -> None:
    """Take the authorization of the open session back; without a transaction the session is over, too."""
    s.emit(EventKind.DEAUTHORIZED)
    s.session.auth_deadline_s = None
    if s.session.in_transaction:
        s.session.stop(StopReason.DE_AUTHORIZED)
    elif s.state is EvseState.WAITING_FOR_AUTHENTICATION:
        s.session.id_tag = None
        s.emit(EventKind.PLUGIN_TIMEOUT)
    else:
        session_finished(s)


def check_authorization_deadline(s: Situation) -> None:
    deadline_s = s.session.auth_deadline_s
    if deadline_s is not None and s.now_s >= deadline_s:
        withdraw(s)


def _enable_disable(s: Situation, command: c.EnableDisable) -> Answer:
    table = s.availability
    before = table.rows
    table.put(command.row)
    if table.rows != before:
        s.events.append(AvailabilityChanged(table.rows))
    if table.enabled:
        return YES
    s.session.stop(StopReason.EVSE_DISABLED if s.settings.newer_enums else StopReason.OTHER)
    return Answer(
        False, f"disabled by {table.winner.enable_source.value}, priority {table.winner.enable_priority}"
    )


def _authorize_response(s: Situation, command: c.AuthorizeResponse) -> Answer:
    if not command.accepted:
        s.note(f"token {command.token.id_token.value} was not accepted")
        return Answer(False, "the authorizer did not accept the token")
    return _accept(s, command.token)


def _present_token(s: Situation, command: c.PresentToken) -> Answer:
    value = command.token.id_token.value
    known = any(value.lower() == token.lower() for token in s.settings.tokens)
    if s.settings.auth_mode is AuthMode.TOKENS and not known:
        s.note(f"token {value} is not in auth.tokens")
        return Answer(False, f"token {value} is not in auth.tokens")
    return _accept(s, command.token)


def _accept(s: Situation, token: ProvidedIdToken) -> Answer:
    if s.state not in _OPEN_TO_TOKENS or s.planned_stop:
        why = f"no authorization is awaited in state {s.state.value}"
        s.note(f"authorization of token {token.id_token.value} ignored: {why}")
        return Answer(False, why, by_fault=s.blocked)
    if not s.session.uuid:
        open_session(s, StartReason.AUTHORIZED, token)
    authorize(s, token)
    return YES


def _withdraw_authorization(s: Situation, command: c.WithdrawAuthorization) -> Answer:
    asked_for = s.session.authorized or s.session.auth_deadline_s is not None
    if not s.session.uuid or s.session.stopping or (not asked_for and not s.session.in_transaction):
        return Answer(False, "nothing is authorized")
    withdraw(s)
    return YES


def _no_transaction(s: Situation) -> Answer:
    """A fault that is in force is why there is none (any more)."""
    return Answer(False, "no transaction is active", by_fault=s.blocked)


def _pause(s: Situation, command: c.PauseCharging) -> Answer:
    if not s.session.in_transaction or s.session.stopping:
        return _no_transaction(s)
    s.session.paused = True
    return YES


def _resume(s: Situation, command: c.ResumeCharging) -> Answer:
    if not s.session.in_transaction or s.session.stopping:
        return _no_transaction(s)
    s.session.paused = False
    return YES


def _stop_transaction(s: Situation, command: c.StopTransaction) -> Answer:
    if not s.session.in_transaction:
        return _no_transaction(s)
    s.session.stop(command.reason, command.id_tag)
    return YES


def _force_unlock(s: Situation, command: c.ForceUnlock) -> Answer:
    if not s.settings.socket:
        return Answer(False, "a tethered cable has no lock")
    s.session.stop(StopReason.UNLOCK_COMMAND)
    s.lock.force_unlock()
    return YES


def _set_limit(s: Situation, command: c.SetLimit) -> Answer:
    if command.source in OWN_SOURCES:
        return _own_source(command.source)
    s.limits.set(command, s.now_s)
    return YES


def _clear_limit(s: Situation, command: c.ClearLimit) -> Answer:
    if command.source in OWN_SOURCES:
        return _own_source(command.source)
    s.limits.clear(command.source)
    return YES


def _own_source(source: str) -> Answer:
    return Answer(False, f"the limit {source} is the charger's own: take another name")


def _restore(s: Situation, command: c.Restore) -> Answer:
    if s.restored:
        return Answer(False, "already restored")
    s.restored, s.meter_since_s = True, s.now_s
    s.availability.restore(command.availability)
    if command.open_session:
        _close_left_over(s, command.open_session)
    return YES


def _close_left_over(s: Situation, left: c.OpenSession) -> None:
    """A session that an earlier process could not end: end it now, under its own uuid."""
    s.session.uuid = left.uuid
    s.emit(EventKind.SESSION_RESUMED)
    if left.in_transaction:
        s.emit(EventKind.TRANSACTION_FINISHED, stop_reason=StopReason.POWER_LOSS)
    session_finished(s)


def _planned_stop(s: Situation, command: c.PlannedStop) -> Answer:
    s.planned_stop = True
    s.session.stop(StopReason.REBOOT)
    return YES


_HANDLERS: dict[type, Callable[[Situation, Any], Answer]] = {
    c.EnableDisable: _enable_disable,
    c.AuthorizeResponse: _authorize_response,
    c.PresentToken: _present_token,
    c.WithdrawAuthorization: _withdraw_authorization,
    c.PauseCharging: _pause,
    c.ResumeCharging: _resume,
    c.StopTransaction: _stop_transaction,
    c.ForceUnlock: _force_unlock,
    c.SetLimit: _set_limit,
    c.ClearLimit: _clear_limit,
    c.Restore: _restore,
    c.PlannedStop: _planned_stop,
}
