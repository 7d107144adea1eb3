"""What control says in the journal goes over the link."""

from collections.abc import Callable

import pytest

from evsed.control.handover import JOURNAL_LINES_N
from evsed.core.events import AvailabilityChanged, Event, FaultCleared, FaultRaised, Note, StateChanged
from evsed.core.states import EvseState as S
from evsed.link import messages as m
from tests.control.rig import Control, Gateway

# fmt: off
LINES = {
    StateChanged(S.IDLE, S.DISABLED, "UNAVAILABLE", "u"):
        m.Journal(6, "Idle -> Disabled (UNAVAILABLE)", {"EVSE_STATE": "Disabled", "EVSE_SESSION": "u"}),
    Note("noted", "u"):
        m.Journal(6, "noted", {"EVSE_SESSION": "u"}),
    FaultRaised("rcd", "ac_rcd/X", "High", "it has tripped", "u"):
        m.Journal(3, "fault rcd: it has tripped", {"EVSE_ERROR": "ac_rcd/X", "EVSE_SESSION": "u"}),
    FaultCleared("rcd", "ac_rcd/X", "u"):
        m.Journal(6, "fault rcd cleared", {"EVSE_ERROR": "ac_rcd/X", "EVSE_SESSION": "u"}),
}
# fmt: on


@pytest.mark.parametrize("event", LINES, ids=lambda e: type(e).__name__)
def test_what_happens_is_a_line_in_the_journal(control: Control, gateway: Gateway, event: Event) -> None:
    control.tick(event)
    assert gateway.receive()[0] == LINES[event]


def test_a_table_that_changed_is_no_line(control: Control, gateway: Gateway) -> None:
    control.tick(AvailabilityChanged(()))
    assert [type(message) for message in gateway.receive()] == [m.NumberedEvent]


def test_only_the_newest_lines_wait_for_a_gateway(start: Callable[[], Control], gateway: Gateway) -> None:
    control = start()
    for n in range(JOURNAL_LINES_N + 10):
        control.link.journal(6, str(n))
    control.tick()
    gateway.serve()
    control.tick()
    gateway.receive()
    lines = [line.text for line in gateway.of(m.Journal) if isinstance(line, m.Journal)]
    assert lines == [str(n) for n in range(10, JOURNAL_LINES_N + 10)]
