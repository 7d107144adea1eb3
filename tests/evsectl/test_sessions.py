import csv
import io
import json

import pytest

from evsed.evsectl import sessions_view
from evsed.evsectl.__main__ import main
from tests.evsectl.charging_point import UUID, MemoryCharger, running

OVER = {
    "uuid": UUID,
    "session_start_time": "2026-01-02T03:04:05.678Z",
    "session_end_time": "2026-01-02T04:14:05.678Z",
    "transaction_start_time": "2026-01-02T03:05:00.000Z",
    "transaction_end_time": "2026-01-02T04:10:00.000Z",
    "charged_energy_wh": 12345.6,
    "start_reason": "EVConnected",
    "reason": "Local",
    "id_tag": {"id_token": {"value": "04A2B3C4", "type": "ISO14443"}, "authorization_type": "RFID"},
    "token_name": "Anna, workshop",
}
OPEN = {"uuid": "beef", "session_start_time": "2026-01-03T00:00:00.000Z", "token_name": ""}
TABLE = """\
began (UTC)              lasted       energy  ended by              uuid      token
2026-01-03T00:00:00Z       open    0.000 kWh  -                     beef      -
2026-01-02T03:04:05Z    1:10:00   12.346 kWh  Local                 1b4e28ba  04A2B3C4 (Anna, workshop)
"""


@pytest.fixture
def charger(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    charger = MemoryCharger()
    charger.past = [OPEN, OVER]
    with running(tmp_path, charger):
        yield charger


def test_past_sessions_are_a_table(charger, capsys):
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out == TABLE


def test_since_and_limit_are_asked_of_the_gateway(charger):
    assert main(["sessions", "--since", "2026-01-02T00:00Z", "--limit", "7"]) == 0
    assert charger.sessions_asked == (1767312000.0, 7)
    main(["sessions"])
    assert charger.sessions_asked == (0.0, 20)


def test_past_sessions_as_json_are_what_the_gateway_says(charger, capsys):
    assert main(["sessions", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == charger.past


def test_past_sessions_as_csv_are_read_by_others(charger, capsys):
    assert main(["sessions", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["uuid"] for row in rows] == ["beef", UUID]
    assert rows[1]["token_name"] == "Anna, workshop"
    assert rows[1]["charged_energy_wh"] == "12345.6"
    assert rows[1]["id_token"] == "04A2B3C4"
    assert rows[0]["reason"] == ""
    assert tuple(rows[0]) == sessions_view.COLUMNS


def test_past_sessions_do_not_need_control(charger):
    charger.control_connected = False
    assert main(["sessions"]) == 0
    assert main(["why"]) == 3
    assert main(["faults"]) == 3


def test_nothing_in_a_session_can_steer_the_terminal():
    evil = {"token_name": "\x1b]0;owned\x07", "id_tag": {"id_token": {"value": "\x1b"}}, "reason": "\n"}
    told = [*sessions_view.table([evil]), sessions_view.as_csv([evil])]
    assert not any("\x1b" in line for line in told)
    assert len(told[-1].splitlines()) == 2


@pytest.mark.parametrize("key", OVER)
def test_any_value_may_be_missing_or_null(key):
    without = {name: value for name, value in OVER.items() if name != key}
    assert list(sessions_view.table([without])) == list(sessions_view.table([{**OVER, key: None}]))
    assert sessions_view.as_csv([without]) == sessions_view.as_csv([{**OVER, key: None}])
