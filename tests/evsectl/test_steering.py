"""evsectl against the real core: what a person at the charger asks for happens, or is refused with advice."""

import argparse
from collections.abc import Iterator

import pytest

from evsed.appliance.arguments import HELP as APPLIANCE
from evsed.core import commands as c
from evsed.core.inputs import LimitRow
from evsed.core.settings import Settings
from evsed.core.states import EvseState
from evsed.evsectl.__main__ import main
from evsed.evsectl.arguments import GROUPS, HELP, parse
from evsed.evsectl.protocol import VERBS, NoArgs
from evsed.evsectl.readers import READ
from evsed.evsectl.verbs import COMMANDS
from evsed.gateway import local_commands
from tests.bench import UTC_AT_START_S, Bench
from tests.evsectl.core_point import CoreCharger, core_point

HOUR_S = 3600.0


@pytest.fixture
def settings(request) -> Settings:
    return getattr(request, "param", Settings())


@pytest.fixture
def point(tmp_path, monkeypatch, settings) -> Iterator[CoreCharger]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with core_point(tmp_path, Bench(settings)) as point:
        yield point


def row_of(point: CoreCharger, source: str) -> LimitRow | None:
    return next((row for row in point.bench.charger.snapshot().limits if row.source == source), None)


def told(capsys) -> str:
    return capsys.readouterr().out.strip()


def refused(capsys) -> str:
    return capsys.readouterr().err.strip()


def test_a_limit_binds_until_it_is_cleared(point, capsys):
    assert main(["limit", "10A"]) == 0
    assert told(capsys) == "limited: 10 A, until cleared"
    assert row_of(point, "local") == LimitRow("local", 10.0)
    assert point.bench.charger.snapshot().limit_source == "local"
    assert main(["limit", "clear"]) == 0
    assert told(capsys) == "limit cleared"
    assert row_of(point, "local") is None


def test_a_limit_for_a_while_ends_by_itself(point, capsys):
    assert main(["limit", "10A", "--for", "1h"]) == 0
    assert told(capsys) == "limited: 10 A, for another 1:00:00"
    point.bench.skip(HOUR_S - 1.0)
    assert row_of(point, "local").limit_a == 10.0
    point.bench.skip(1.1)
    assert row_of(point, "local") is None


def test_a_limit_in_watts_and_then_in_amperes_is_one_row(point, capsys):
    assert main(["limit", "6.9kW"]) == 0
    assert told(capsys) == "limited: 6900 W, until cleared"
    assert point.bench.charger.snapshot().limit_a == pytest.approx(10.0)
    main(["limit", "12A"])
    assert row_of(point, "local") == LimitRow("local", 12.0)


def test_a_reservation_for_a_card_holds_until_its_time_is_over(point, capsys):
    assert main(["reserve", "7", "--token", "04A2B3C4", "--parent", "FLEET", "--for", "30m"]) == 0
    assert told(capsys) == "reserved: number 7, for token 04A2B3C4, or group FLEET, for another 0:30:00"
    now = point.now()
    reserved = c.Reservation(7, "04A2B3C4", "FLEET", now.now_s + 1800.0, now.utc_s + 1800.0)
    assert point.bench.charger.snapshot().reservation == reserved
    point.bench.skip(1800.1)
    assert point.bench.charger.snapshot().reservation is None


def test_a_duration_needs_no_synchronised_clock(point):
    point.synchronised = False
    assert main(["reserve", "7", "--for", "30m"]) == 0
    reservation = point.bench.charger.snapshot().reservation
    assert (reservation.expires_at_s, reservation.expiry_utc_s) == (point.now().now_s + 1800.0, None)


def test_a_second_reservation_is_refused_with_what_to_do(point, capsys):
    main(["reserve", "7"])
    capsys.readouterr()
    assert main(["reserve", "8"]) == 1
    assert refused(capsys) == (
        "evsectl: not reserved: another reservation is in force; `evsectl why` tells more; "
        "`evsectl cancel-reservation` makes way for another one"
    )
    assert main(["cancel-reservation"]) == 0
    assert main(["cancel-reservation"]) == 0
    assert told(capsys).endswith("cancelled\nnothing to cancel: nothing is reserved")


def test_a_fault_refuses_a_reservation_and_is_named(point, capsys):
    assert main(["set-faulted"]) == 0
    assert main(["reserve", "7"]) == 5
    assert "not reserved: a fault is active; fault: set_faulted (" in refused(capsys)


def test_set_faulted_is_taken_back(point, capsys):
    main(["set-faulted"])
    point.bench.run(0.1)
    assert point.bench.charger.snapshot().faults == ("set_faulted",)
    assert main(["clear-faulted"]) == 0
    point.bench.run(0.1)
    assert point.bench.charger.snapshot().faults == ()
    assert main(["clear-faulted"]) == 0
    assert told(capsys).splitlines() == [
        "faulted", "no longer set faulted", "nothing to clear: no fault was set by set_faulted",
    ]  # fmt: skip


def test_a_replug_needs_an_ev(point, capsys):
    assert main(["replug"]) == 1
    assert refused(capsys) == "evsectl: not replugged: no EV to replug in state Idle; plug an EV in first"
    point.bench.plug_in()
    assert main(["replug"]) == 0
    point.bench.run_until(EvseState.REPLUG)


