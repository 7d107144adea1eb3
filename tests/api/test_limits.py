import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.api.codec import ApiError
from evsed.api.identity import Identity, Rules
from evsed.api.operations import Moment
from evsed.api.router import CoreCall, Router
from evsed.core.commands import ScheduleEntry, SetSchedule

TOPIC = "everest_api/1/evse_manager_consumer/evse/m2e/set_external_limits"
MOMENT = Moment(now_s=1000.0, utc_s=1769846400.0)  # 2026-01-31T08:00:00Z
NOW, LATER, MUCH_LATER = "2026-01-31T08:00:00Z", "2026-01-31T08:15:00Z", "2026-01-31T09:30:00+01:00"

Problems = Callable[..., list[str]]


def taken(body: object, moment: Moment = MOMENT, rules: Rules | None = None) -> CoreCall:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = Router(Identity(), rules).call(TOPIC, payload, moment)
    assert isinstance(asked, CoreCall)
    return asked


def schedules(body: object, moment: Moment = MOMENT) -> tuple[tuple[ScheduleEntry, ...], ...]:
    external, setpoint = taken(body, moment).commands
    assert isinstance(external, SetSchedule)
    assert isinstance(setpoint, SetSchedule)
    assert (external.source, setpoint.source) == ("external", "setpoint")
    return external.entries, setpoint.entries


def refusal(body: object) -> str:
    with pytest.raises(ApiError) as error:
        taken(body)
    return str(error.value).removeprefix("m2e/set_external_limits: ")


def amps(value: float, source: str = "grid") -> dict[str, object]:
    return {"ac_max_current_A": {"value": value, "source": source}}


def watts(value: float, source: str = "grid") -> dict[str, object]:
    return {"total_power_W": {"value": value, "source": source}}


def phases(value: int, source: str = "grid") -> dict[str, object]:
    return {"ac_max_phase_count": {"value": value, "source": source}}


def imported(*entries: tuple[str, dict[str, object], dict[str, object]]) -> dict[str, object]:
    names = ("timestamp", "limits_to_root", "limits_to_leaves")
    return {"schedule_import": [dict(zip(names, entry, strict=True)) for entry in entries]}


def setpoint(when: str = NOW, priority: int = 0, source: str = "dso", **wanted: object) -> dict[str, object]:
    return {"timestamp": when, "setpoint": {"priority": priority, "source": source, **wanted}}


def points(*entries: Mapping[str, object]) -> dict[str, object]:
    return {"schedule_setpoints": list(entries)}


def test_a_schedule_becomes_ceilings_on_the_monotonic_clock(problems_of: Problems) -> None:
    body = imported((NOW, amps(16), {}), (LATER, watts(3680), {}), (MUCH_LATER, phases(1), {}))
    assert problems_of("m2e/set_external_limits", json.dumps(body).encode()) == []
    assert schedules(body) == (
        (
            ScheduleEntry(1000.0, limit_a=16.0, by="grid"),
            ScheduleEntry(1900.0, power_w=3680.0, by="grid"),
            ScheduleEntry(2800.0, phases=1, by="grid"),
        ),
        (),
    )


@pytest.mark.parametrize("body", [{}, {"schedule_import": []}, {"value": {}}])
def test_no_entries_take_both_schedules_away(body: object) -> None:
    assert taken(body).commands == (SetSchedule("external", ()), SetSchedule("setpoint", ()))


def test_interface_000_says_it_under_value() -> None:
    body = {**imported((NOW, amps(10), {})), **points(setpoint(ac_current_A=8))}
    assert schedules({"value": body}) == schedules(body)
    assert schedules(body)[0] == (ScheduleEntry(1000.0, limit_a=10.0, by="grid"),)


@pytest.mark.parametrize(
    ("root", "leaves", "expected"),
    [
        (amps(16), amps(10, "leaf"), ScheduleEntry(1000.0, limit_a=10.0, by="leaf")),
        (amps(10), amps(16, "leaf"), ScheduleEntry(1000.0, limit_a=10.0, by="grid")),
        (watts(5000), watts(4000, "leaf"), ScheduleEntry(1000.0, power_w=4000.0, by="leaf")),
        (phases(3), phases(1, "leaf"), ScheduleEntry(1000.0, phases=1, by="leaf")),
        (
            {**amps(16), **watts(9000, "dso"), **phases(1, "me")},
            {},
            ScheduleEntry(1000.0, limit_a=16.0, power_w=9000.0, phases=1, by="grid"),
        ),
        ({}, {}, ScheduleEntry(1000.0)),
        ({"ac_min_current_A": {"value": 6, "source": "x"}}, {}, ScheduleEntry(1000.0)),
    ],
)
def test_the_smaller_of_both_sides_counts(
    root: dict[str, object], leaves: dict[str, object], expected: ScheduleEntry
) -> None:
    assert schedules(imported((NOW, root, leaves)))[0] == (expected,)


