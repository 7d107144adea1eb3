import pytest

from evsed.core.states import CpState, EvseState
from evsed.demo.panel import Status, panel
from evsed.demo.rows import ASCII, UNICODE, Row, painted, width
from evsed.evsectl.terminal import Colour

CHARGING: Status = {
    "session_energy_wh": 1234,
    "session_duration_s": 3725,
    "state": "Charging",
    "cp": "C",
    "cp_high_v": 6.02,
    "cp_low_v": -11.98,
    "duty": 0.26667,
    "offered_a": 16.0,
    "limit_a": 16.0,
    "limit_source": "energy_manager",
    "phases": 3,
    "contactor_closed": True,
    "locked": True,
    "authorized": True,
    "paused": False,
    "session_uuid": "899a68c2",
    "faults": [],
    "power_w": 11040.0,
    "current_a": [16.0, 15.9, 16.1],
    "voltage_v": [230.0, 231.0, 229.0],
}
IDLE: Status = {
    **CHARGING,
    "state": "Idle",
    "cp": "A",
    "cp_high_v": 12.0,
    "cp_low_v": 12.0,
    "duty": 1.0,
    "offered_a": 0.0,
    "contactor_closed": False,
    "locked": False,
    "session_uuid": "",
}
TITLE, FOOTER = "evsed on the simulated board", "Ctrl-C ends it"


def drawn(status: Status, columns: int = 79) -> list[Row]:
    return panel(status, TITLE, FOOTER, columns, UNICODE)


def text_of(status: Status, columns: int = 79) -> str:
    return "\n".join(painted(spans, False) for spans in drawn(status, columns))


@pytest.mark.parametrize(
    "words",
    [
        "Charging  the EV may take power",
        "C        EV requests power · +6.0 V / -12.0 V · duty 26.7 %",
        "16.0 A   on 3 phases · limit 16 A by energy_manager",
        "Current L2  15.9 A",
        "231 V",
        "11.04 kW this session 1.234 kWh in 1:02:05",
        "closed   plug locked · authorized",
        "Faults      none",
        TITLE,
        FOOTER,
    ],
)
def test_the_panel_tells_all_that_a_charging_ev_changes(words: str) -> None:
    assert words in text_of(CHARGING)


def test_a_static_pilot_has_one_level_and_no_duty() -> None:
    assert "A        no EV · +12.0 V · no PWM" in text_of(IDLE)


def test_nothing_is_offered_on_no_phases() -> None:
    assert "0.0 A    limit 16 A by energy_manager" in text_of(IDLE)


def test_without_a_session_there_is_no_energy_of_one() -> None:
    assert "this session" not in text_of(IDLE)


@pytest.mark.parametrize(("current_a", "filled"), [(0.0, 0), (16.0, 16), (32.0, 32), (50.0, 32), (-3.0, 0)])
def test_the_bar_of_a_phase_is_as_long_as_its_current_and_never_longer_than_full(
    current_a: float, filled: int
) -> None:
    line = painted(drawn({**CHARGING, "current_a": [current_a, 0.0, 0.0]})[4], False)
    assert (line.count("█"), line.count("░")) == (filled, 32 - filled)


@pytest.mark.parametrize("columns", [1, 20, 59, 79, 200])
@pytest.mark.parametrize("status", [{}, IDLE, CHARGING, {**CHARGING, "faults": ["a fault"] * 40}])
def test_no_row_is_wider_than_the_terminal(status: Status, columns: int) -> None:
    rows = drawn(status, columns)
    assert len(rows) == 11
    assert max(width(spans) for spans in rows) <= columns


@pytest.mark.parametrize(
    "changed",
    [*({"state": state.value} for state in EvseState), *({"cp": letter.value} for letter in CpState)],
)
def test_every_state_fits_80_columns_whole(changed: Status) -> None:
    inner = slice(1, -1)  # the frame is as wide as the terminal
    assert drawn({**CHARGING, **changed}, 79)[inner] == drawn({**CHARGING, **changed}, 100)[inner]


@pytest.mark.parametrize("missing", CHARGING)
def test_a_value_that_is_null_or_missing_is_left_out(missing: str) -> None:
    without = {key: value for key, value in CHARGING.items() if key != missing}
    assert text_of(without) == text_of({**CHARGING, missing: None})
    assert "None" not in text_of(without)


def test_a_fault_is_red() -> None:
    row = drawn({**CHARGING, "faults": ["rcd_trip"]})[9]
    assert [span.style for span in row if span.text == "rcd_trip"] == [Colour.RED.value]


def test_control_characters_from_outside_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in text_of({**CHARGING, "limit_source": "\x1b[2J", "faults": ["\x07"]})


def test_a_terminal_without_unicode_gets_ascii() -> None:
    rows = panel(CHARGING, TITLE, FOOTER, 79, ASCII)
    assert all(painted(spans, False).isascii() for spans in rows)