def test_phases_without_a_switch_name_the_setting(point, capsys):
    assert main(["phases", "1"]) == 1
    assert "not switched: this EVSE does not switch phases (evse.phase_switching)" in refused(capsys)


@pytest.mark.parametrize("settings", [Settings(phase_switching=True)], indirect=True)
def test_phases_are_switched(point, capsys):
    assert main(["phases", "1"]) == 0
    assert told(capsys) == "switching: to 1 phase"
    point.bench.run(1.0)
    assert point.bench.charger.snapshot().phases == 1


def test_session_limits_are_set_and_taken_back(point, capsys):
    assert main(["session-limits", "--energy", "10kWh", "--time", "2h", "--cost", "5", "--price", "0.3"]) == 0
    assert told(capsys) == "session limits set: 10 kWh, 2:00:00, cost 5 at 0.3 a kWh"
    assert row_of(point, "session").text == "ends at 10000 Wh, 7200 s, cost 5 at 0.3 a kWh"
    assert main(["session-limits", "clear"]) == 0
    assert told(capsys) == "session limits set: none"
    assert row_of(point, "session") is None


def test_a_cost_without_a_price_is_refused_with_what_to_do(point, capsys):
    assert main(["session-limits", "--cost", "5"]) == 1
    assert refused(capsys).endswith("; give --price")


def test_the_random_delay_is_switched_set_and_ended(point, capsys):
    for word in ("on", "10m", "cancel", "off"):
        assert main(["random-delay", word]) == 0
    assert told(capsys).splitlines() == [
        "random delay: on", "longest random delay: 0:10:00", "random delay cancelled", "random delay: off",
    ]  # fmt: skip
    assert point.asked == [
        c.EnableRandomDelay(True), c.SetRandomDelayDuration(600.0), c.CancelRandomDelay(),
        c.EnableRandomDelay(False),
    ]  # fmt: skip


def test_ready_where_nobody_waits_is_refused_naming_the_setting(point, capsys):
    assert main(["ready"]) == 1
    assert "api.external_ready_to_start_charging" in refused(capsys)


@pytest.mark.parametrize("settings", [Settings(external_ready=True)], indirect=True)
def test_ready_lets_the_charging_point_begin(point, capsys):
    assert point.bench.state is EvseState.BOOTING
    assert main(["ready"]) == 0
    point.bench.run_until(EvseState.IDLE)


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["limit"], "LIMIT"),
        (["limit", "10"], "such as 10A"),
        (["limit", "10A", "--for", "1"], "such as 90s"),
        (["limit", "clear", "--for", "1h"], "limit: --for does not go with clear"),
        (["reserve"], "ID"),
        (["reserve", "x"], "from 0 to 2147483647"),
        (["reserve", "1", "--token", ""], "1..36 printable"),
        (["reserve", "1", "--parent", "A"], "--parent needs --token"),
        (["phases", "2"], "invalid choice: 2"),
        (["session-limits"], "give --energy, --time or --cost, or clear"),
        (["session-limits", "clear", "--time", "1h"], "--time does not go with clear"),
        (["session-limits", "--price", "1"], "give --energy"),
        (["session-limits", "--energy", "1kWh", "--price", "1"], "--price is for --cost"),
        (["random-delay", "maybe"], "such as 0s"),
        (["sessions", "--since", "x"], "2026-01-31"),
        (["sessions", "--limit", "0"], "from 1 to 1000"),
        (["sessions", "--json", "--csv"], "not allowed with"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_expected(capsys, argv, named):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err


def test_the_help_names_every_verb_once_in_its_group(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(["--help"])
    assert stopped.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for group, verbs in GROUPS.items():
        at = lines.index(f"{group}:")
        assert [line.split()[0] for line in lines[at + 1 : at + 1 + len(verbs)]] == list(verbs)
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 74


@pytest.mark.parametrize("verb", HELP)
def test_every_verb_has_a_help_of_its_own(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse([verb, "--help"])
    assert stopped.value.code == 0
    assert f"usage: evsectl {verb}" in capsys.readouterr().out


def test_every_verb_is_either_read_or_commanded():
    slow = {"meter-probe", "meter-scan", "keep-calibration"}
    assert set(READ) | set(COMMANDS) | slow == set(VERBS)
    assert set(COMMANDS) == set(local_commands.COMMANDS)
    hidden = {"clear-limit", "random-delay-duration", "cancel-random-delay"}  # limit clear, random-delay ...
    made_of_two_words = {"rcd-test", "lock-test", *slow}
    local_only = {"rcd", "lock", "meter", "calibrate", "cp", "gpio", "selftest"} | set(APPLIANCE)
    assert set(HELP) - local_only == set(VERBS) - hidden - made_of_two_words


@pytest.mark.parametrize("verb", [verb for verb, args in VERBS.items() if args is NoArgs and verb in HELP])
def test_a_verb_without_arguments_asks_for_itself(verb):
    assert parse([verb]).request.verb == verb


def test_errors_is_another_name_of_faults():
    found: argparse.Namespace = parse(["errors", "--json"])
    assert (found.verb, found.request.verb, found.json) == ("faults", "faults", True)


def test_the_clocks_of_the_bench_agree(point):
    assert point.now().utc_s - point.now().now_s == UTC_AT_START_S