def test_a_negative_limit_is_export_and_leaves_nothing_to_import() -> None:
    body = {**imported((NOW, {**amps(-6), **watts(-1)}, {})), **points(setpoint(ac_current_A=-10))}
    external, wanted = schedules(body)
    assert (external[0].limit_a, external[0].power_w) == (0.0, 0.0)
    assert wanted[0].limit_a == 0.0
    assert schedules(points(setpoint(total_power_W=-500)))[1][0].power_w == 0.0


@pytest.mark.parametrize(
    ("source", "by"),
    [("x" * 65, "x" * 64), ("\n\x1b[2Jgrid\u202e", "[2Jgrid"), ("\n" * 70 + "grid", "grid"), ("", "")],
)
def test_who_limits_is_told_in_64_printable_characters(source: str, by: str) -> None:
    body = {**imported((NOW, amps(6, source), {})), **points(setpoint(source=source, ac_current_A=8))}
    assert [entries[0].by for entries in schedules(body)] == [by, by]


def test_a_setpoint_is_a_ceiling() -> None:
    nothing = {"timestamp": MUCH_LATER}
    body = points(setpoint(ac_current_A=8), setpoint(LATER, total_power_W=1200.5), nothing)
    assert schedules(body)[1] == (
        ScheduleEntry(1000.0, limit_a=8.0, by="dso"),
        ScheduleEntry(1900.0, power_w=1200.5, by="dso"),
        ScheduleEntry(2800.0),
    )


def test_the_setpoint_with_the_smallest_priority_number_wins() -> None:
    nothing = {"timestamp": NOW}
    same_time = "2026-01-31T09:00:00+01:00"
    body = points(
        nothing,
        setpoint(NOW, 5, "weak", ac_current_A=32),
        setpoint(same_time, 1, "strong", ac_current_A=10),
        setpoint(NOW, 2, "weaker", ac_current_A=6),
        setpoint(LATER, 1000, "alone", ac_current_A=7),
    )
    assert [(entry.by, entry.limit_a) for entry in schedules(body)[1]] == [("strong", 10.0), ("alone", 7.0)]


def test_a_frequency_table_is_put_in_order() -> None:
    table = [
        {"frequency_Hz": 50.2, "total_power_W": 11000},
        {"frequency_Hz": 49.8, "total_power_W": -1000},
        {"frequency_Hz": 50.0, "total_power_W": 5000},
    ]
    (entry,) = schedules(points(setpoint(frequency_table=table)))[1]
    assert entry.frequency_w == ((49.8, 0.0), (50.0, 5000.0), (50.2, 11000.0))
    assert (entry.limit_a, entry.power_w) == (None, None)


def test_without_a_trusted_clock_only_the_first_entry_counts_and_that_is_said() -> None:
    unsure = msgspec.structs.replace(MOMENT, synchronised=False)
    body = {
        **imported((NOW, amps(16), {}), (LATER, amps(6), {})),
        **points(setpoint(ac_current_A=8), setpoint(LATER, ac_current_A=7)),
    }
    assert [len(entries) for entries in schedules(body)] == [2, 2]
    assert [[entry.limit_a for entry in entries] for entries in schedules(body, unsure)] == [[16.0], [8.0]]
    assert "only the first entry" in taken(body, unsure).note
    assert taken(body).note == ""
    assert "only the first entry" in taken({"schedule_setpoints": body["schedule_setpoints"]}, unsure).note
    one = {**imported((LATER, amps(16), {})), **points(setpoint(ac_current_A=8), setpoint(ac_current_A=9))}
    assert taken(one, unsure).note == ""


def test_a_schedule_of_export_is_not_followed_and_that_is_said() -> None:
    body = {"schedule_export": imported((NOW, amps(16), {}))["schedule_import"]}
    assert taken(body).commands == (SetSchedule("external", ()), SetSchedule("setpoint", ()))
    assert taken(body).note == "schedule_export is not looked at: this EVSE does not export"
    unsure = msgspec.structs.replace(MOMENT, synchronised=False)
    both = {**body, **imported((NOW, amps(16), {}), (LATER, amps(6), {}))}
    assert taken(both, unsure).note.count("; ") == 1


def test_the_configured_keepalive_goes_along() -> None:
    asked = taken(imported((NOW, amps(16), {})), rules=Rules(external_keepalive_s=30.0))
    assert [command.keepalive_s for command in asked.commands if isinstance(command, SetSchedule)] == [
        30.0
    ] * 2


