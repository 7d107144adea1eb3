"""Of which events a recording is made."""

from typing import NamedTuple

from evsed.core.events import Event, FaultRaised, SessionEvent
from evsed.core.faults import BY_NAME
from evsed.core.states import StopReason

SAME_AGAIN_S = 600.0  # a fault that comes and goes would push every other recording out of the folder

# A transaction that ended for one of these ended as somebody wanted it to.
WANTED = frozenset(
    (
        StopReason.LOCAL,
        StopReason.REMOTE,
        StopReason.EV_DISCONNECTED,
        StopReason.UNLOCK_COMMAND,
        StopReason.REBOOT,
        StopReason.ENERGY_LIMIT_REACHED,
        StopReason.TIME_LIMIT_REACHED,
        StopReason.LOCAL_OUT_OF_CREDIT,
        StopReason.DE_AUTHORIZED,
        StopReason.MASTER_PASS,
        StopReason.EVSE_DISABLED,
    )
)


class Cause(NamedTuple):
    text: str
    session_uuid: str
    at_s: float  # monotonic


class Causes:
    """Each cause once a session, and again after SAME_AGAIN_S; one never hides another."""

    def __init__(self) -> None:
        self._newest: dict[str, Cause] = {}  # by text: as many as there are faults and reasons

    def new(self, event: Event, now_s: float) -> Cause | None:
        """The cause that event is, unless it has been one just now."""
        text, session_uuid = _cause(event)
        if not text:
            return None
        cause, last = Cause(text, session_uuid, now_s), self._newest.get(text)
        if last is not None and last.session_uuid == session_uuid and now_s - last.at_s < SAME_AGAIN_S:
            return None
        self._newest[text] = cause
        return cause


def _cause(event: Event) -> tuple[str, str]:
    if isinstance(event, FaultRaised) and BY_NAME[event.fault].reaction.blocks:
        return f"fault {event.fault}", event.uuid
    if isinstance(event, SessionEvent) and event.stop_reason not in (None, *WANTED):
        assert event.stop_reason is not None
        return f"stop {event.stop_reason.value}", event.uuid
    return "", ""
