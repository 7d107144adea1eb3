"""Commands about how much may be drawn: limits, schedules, phases, session limits, random delay."""

from evsed.core import commands as c
from evsed.core.answer import YES, Answer
from evsed.core.events import SessionLimitsChanged
from evsed.core.limits import OWN_SOURCES
from evsed.core.situation import Situation
from evsed.core.states import PhaseSwitchResult


def set_limit(s: Situation, command: c.SetLimit) -> Answer:
    if command.source in OWN_SOURCES:
        return _own_source(command.source)
    s.limits.set(command, s.now_s)
    return YES


def clear_limit(s: Situation, command: c.ClearLimit) -> Answer:
    if command.source in OWN_SOURCES:
        return _own_source(command.source)
    s.limits.clear(command.source)
    return YES


def set_schedule(s: Situation, command: c.SetSchedule) -> Answer:
    if command.source in OWN_SOURCES:
        return _own_source(command.source)
    s.limits.set_schedule(command, s.now_s)
    return YES


def switch_phases(s: Situation, command: c.SwitchPhases) -> Answer:
    if not s.phases.supported:
        return _phases(
            PhaseSwitchResult.NOT_SUPPORTED, "this EVSE does not switch phases (evse.phase_switching)"
        )
    if s.power.welded:
        return _phases(PhaseSwitchResult.HARDWARE, "the contactor is welded")
    s.phases.ask(command.three_phases)
    return Answer(True, code=PhaseSwitchResult.SUCCESS.value)


def set_session_limits(s: Situation, command: c.SetSessionLimits) -> Answer:
    if command.cost is not None and not (command.price_per_kwh or s.settings.price_per_kwh):
        return Answer(False, "a cost limit needs a price: price_per_kWh or session.price_per_kwh")
    s.session_limits.set(command, for_next=not s.session.in_transaction)
    s.events.append(SessionLimitsChanged(command))
    return YES


def enable_random_delay(s: Situation, command: c.EnableRandomDelay) -> Answer:
    s.random_delay.switch(command.enabled)
    return YES


def cancel_random_delay(s: Situation, command: c.CancelRandomDelay) -> Answer:
    s.random_delay.cancel()
    return YES


def set_random_delay_duration(s: Situation, command: c.SetRandomDelayDuration) -> Answer:
    s.random_delay.max_s = command.max_duration_s
    return YES


def _phases(result: PhaseSwitchResult, why: str) -> Answer:
    return Answer(False, why, code=result.value)


def _own_source(source: str) -> Answer:
    return Answer(False, f"the limit {source} is the charger's own: take another name")