def test_nobody_is_told_in_reply() -> None:
    assert taken({"headers": {"replyTo": "a"}}).reply_to is None


TWO = "Expected exactly one of `ac_current_A`, `total_power_W`, `frequency_table`, got "
POINT = {"frequency_Hz": 50, "total_power_W": 1}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            imported((NOW, amps(1000.1), {})),
            "$.schedule_import[0].limits_to_root.ac_max_current_A.value: Expected `float` <= 1000.0",
        ),
        (
            imported((NOW, {}, amps(-1000.1))),
            "$.schedule_import[0].limits_to_leaves.ac_max_current_A.value: Expected `float` >= -1000.0",
        ),
        (
            imported((NOW, phases(0), {})),
            "$.schedule_import[0].limits_to_root.ac_max_phase_count.value: Expected `int` >= 1",
        ),
        (
            imported((NOW, phases(4), {})),
            "$.schedule_import[0].limits_to_root.ac_max_phase_count.value: Expected `int` <= 3",
        ),
        (
            {"schedule_import": [{"timestamp": NOW, "limits_to_root": {}}]},
            "$.schedule_import[0]: Object missing required field `limits_to_leaves`",
        ),
        (
            {"value": imported(("2026-01-31T08:00:00", {}, {}))},
            "$.value.schedule_import[0].timestamp: Expected `datetime` with a timezone component",
        ),
        (
            imported((LATER, {}, {}), (NOW, {}, {})),
            "$: Expected `schedule_import` in order of `timestamp`",
        ),
        (
            {"value": points(setpoint(LATER, ac_current_A=8), setpoint(NOW, ac_current_A=8))},
            "$.value: Expected `schedule_setpoints` in order of `timestamp`",
        ),
        (points(setpoint()), f"$.schedule_setpoints[0].setpoint: {TWO}0"),
        (
            points(setpoint(ac_current_A=8, total_power_W=8)),
            f"$.schedule_setpoints[0].setpoint: {TWO}2",
        ),
        (
            points(setpoint(ac_current_A=1001)),
            "$.schedule_setpoints[0].setpoint.ac_current_A: Expected `float` <= 1000.0",
        ),
        (
            points(setpoint(priority=1001, ac_current_A=8)),
            "$.schedule_setpoints[0].setpoint.priority: Expected `int` <= 1000",
        ),
        (
            points(setpoint(frequency_table=[POINT])),
            "$.schedule_setpoints[0].setpoint.frequency_table: Expected `array` of length >= 2",
        ),
        (
            points(setpoint(frequency_table=[POINT, POINT])),
            "$.schedule_setpoints[0].setpoint: Expected one power for each frequency of `frequency_table`",
        ),
    ],
)
def test_a_bad_schedule_is_refused(body: object, text: str) -> None:
    assert refusal(body) == text


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_not_a_number_is_refused(number: bytes) -> None:
    body = json.dumps(points(setpoint(total_power_W=8))).encode().replace(b": 8}", b": " + number + b"}")
    assert number in body
    assert refusal(body).startswith("not JSON")


@pytest.mark.parametrize("priority", [b"0", b"0.0"])
@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" + b"0" * 400])
def test_what_no_number_can_hold_is_refused(number: bytes, priority: bytes) -> None:
    """Also on the second way, which an integral float in an integer's place takes."""
    body = json.dumps(points(setpoint(total_power_W=8))).encode().replace(b": 8}", b": " + number + b"}")
    body = body.replace(b'"priority": 0', b'"priority": ' + priority)
    assert "Number out of range" in refusal(body)


finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat())


def in_order(entries: list[Any]) -> list[Any]:
    return sorted(entries, key=lambda entry: datetime.fromisoformat(entry[0]))


limits_of = st.fixed_dictionaries(
    {},
    optional={
        "ac_max_current_A": st.fixed_dictionaries(
            {"value": st.floats(-1000, 1000), "source": st.text(max_size=80)}
        ),
        "total_power_W": st.fixed_dictionaries({"value": finite, "source": st.text(max_size=80)}),
        "ac_max_phase_count": st.fixed_dictionaries({"value": st.integers(1, 3), "source": st.text()}),
    },
)


@given(entries=st.lists(st.tuples(times, limits_of, limits_of), max_size=4).map(in_order))
def test_whatever_is_taken_is_a_ceiling_that_the_core_understands(entries: list[Any]) -> None:
    external, _ = taken(imported(*entries)).commands
    assert isinstance(external, SetSchedule)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(external), type=SetSchedule) == external
    for entry in external.entries:
        assert entry.limit_a is None or 0.0 <= entry.limit_a <= 1000.0
        assert entry.power_w is None or entry.power_w >= 0.0
        assert len(entry.by) <= 64
        assert entry.by.isprintable()
