"""What goes out when: on change, every ten seconds, every second."""

from typing import Any

from evsed.api.identity import Identity
from evsed.api.operations import Moment
from evsed.api.router import Publication, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.core.inputs import LimitRow, RandomDelayInfo, Snapshot
from evsed.gateway import variables
from evsed.gateway.variables import Variables
from hal.types import RailsReading, Temperature
from tests.gateway.snapshots import snapshot

MEASURED = {"rails": RailsReading(12.0, -12.0, 5.0), "temperatures": (Temperature("evse", 30.0),)}


class Rig:
    def __init__(self) -> None:
        self.sent: list[Publication] = []
        self.variables = Variables(Router(Identity()), SessionInfoProjector(), self._publish)

    def _publish(self, publication: Publication) -> int:
        self.sent.append(publication)
        return 0

    def names(self) -> list[str]:
        """Since the last time."""
        names = [publication.topic.rsplit("/", 1)[-1] for publication in self.sent]
        self.sent.clear()
        return names

    def see(self, now_s: float, **changes: Any) -> list[str]:
        self.variables.on_snapshot(snapshot(**changes), at(now_s))
        return self.names()


def at(now_s: float) -> Moment:
    return Moment(now_s, 1_800_000_000.0 + now_s)


def begun(now: Snapshot | None = None) -> Rig:
    rig = Rig()
    rig.variables.begin(now or snapshot(), at(0.0))
    rig.names()
    return rig


def test_limits_come_first_then_the_session_then_whether_we_wait() -> None:
    rig = Rig()
    rig.variables.begin(snapshot(), at(0.0))
    names = rig.names()
    assert names[0] == "limits"
    assert names[-2:] == ["session_info", "waiting_for_external_ready"]
    assert {"enforced_limits", "ac_nr_of_phases_available", "ac_pp_ampacity"} <= set(names[:-2])


def test_before_the_beginning_nothing_goes_out() -> None:
    rig = Rig()
    assert rig.see(0.0) == []
    rig.variables.every_second(at(1.0))
    assert rig.names() == []


def test_an_unchanged_limit_is_repeated_every_ten_seconds() -> None:
    rig = begun()
    assert rig.see(9.9) == []
    assert "limits" in rig.see(10.0)
    assert rig.see(19.9) == []


def test_a_changed_limit_goes_out_at_once() -> None:
    rig = begun()
    assert "limits" in rig.see(0.2, limit_a=11.0)
    assert "enforced_limits" in rig.see(0.4, limit_a=11.0, limits=(LimitRow("other", power_w=9000.0),))


def test_a_countdown_in_a_row_is_no_change() -> None:
    rig = begun(snapshot(limits=(LimitRow("x", 10.0, ends_at_s=5.0),)))
    assert rig.see(0.2, limits=(LimitRow("x", 10.0, ends_at_s=6.0, text="1 s"),)) == []


def test_the_end_of_the_wait_is_told_once() -> None:
    rig = begun(snapshot(waits_for_external_ready=True))
    assert rig.see(0.2) == ["waiting_for_external_ready"]
    assert rig.see(0.4) == []


def test_telemetry_and_the_countdown_go_out_each_second_while_they_have_a_value() -> None:
    rig = begun()
    rig.variables.every_second(at(1.0))
    assert rig.names() == []
    rig.see(1.2, random_delay=RandomDelayInfo(3, 0.0, 16.0), **MEASURED)
    for now_s in (2.0, 3.0):
        rig.variables.every_second(at(now_s))
        assert rig.names() == ["telemetry", "random_delay_countdown"]


def test_telemetry_does_not_come_with_every_change_of_a_limit() -> None:
    rig = begun()
    assert "telemetry" not in rig.see(0.2, limit_a=7.0, **MEASURED)


def test_session_info_moves_on_in_a_session_only() -> None:
    rig = begun()
    rig.variables.every_second(at(1.0))
    assert rig.names() == []
    rig.see(1.2, session_uuid="u1")
    rig.variables.every_second(at(2.0))
    assert rig.names() == ["session_info"]


def test_what_is_held_says_nothing_until_it_begins_anew() -> None:
    rig = begun(snapshot(session_uuid="u1"))
    rig.variables.hold()
    rig.variables.every_second(at(1.0))
    assert rig.see(1.2, limit_a=7.0) == []
    rig.variables.begin(snapshot(), at(2.0))
    assert rig.names()[0] == "limits"


def test_the_heartbeat_begins_with_0_and_wraps_after_64_bits() -> None:
    rig = Rig()
    rig.variables.beat()
    rig.variables._heartbeat_n = variables._HEARTBEATS_N - 1
    rig.variables.beat()
    rig.variables.beat()
    assert [p.payload for p in rig.sent] == [b"0", b"18446744073709551615", b"0"]
