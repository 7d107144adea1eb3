"""State -> look of the status light. A fault outshines every state."""

from evsed.core.states import EvseState as S
from hal.types import Led

_SLOW_S = 2.0
_FAST_S = 0.5

# fmt: off
FAULT = Led(red=True, period_s=_FAST_S)
RESERVED = Led(red=True, blue=True)
LOOKS = {
    S.BOOTING:                    Led(red=True, green=True, blue=True, period_s=_SLOW_S),
    S.DISABLED:                   Led(red=True),
    S.IDLE:                       Led(green=True),
    S.WAITING_FOR_AUTHENTICATION: Led(red=True, green=True, period_s=_SLOW_S),
    S.PREPARE_CHARGING:           Led(blue=True, period_s=_FAST_S),
    S.WAITING_FOR_ENERGY:         Led(green=True, blue=True, period_s=_SLOW_S),
    S.CHARGING:                   Led(blue=True),
    S.CHARGING_PAUSED_EV:         Led(blue=True, period_s=_SLOW_S),
    S.CHARGING_PAUSED_EVSE:       Led(green=True, blue=True),
    S.WAKE_UP_F:                  Led(blue=True, period_s=_FAST_S),
    S.WAKE_UP_X1:                 Led(blue=True, period_s=_FAST_S),
    S.STOPPING_CHARGING:          Led(red=True, green=True),
    S.FINISHED:                   Led(red=True, green=True, blue=True),
    S.SWITCHING_PHASES:           Led(green=True, blue=True, period_s=_FAST_S),
    S.REPLUG:                     Led(green=True, blue=True, period_s=_FAST_S),
}
# fmt: on


def look(state: S, blocked: bool, reserved: bool) -> Led:
    if blocked:
        return FAULT
    return RESERVED if reserved and state is S.IDLE else LOOKS[state]
