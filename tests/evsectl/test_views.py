import io
import json

import pytest

from evsed.core.states import EvseState
from evsed.evsectl import event_view, status_view
from evsed.evsectl.__main__ import main
from evsed.evsectl.terminal import Colour, Line, laid_out, wants_colour
from tests.evsectl.charging_point import CHARGING, UUID, running

VIEW = """\
State       Charging: the EV may take power (enabled, authorized)
Pilot       C, +6.0 V / -12.0 V, duty 53.3 %
Offer       32.0 A on 3 phases, limit 32.0 A by cable, others: hardware 40 A
Connector   cable for 32 A, locked
Power path  contactor closed, mirror closed
Power       22080 W, 32.0 / 31.9 / 32.1 A, 230 / 230 / 230 V
Meter       1234.567 kWh
Session     4.321 kWh, since 1:02:03, transaction, token DEADBEEF, uuid 1b4e28ba
Faults      none
Control     connected, pid 42, 99 ticks, 0 overrun, at most 1.2 ms late
MQTT        connected 127.0.0.1:1883
evsed       0.1.0, board sim
"""


def shown(**changes: object) -> dict[str, Line]:
    return {line.label: line for line in status_view.view(CHARGING | changes)}


def plain(status: dict) -> str:
    return "".join(text + "\n" for text in laid_out(status_view.view(status), coloured=False))


def test_the_status_of_a_charging_ev():
    assert plain(CHARGING) == VIEW


def test_a_status_of_nothing_shows_its_lines_empty():
    lines = plain({}).splitlines()
    assert lines[0] == "State       unknown"
    assert len(lines) == 12
    assert lines[8] == "Faults      -"


@pytest.mark.parametrize("key", CHARGING)
def test_any_value_may_be_missing_or_null(key):
    without = {name: value for name, value in CHARGING.items() if name != key}
    assert plain(without) == plain(CHARGING | {key: None})
    assert status_view.one_line(without) == status_view.one_line(CHARGING | {key: None})


@pytest.mark.parametrize("table", ["control", "mqtt"])
def test_any_value_of_control_and_mqtt_may_be_missing(table):
    for key in CHARGING[table]:
        rest = {name: value for name, value in CHARGING[table].items() if name != key}
        assert plain(CHARGING | {table: rest})


def test_every_state_is_told_in_words():
    assert set(status_view.STATES) == set(EvseState)


def test_a_state_of_another_version_is_shown_as_it_is():
    assert shown(state="Reserved")["State"].text == "Reserved (enabled, authorized)"


def test_faults_are_told_in_words_and_red():
    line = shown(faults=["emergency_stop", "made_up"])["Faults"]
    assert line == Line("Faults", "emergency_stop (the emergency stop is pressed), made_up", Colour.RED)


def test_what_is_wrong_with_control_and_mqtt_is_told():
    changed = shown(
        control={"connected": False},
        mqtt={"connected": False, "host": "h", "port": 7, "bad_requests_n": 2, "unpublished_n": 5},
    )
    assert changed["Control"] == Line("Control", "not connected", Colour.RED)
    text = "not connected h:7, 2 bad requests, 5 not yet published"
    assert changed["MQTT"] == Line("MQTT", text, Colour.YELLOW)
    assert shown(control={"connected": True, "dropped_events_n": 3})["Control"].text.endswith(
        "3 events dropped"
    )


@pytest.mark.parametrize(
    ("ampacity", "text"),
    [
        ("None", "no cable, locked"),
        ("A_13", "cable for 13 A, locked"),
        ("A_63_3ph_70_1ph", "cable for 63 A, locked"),
    ],
)
def test_the_cable_is_told_in_amperes(ampacity, text):
    assert shown(ampacity=ampacity)["Connector"].text == text


def test_a_pilot_without_pwm_is_told_so():
    static = shown(cp="B", cp_high_v=9.0, cp_low_v=9.0, duty=1.0)
    assert static["Pilot"].text == "B, +9.0 V, no PWM (X1)"
    assert shown(duty=0.0)["Pilot"].text.endswith("no PWM (state F)")


def test_a_session_before_and_without_its_transaction():
    assert shown(session_uuid="")["Session"].text == "none"
    assert "no transaction" in shown(in_transaction=False)["Session"].text


def test_one_line_for_a_log():
    told = status_view.one_line(CHARGING | {"faults": ["diode"]})
    assert told == (
        "Charging, C, +6.0 V / -12.0 V, duty 53.3 %, offered 32.0 A, 22080 W, 4321 Wh, faults diode"
    )
    assert status_view.one_line({"control": {"connected": False}}) == "unknown, control not connected"


def test_nothing_that_others_have_named_can_steer_the_terminal():
    evil = "\x1b]0;owned\x07"
    everywhere = CHARGING | {"id_token": evil, "limit_source": evil, "faults": [evil], "state": evil}
    assert "\x1b" not in plain(everywhere)
    assert "\x1b" not in status_view.one_line(everywhere)
    assert "\x1b" not in event_view.one_line({"event": "A", "id_tag": {"id_token": {"value": evil}}})


def test_colours_are_for_terminals_that_want_them():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert wants_colour(Terminal(), {})
    assert wants_colour(Terminal(), {"NO_COLOR": ""})
    assert not wants_colour(Terminal(), {"NO_COLOR": "1"})
    assert not wants_colour(Terminal(), {"TERM": "dumb"})
    assert not wants_colour(io.StringIO(), {})


def test_a_coloured_line_is_cut_by_what_is_seen_of_it():
    line = Line("Faults", "0123456789", Colour.RED)
    assert laid_out([line], coloured=True, columns=16) == ["Faults      \x1b[31m0123\x1b[0m"]
    assert laid_out([line], coloured=False, columns=4) == ["Faul"]
    assert laid_out([Line("Meter", "", Colour.PLAIN)], coloured=True) == ["Meter       -"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {"n": 7, "at": "2026-01-02T03:04:05.678Z", "event": "TransactionFinished", "uuid": UUID,
             "stop_reason": "Local", "meter": {"at_s": 1.0, "energy_import_wh": 1234.4}},
            "2026-01-02T03:04:05.678Z  TransactionFinished  1b4e28ba  reason Local, meter 1234 Wh",
        ),
        (
            {"at": "T", "event": "Authorized", "uuid": UUID, "id_tag": {"id_token": {"value": "A1"}}},
            "T  Authorized           1b4e28ba  token A1",
        ),
        (
            {"at": "T", "event": "SessionStarted", "uuid": UUID, "start_reason": "EVConnected"},
            "T  SessionStarted       1b4e28ba  reason EVConnected",
        ),
        (
            {"at": "T", "event": "Disabled", "source": {"enable_source": "CSMS", "enable_priority": 0}},
            "T  Disabled             -         by CSMS, priority 0",
        ),
        (
            {"at": "T", "event": "StoppingCharging", "ev_left": True},
            "T  StoppingCharging     -         ended by the EV",
        ),
        ({}, "-  ?                    -"),
    ],
)  # fmt: skip
def test_an_event_in_one_line(event, line):
    assert event_view.one_line(event) == line


def test_status_prints_the_view_or_json_with_the_keys_as_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with running(tmp_path) as gateway:
        assert main(["status"]) == 0
        assert capsys.readouterr().out.startswith("State       Idle: no EV connected (enabled, authorized)\n")
        assert main(["status", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == gateway.charger.status()
