"""Every row of WHY against the real core in the situation that it is for."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from evsed.core import commands as c
from evsed.core.limits import RANDOM_DELAY
from evsed.core.settings import Settings
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason
from evsed.core.tokens import local_token
from evsed.evsectl import why_view
from evsed.evsectl.__main__ import main
from evsed.evsectl.faults import error_line
from evsed.evsectl.terminal import Colour
from evsed.evsectl.why_view import STOPPED, WHY, Why
from tests.bench import Bench
from tests.evsectl.core_point import CoreCharger, core_point

LIMIT_0, LIMIT_8 = c.SetLimit("local", 0.0), c.SetLimit("local", 8.0)
ANNA = local_token("04A2B3C4")
Story = Callable[[CoreCharger], object]


def plugged(point: CoreCharger) -> None:
    point.bench.plug_in()


def authorized(point: CoreCharger) -> None:
    point.bench.plug_in()
    point.do(c.AuthorizeResponse(ANNA, accepted=True))
    point.bench.run(1.5)


def charging(point: CoreCharger) -> None:
    point.bench.charge()


def reserved(point: CoreCharger) -> None:
    end_s = point.now().now_s + 600.0
    point.do(c.Reserve(c.Reservation(7, ANNA.id_token.value, "FLEET", end_s)))


def stopped(point: CoreCharger) -> None:
    charging(point)
    point.do(c.StopTransaction(StopReason.ENERGY_LIMIT_REACHED))
    point.bench.run_until(S.FINISHED)


def without_cable_code(point: CoreCharger) -> None:
    point.bench.world.plug_in()
    point.bench.run(0.1)
    point.do(c.AuthorizeResponse(ANNA, accepted=True))


def ignoring(point: CoreCharger) -> None:
    authorized(point)
    point.bench.run_until(S.WAKE_UP_F, limit_s=32.0)


def ev_paused(point: CoreCharger) -> None:
    charging(point)
    point.bench.world.ev.pause()
    point.bench.run(2.0)


def delayed(point: CoreCharger) -> None:
    """Limited to 8 A, and the end of that limit is held back."""
    point.bench.run(6.0)  # an EV found earlier counts as a change, too
    point.do(LIMIT_8)
    point.bench.run(0.1)
    charging(point)
    point.do(c.ClearLimit("local"))
    point.bench.run(0.1)


def then(*steps: Story) -> Story:
    def story(point: CoreCharger) -> None:
        for step in steps:
            step(point)

    return story


def ask(command: c.Command, seconds: float = 0.3) -> Story:
    def story(point: CoreCharger) -> None:
        point.do(command)
        point.bench.run(seconds)

    return story


def disabled(source: c.EnableSource, priority: int) -> Story:
    row = c.AvailabilityRow(source, c.EnableState.DISABLE, priority)
    return ask(c.EnableDisable(row))


DELAYED = Settings(random_delay=True, random_delay_max_s=100.0)
PHASES = Settings(phase_switching=True)
WAITS = Settings(external_ready=True)

CASES: list[tuple[str, Settings, Story, str, str]] = [
    (
        "set faulted",
        Settings(),
        then(charging, ask(c.SetFaulted(True))),
        "a fault forbids power: set_faulted (",
        "`evsectl clear-faulted` takes",
    ),
    (
        "disabled by CSMS",
        Settings(),
        disabled(c.EnableSource.CSMS, 50),
        "the EVSE is disabled by CSMS, priority 50",
        "enable it where",
    ),
    (
        "disabled by us",
        Settings(),
        disabled(c.EnableSource.LOCAL_API, 100),
        "the EVSE is disabled by LocalAPI, priority 100",
        "`evsectl enable`",
    ),
    (
        "disabled weakly",
        Settings(),
        disabled(c.EnableSource.CSMS, 5000),
        "the EVSE is disabled by CSMS, priority 5000",
        "`evsectl enable`",
    ),
    ("external ready", WAITS, lambda point: None, "waiting for the external ready", "`evsectl ready`"),
    (
        "reserved, no EV",
        Settings(),
        reserved,
        "no EV is connected; reserved, number 7, for token 04A2B3C4 (Anna), or group FLEET, for another 0:1",
        "",
    ),
    (
        "token, no EV",
        Settings(),
        ask(c.AuthorizeResponse(ANNA, accepted=True)),
        "authorized, waiting for an EV",
        "plug it in",
    ),
    ("no EV", Settings(), lambda point: None, "no EV is connected", "plug one in"),
    (
        "reserved, EV",
        Settings(),
        then(reserved, plugged),
        "waiting for a token; reserved, number 7",
        "present it or",
    ),
    ("no token", Settings(), plugged, "waiting for a token", "present a card"),
    (
        "stopped",
        Settings(),
        stopped,
        "the transaction has been stopped: the energy limit of the session is reached",
        "unplug the EV",
    ),
    ("replug", Settings(), then(charging, ask(c.Replug())), "the EV is shown an unplugged cable", ""),
    ("paused by us", Settings(), then(charging, ask(c.PauseCharging())), "paused by us", "`evsectl resume`"),
    (
        "switching",
        PHASES,
        then(charging, ask(c.SwitchPhases(False))),
        "the number of phases is being switched",
        "",
    ),
    (
        "delayed from nothing",
        DELAYED,
        then(ask(LIMIT_0, 6.0), authorized, ask(c.ClearLimit("local"))),
        "a random delay holds the limit back: ",
        "`evsectl random-delay cancel`",
    ),
    (
        "no energy",
        Settings(),
        then(charging, ask(c.SetLimit("local", 5.0))),
        "no energy: local leaves 5.0 A, an EV needs 6 A",
        "raise that limit",
    ),
    ("EV asleep", Settings(), ignoring, "the EV has ignored the offer", ""),
    (
        "EV does not ask",
        Settings(),
        authorized,
        "the EV is offered 32.0 A on 3 phases, set by installation, and does not ask",
        "the EV may be full",
    ),
    ("EV pauses", Settings(), ev_paused, "paused by the EV: it is offered 32.0 A", "the EV may be full"),
    (
        "EV takes less",
        Settings(),
        charging,
        "charging: the EV takes only 16.0 A of the offered 32.0 A on 3 phases",
        "",
    ),
    (
        "delayed",
        DELAYED,
        delayed,
        "charging with up to 8.0 A on 3 phases, set by random_delay; a random delay",
        "",
    ),
    (
        "charging",
        Settings(),
        then(charging, ask(c.SetLimit("local", 16.0), 8.0)),
        "charging with up to 16.0 A on 3 phases, set by local",
        "",
    ),
]


STORIES = [case[1:] for case in CASES]


def point_of(settings: Settings) -> CoreCharger:
    return CoreCharger(Bench(settings))


@pytest.mark.parametrize(("settings", "story", "why", "to_do"), STORIES, ids=[case[0] for case in CASES])
def test_why_it_is_not_charging_in_a_real_situation(settings, story, why, to_do):
    point = point_of(settings)
    story(point)
    told = why_view.why(point.why())
    assert told.why.startswith(why)
    assert told.to_do.startswith(to_do)
    assert bool(told.to_do) is bool(to_do)


# What lasts too short in a story, or takes a broken device: the status as the core would tell it.
MOMENTS: list[tuple[dict[str, Any], str]] = [
    ({"state": "Booting"}, "starting: what the store knows"),
    ({"state": "Disabled", "enabled": True}, "enabled again in a moment"),
    ({"state": "WaitingForAuthentication", "authorized": True}, "authorized, but the cable does not say"),
    ({"state": "StoppingCharging"}, "stopping: "),
    ({"state": "ChargingPausedEVSE", "paused": False}, "the EVSE held power back"),
    ({"state": "PrepareCharging", "ampacity": "A_32", "locked": False}, "waiting until the connector"),
    (
        {"state": "PrepareCharging", "ampacity": "None", "locked": False, "offered_a": 0.0},
        "waiting until the start of the transaction is on disk",
    ),
    ({"state": "PrepareCharging", "offered_a": 16.0, "cp": "C"}, "the EV asks for power and gets it"),
    (
        {"state": "Charging", "offered_a": 8.0, "phases": 1, "limit_source": RANDOM_DELAY,
         "random_delay": {"countdown_s": 34, "during_a": 8.0, "after_a": 16.0}},
        "charging with up to 8.0 A on 1 phase, set by random_delay; "
        "a random delay holds the limit back: 34 s left, then 16 A",
    ),
    ({"state": "Charging", "offered_a": 16.0, "current_a": []}, "charging with up to 16.0 A"),
    ({"state": "Charging", "offered_a": 16.0, "current_a": [14.0, 13.0, 0.0]}, "charging with up to 16.0 A"),
    ({"state": "Newer"}, "it is in state Newer"),
    ({}, "it is in state unknown"),
    ({"enabled": False}, "the EVSE is disabled"),
    ({"faults": ["made_up"]}, "a fault forbids power: made_up"),
    ({"state": "Idle", "faults": ["meter_silent"]}, "no EV is connected"),
    ({"state": "Finished", "stop_reason": "Newer"}, "the transaction has been stopped: Newer"),
    ({"state": "Finished"}, "the transaction has been stopped"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "why"), MOMENTS)
def test_why_it_is_not_charging_at_a_moment(status, why):
    assert why_view.why(status).why.startswith(why)


def test_no_row_of_the_table_is_idle_or_hidden():
    """Each is the answer to at least one case."""
    statuses: list[Mapping[str, Any]] = [status for status, _ in MOMENTS]
    for _, settings, story, _, _ in CASES:
        point = point_of(settings)
        story(point)
        statuses.append(point.why())
    used = {next(n for n, (holds, _) in enumerate(WHY) if holds(status)) for status in statuses}
    assert used == set(range(len(WHY)))


@pytest.mark.parametrize("state", S)
def test_every_state_has_an_answer_of_its_own(state):
    assert not why_view.why({"state": state.value}).why.startswith("it is in state")


def test_every_stop_reason_has_words():
    assert set(STOPPED) == set(StopReason)


def test_any_value_may_be_missing():
    point = point_of(DELAYED)
    then(delayed, ask(c.SetLimit("csms", 10.0, c.LimitKind.TIMEBOXED, 60.0)))(point)
    status = point.why()
    for state in S:
        for key in status:
            assert why_view.view({**status, "state": state.value, key: None})
            assert why_view.view({name: v for name, v in status.items() if name != key})


def test_the_limits_are_listed_with_the_binding_one_marked_and_first():
    point = point_of(PHASES)
    charging(point)
    ask(c.SetLimit("local", 10.0, c.LimitKind.TIMEBOXED, 3600.0))(point)
    ask(c.SetLimit("csms", None, c.LimitKind.STANDING, None, 11000.0))(point)
    ask(c.SetSessionLimits(energy_wh=5000.0), 6.0)(point)
    assert why_view.limit_rows(point.why()) == [
        "> local                10 A, for another 0:59:53",
        "  installation         32 A",
        "  hardware             80 A",
        "  cable                32 A",
        "  csms                 11000 W",
        "  session              ends at 5000 Wh",
    ]


def test_a_limit_by_a_fault_is_marked_and_told():
    point = point_of(Settings())
    then(charging, ask(c.SetFaulted(True)))(point)
    assert why_view.limit_rows(point.why())[0] == "> fault                0 A, set_faulted"


def test_the_colour_tells_whether_power_flows():
    assert why_view.view({"state": "Charging"})[0].colour is Colour.GREEN
    assert why_view.view({"state": "Idle"})[0].colour is Colour.YELLOW


def test_why_at_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with core_point(tmp_path) as point:
        point.bench.plug_in()
        assert main(["why"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "Why         waiting for a token",
            "To do       present a card, or `evsectl authorize TOKEN`",
            "Limits      > installation         32 A",
            "              hardware             80 A",
            "              cable                32 A",
        ]
        assert main(["why", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["why"] == "waiting for a token"
        assert (told["state"], told["limit_source"]) == ("WaitingForAuthentication", "installation")
        assert told["limits"][0] == {
            "source": "installation", "limit_a": 32.0, "power_w": None, "phases": None, "text": "",
            "ends_in_s": None,
        }  # fmt: skip


def test_the_active_faults_are_told_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with core_point(tmp_path) as point:
        assert main(["faults"]) == 0
        assert capsys.readouterr().out == "none\n"
        ask(c.SetFaulted(True))(point)
        assert main(["errors"]) == 0
        assert capsys.readouterr().out == (
            "2026-01-02T03:04:05.678Z  High    set_faulted           a client has declared the EVSE faulted "
            "(set_faulted); `evsectl clear-faulted` takes it back [evse_board_support/PermanentFault]\n"
        )
        assert main(["faults", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["sub_type"] == "set_faulted"


def test_an_error_of_another_version_is_told_as_far_as_it_is_known():
    assert error_line({}) == "-  -       -                     - [-]"
    assert "\x1b" not in error_line({"message": "\x1b]0;owned\x07"})


def test_a_why_is_an_answer_and_advice():
    assert Why("x").to_do == ""
