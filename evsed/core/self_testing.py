"""When the charger tests its own hardware, and who hears of it; the RCD is also tested unasked."""

from collections.abc import Callable

from evsed.core import commands as c
from evsed.core.answer import Answer
from evsed.core.events import CommandDone
from evsed.core.self_test import Outcome, Phase, SelfTest
from evsed.core.situation import Situation

# fmt: off
SELF_TESTS: dict[type, tuple[str, Callable[[Situation], SelfTest], Callable[[Situation], bool], str]] = {
    # command    name    the test               fitted                              what is missing
    c.TestRcd:  ("rcd",  lambda s: s.rcd_test,  lambda s: s.settings.has_rcd_test,  "the board has no RCD test line"),
    c.TestLock: ("lock", lambda s: s.lock_test, lambda s: s.settings.socket,        "a tethered cable has no lock"),
}
# fmt: on


def begin_self_test(s: Situation, request: c.Request) -> Answer | None:
    """None: it has begun, and the answer comes when it is over."""
    _, test_of, fitted, missing = SELF_TESTS[type(request.command)]
    if not fitted(s):
        return Answer(False, missing)
    if not s.may_self_test():
        return Answer(
            False, f"only without an EV, in Idle, with the power off (now: {s.state.value}, CP {s.cp.value})"
        )
    if s.inputs.rcd_tripped:
        return Answer(False, "the residual current device has tripped", by_fault=True)
    if s.rcd_test.running or s.lock_test.running:
        return Answer(False, "another test is running")
    test_of(s).start(request.request_id, s.now_s)
    return None


def update_self_tests(s: Situation) -> None:
    """One sample; a test of the residual current device begins by itself when it is due."""
    allowed = s.may_self_test()
    if allowed and _rcd_test_due(s) and not s.lock_test.running:
        s.rcd_test.start(0, s.now_s)
    for name, test_of, _, _ in SELF_TESTS.values():
        test = test_of(s)
        outcome = test.update(_reached(s, test), allowed, s.now_s)
        if outcome is not None:
            s.note(f"{name} test {test.text}")
            s.events.append(CommandDone(test.request_id, outcome is Outcome.PASSED, test.text))


def lock_wanted(s: Situation) -> bool:
    return s.lock_test.phase is Phase.ACT


def _reached(s: Situation, test: SelfTest) -> bool:
    return s.inputs.rcd_tripped if test is s.rcd_test else s.inputs.locked


def _rcd_test_due(s: Situation) -> bool:
    every_s, last_s = s.settings.rcd_test_every_s, s.rcd_test.last_end_s
    if not s.settings.has_rcd_test or every_s == 0.0 or s.rcd_test.running or s.inputs.rcd_tripped:
        return False
    return last_s is None or s.now_s - last_s >= every_s
