"""The order of the first messages (EVENTS, boot)."""

from evsed.core.events import SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import EventKind as K
from evsed.core.states import EvseState
from evsed.gateway.opening import Opening
from tests.gateway.snapshots import snapshot

BOOTING = snapshot(state=EvseState.BOOTING)
IDLE = snapshot(state=EvseState.IDLE)
WAITS = snapshot(state=EvseState.BOOTING, waits_for_external_ready=True)


class Rig:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.opening = Opening(self._limits, lambda: self.heard.append("modes"))

    def _limits(self, now: Snapshot) -> None:
        self.heard.append(f"limits {now.state.value}")

    def event(self, kind: K, of_this_control: bool = True) -> None:
        self.opening.next_event(SessionEvent(kind), of_this_control)
        self.heard.append(kind.value)


def restored(now: Snapshot = IDLE) -> Rig:
    rig = Rig()
    rig.opening.restored = True
    rig.opening.snapshot(now)
    return rig


def test_left_over_events_then_limits_then_modes_then_enabled() -> None:
    rig = restored()
    for kind in (K.SESSION_RESUMED, K.SESSION_FINISHED, K.ENABLED):
        rig.event(kind)
    assert rig.heard == ["SessionResumed", "SessionFinished", "limits Idle", "modes", "Enabled"]
    rig.opening.drained()
    assert rig.heard[-1] == "Enabled"
    assert rig.opening.told


def test_enabled_of_an_older_run_of_control_is_left_over_too() -> None:
    rig = restored()
    rig.event(K.ENABLED, of_this_control=False)
    rig.opening.drained()
    assert rig.heard == ["Enabled", "limits Idle", "modes"]


def test_a_snapshot_from_before_the_restore_does_not_count() -> None:
    rig = Rig()
    rig.opening.snapshot(BOOTING)
    rig.opening.drained()
    assert (rig.heard, rig.opening.may_tell) == ([], False)
    rig.opening.restored = True
    rig.opening.snapshot(IDLE)
    assert rig.opening.may_tell


def test_while_a_client_is_waited_for_the_modes_are_not_told() -> None:
    rig = restored(WAITS)
    rig.opening.drained()
    assert rig.heard == ["limits Booting"]
    assert not rig.opening.told
    rig.event(K.ENABLED)
    assert rig.heard == ["limits Booting", "modes", "Enabled"]


def test_each_connection_hears_it_once() -> None:
    rig = restored()
    rig.opening.drained()
    rig.opening.drained()
    assert rig.heard == ["limits Idle", "modes"]
    rig.opening.begin()
    assert not rig.opening.told
    rig.opening.drained()
    assert rig.heard == ["limits Idle", "modes"] * 2


def test_the_next_control_has_to_be_restored_first() -> None:
    rig = restored()
    rig.opening.control_gone()
    rig.opening.snapshot(BOOTING)
    rig.opening.drained()
    assert rig.heard == []
