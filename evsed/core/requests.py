"""What each command does to the situation, and what it answers."""

from collections.abc import Callable
from typing import Any

from evsed.core import authorization as auth
from evsed.core import commands as c
from evsed.core import limit_requests as limit
from evsed.core.answer import YES, Answer
from evsed.core.events import AvailabilityChanged, CommandDone
from evsed.core.left_over import take_over
from evsed.core.limits import RESTART_DELAY
from evsed.core.reservation import end_reservation
from evsed.core.self_testing import SELF_TESTS, begin_self_test
from evsed.core.situation import IN_TRANSACTION, Situation
from evsed.core.states import EvseState, ReservationEndReason, StopReason

_Handler = Callable[[Situation, Any], Answer]
_AT_ANY_TIME = c.Restore | c.Configure | c.PlannedStop
NOT_YET = Answer(False, "starting: the store has not been read yet")

_PLUGGED = frozenset((*IN_TRANSACTION, EvseState.WAITING_FOR_AUTHENTICATION, EvseState.FINISHED))


def handle(s: Situation, request: c.Request) -> None:
    """Carry out one command and answer it in this step, or when it is over if it takes its time."""
    early = not s.restored and not isinstance(request.command, _AT_ANY_TIME)
    if not early and type(request.command) in SELF_TESTS:
        answer = begin_self_test(s, request)
    else:
        answer = NOT_YET if early else _HANDLERS[type(request.command)](s, request.command)
    if answer is not None:
        s.events.append(CommandDone(request.request_id, *answer))


def _enable_disable(s: Situation, command: c.EnableDisable) -> Answer:
    table = s.availability
    before, code = table.rows, "" if table.enabled else c.WAS_DISABLED
    table.put(command.row)
    if table.rows != before:
        s.events.append(AvailabilityChanged(table.rows))
    if table.enabled:
        return Answer(True, code=code)
    if s.state is EvseState.DISABLED:
        table.disable_due = False  # it is carried out already
    s.session.stop(StopReason.EVSE_DISABLED if s.settings.newer_enums else StopReason.OTHER)
    winner = table.winner
    why = f"disabled by {winner.enable_source.value}, priority {winner.enable_priority}"
    return Answer(False, why, code=code)


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


def _replug(s: Situation, command: c.Replug) -> Answer:
    if s.state not in _PLUGGED:
        return Answer(False, f"no EV to replug in state {s.state.value}")
    s.replug_due = True
    return YES


def _set_faulted(s: Situation, command: c.SetFaulted) -> Answer:
    was, s.faulted = s.faulted, command.faulted
    return YES if command.faulted or was else Answer(False, "no fault was set by set_faulted")


def _external_ready(s: Situation, command: c.ExternalReady) -> Answer:
    if not s.settings.external_ready:
        return Answer(False, "nobody waits for it (api.external_ready_to_start_charging)")
    s.released = True
    return YES


def _restore(s: Situation, command: c.Restore) -> Answer:
    if s.restored:
        return Answer(False, "already restored")
    s.restored, s.meter_since_s = True, s.now_s
    s.availability.restore(command.availability)
    s.reservation = command.reservation
    if s.blocked:
        end_reservation(s, ReservationEndReason.CANCELLED)
    left = command.open_session
    if command.session_limits is not None:
        s.session_limits.set(command.session_limits, for_next=left is None or not left.in_transaction)
    if left is not None:
        take_over(s, left)
    if s.settings.restart_delay_s > 0.0:
        delay_s = s.draw() * s.settings.restart_delay_s
        s.limits.set(c.SetLimit(RESTART_DELAY, 0.0, c.LimitKind.TIMEBOXED, delay_s), s.now_s)
    return YES


def _configure(s: Situation, command: c.Configure) -> Answer:
    s.configure(command.settings)
    return YES


def _planned_stop(s: Situation, command: c.PlannedStop) -> Answer:
    """The transaction ends, or waits for the next process to resume it."""
    s.planned_stop = True
    if s.settings.resume_after_power_loss and s.session.in_transaction and not s.session.stopping:
        s.session.suspended = True
    else:
        s.session.stop(StopReason.REBOOT)
    return YES


# fmt: off
_HANDLERS: dict[type, _Handler] = {
    c.EnableDisable:          _enable_disable,
    c.AuthorizeResponse:      auth.authorize_response,
    c.PresentToken:           auth.present_token,
    c.WithdrawAuthorization:  auth.withdraw_authorization,
    c.Reserve:                auth.reserve,
    c.CancelReservation:      auth.cancel_reservation,
    c.SetReservationExpiry:   auth.set_reservation_expiry,
    c.PauseCharging:          _pause,
    c.ResumeCharging:         _resume,
    c.StopTransaction:        _stop_transaction,
    c.ForceUnlock:            _force_unlock,
    c.Replug:                 _replug,
    c.SetFaulted:             _set_faulted,
    c.ExternalReady:          _external_ready,
    c.SetLimit:               limit.set_limit,
    c.ClearLimit:             limit.clear_limit,
    c.SetSchedule:            limit.set_schedule,
    c.SwitchPhases:           limit.switch_phases,
    c.SetSessionLimits:       limit.set_session_limits,
    c.EnableRandomDelay:      limit.enable_random_delay,
    c.CancelRandomDelay:      limit.cancel_random_delay,
    c.SetRandomDelayDuration: limit.set_random_delay_duration,
    c.Restore:                _restore,
    c.Configure:              _configure,
    c.PlannedStop:            _planned_stop,
}
# fmt: on
