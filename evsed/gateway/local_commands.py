"""What each verb of evsectl asks of the core.

Rule: a duration counts from now on the monotonic clock; a wall clock that is wrong does not change it.
"""

from collections.abc import Callable
from typing import Any

from evsed.api.operations import Moment
from evsed.core import commands as c
from evsed.core.tokens import local_token
from evsed.evsectl.protocol import ENABLE_PRIORITY, LimitArgs, Request, ReserveArgs, SessionLimitsArgs

LIMIT_SOURCE = "local"  # the row of the limit table that is evsectl's


def command_of(request: Request, now: Moment) -> c.Command:
    """Raises KeyError for a verb that asks nothing of the core."""
    return COMMANDS[request.verb](request.args, now)


def _availability(state: c.EnableState) -> c.EnableDisable:
    return c.EnableDisable(c.AvailabilityRow(c.EnableSource.LOCAL_API, state, ENABLE_PRIORITY))


def _reserve(args: ReserveArgs, now: Moment) -> c.Reserve:
    """Without a synchronised clock a restart of control forgets the end, not the reservation."""
    expires_at_s = expiry_utc_s = None
    if args.duration_s is not None:
        expires_at_s = now.now_s + args.duration_s
        expiry_utc_s = now.utc_s + args.duration_s if now.synchronised else None
    wanted = c.Reservation(args.reservation_id, args.token, args.parent, expires_at_s, expiry_utc_s)
    return c.Reserve(wanted)


def _limit(args: LimitArgs, now: Moment) -> c.SetLimit:
    kind = c.LimitKind.STANDING if args.duration_s is None else c.LimitKind.TIMEBOXED
    return c.SetLimit(LIMIT_SOURCE, args.limit_a, kind, args.duration_s, args.power_w)


def _session_limits(args: SessionLimitsArgs, now: Moment) -> c.SetSessionLimits:
    return c.SetSessionLimits(args.energy_wh, args.duration_s, args.cost, args.price_per_kwh)


# fmt: off
COMMANDS: dict[str, Callable[[Any, Moment], c.Command]] = {
    "enable":                lambda args, now: _availability(c.EnableState.ENABLE),
    "disable":               lambda args, now: _availability(c.EnableState.DISABLE),
    "authorize":             lambda args, now: c.PresentToken(local_token(args.token)),
    "withdraw":              lambda args, now: c.WithdrawAuthorization(),
    "pause":                 lambda args, now: c.PauseCharging(),
    "resume":                lambda args, now: c.ResumeCharging(),
    "stop":                  lambda args, now: c.StopTransaction(args.reason),
    "unlock":                lambda args, now: c.ForceUnlock(),
    "replug":                lambda args, now: c.Replug(),
    "ready":                 lambda args, now: c.ExternalReady(),
    "reserve":               _reserve,
    "cancel-reservation":    lambda args, now: c.CancelReservation(),
    "limit":                 _limit,
    "clear-limit":           lambda args, now: c.ClearLimit(LIMIT_SOURCE),
    "phases":                lambda args, now: c.SwitchPhases(args.phases == 3),
    "session-limits":        _session_limits,
    "random-delay":          lambda args, now: c.EnableRandomDelay(args.enabled),
    "random-delay-duration": lambda args, now: c.SetRandomDelayDuration(args.max_duration_s),
    "cancel-random-delay":   lambda args, now: c.CancelRandomDelay(),
    "rcd-test":              lambda args, now: c.TestRcd(),
    "lock-test":             lambda args, now: c.TestLock(),
    "set-faulted":           lambda args, now: c.SetFaulted(True),
    "clear-faulted":         lambda args, now: c.SetFaulted(False),
}
# fmt: on
