"""The last gate: every combination of grounds, without any table."""

from itertools import product

import msgspec
import pytest

from evsed.core.inputs import Outputs
from evsed.core.interlock import Grounds, interlock, may_have_power
from evsed.core.states import CpState
from hal.types import Led, LockDrive

YES = Grounds(
    cp=CpState.C,
    has_ventilation=False,
    diode_seen=True,
    lock_confirmed=True,
    in_transaction=True,
    phases_settled=True,
    blocked=False,
    rcd_tripped=False,
    emergency_stop=False,
    limit_a=6.0,
    ramping_down=False,
)
FLAGS = tuple(name for name in YES.__struct_fields__ if name not in ("cp", "limit_a"))
LIMITS_A = (0.0, 5.999, 6.0, 32.0, float("nan"))
ALL = [
    Grounds(cp=cp, limit_a=limit_a, **dict(zip(FLAGS, flags, strict=True)))
    for cp in CpState
    for limit_a in LIMITS_A
    for flags in product((False, True), repeat=len(FLAGS))
]
CLOSED = Outputs(duty=0.5, contactor_closed=True, lock=LockDrive.LOCK, led=Led(green=True), shunt_trip=True)
OPEN = msgspec.structs.replace(CLOSED, contactor_closed=False)


def reasons_against(g: Grounds) -> list[str]:
    """Each rule in words, as the norm and the hardware ask for it."""
    # fmt: off
    rules = {
        "the EV asks for power, or for power and a fan that is there":
            g.cp is CpState.C or (g.cp is CpState.D and g.has_ventilation),
        "its diode has been seen":                 g.diode_seen,
        "the plug is locked, or has no lock":      g.lock_confirmed,
        "a transaction is open":                   g.in_transaction,
        "the second contactor has come to rest":  g.phases_settled,
        "no fault blocks":                         not g.blocked,
        "the RCD has not tripped":                 not g.rcd_tripped,
        "nobody has pressed the emergency stop":   not g.emergency_stop,
        "6 A may be had, or the EV is stopping":   g.limit_a >= 6.0 or g.ramping_down,
    }
    # fmt: on
    return [rule for rule, holds in rules.items() if not holds]


def test_power_is_allowed_exactly_when_nothing_speaks_against_it() -> None:
    assert len(ALL) == 8 * 5 * 2**9
    for grounds in ALL:
        assert may_have_power(grounds) is (not reasons_against(grounds)), reasons_against(grounds)


def test_each_rule_alone_forbids_power() -> None:
    alone = {reasons[0] for reasons in map(reasons_against, ALL) if len(reasons) == 1}
    assert len(alone) == 9


def test_it_opens_the_contactor_and_touches_nothing_else() -> None:
    for grounds in ALL:
        assert interlock(grounds, CLOSED) == (OPEN if reasons_against(grounds) else CLOSED)


def test_it_never_closes_the_contactor() -> None:
    for grounds in ALL:
        assert interlock(grounds, OPEN) is OPEN


@pytest.mark.parametrize("cp", [cp for cp in CpState if cp not in (CpState.C, CpState.D)])
def test_no_other_state_of_the_pilot_has_power(cp: CpState) -> None:
    assert not may_have_power(msgspec.structs.replace(YES, cp=cp, has_ventilation=True))


def test_the_example_has_power() -> None:
    assert may_have_power(YES)
