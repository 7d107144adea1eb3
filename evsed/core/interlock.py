"""The last gate before the board. It may only take power away.

It repeats on purpose what the tables already say, from readings and books alone: a mistake in a table must
not close the contactor.
"""

import msgspec

from evsed.core.inputs import Outputs
from evsed.core.pilot_duty import MIN_CURRENT_A
from evsed.core.states import CpState


class Grounds(msgspec.Struct, frozen=True, gc=False):
    """All that must be known before a contactor may be closed."""

    cp: CpState
    has_ventilation: bool
    diode_seen: bool
    lock_confirmed: bool  # true where there is no lock
    in_transaction: bool
    phases_settled: bool  # the second contactor has come to rest
    blocked: bool  # by a fault
    rcd_tripped: bool
    emergency_stop: bool
    limit_a: float
    ramping_down: bool  # the EV has been told to stop and has less than six seconds left


def may_have_power(grounds: Grounds) -> bool:
    g = grounds
    return (
        (g.cp is CpState.C or (g.cp is CpState.D and g.has_ventilation))
        and g.diode_seen
        and g.lock_confirmed
        and g.in_transaction
        and g.phases_settled
        and not g.blocked
        and not g.rcd_tripped
        and not g.emergency_stop
        and (g.limit_a >= MIN_CURRENT_A or g.ramping_down)
    )


def interlock(grounds: Grounds, wanted: Outputs) -> Outputs:
    """wanted, with the contactor opened unless every ground for power holds."""
    if wanted.contactor_closed and not may_have_power(grounds):
        return msgspec.structs.replace(wanted, contactor_closed=False)
    return wanted
