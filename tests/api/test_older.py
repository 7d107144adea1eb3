"""The older interface's operations and variables, without a contract at hand."""

import json
from collections.abc import Collection
from typing import Any

import pytest

from evsed.api import values, wire
from evsed.api.codec import ApiError, decode_request
from evsed.api.identity import Identity, Rules
from evsed.api.older import OLDER
from evsed.api.older_types import LocalMaxCurrentResult
from evsed.api.operations import Moment, Operation, Replied
from evsed.api.router import Answer, CoreCall, Query, Router
from evsed.api.wire_extensions import Telemetry
from evsed.core import commands as c
from evsed.core.events import CommandDone
from evsed.core.states import EvseState, PhaseSwitchResult, ReservationResult, StopReason
from evsed.core.tables import TRANSITIONS, Transition
from hal.types import MeterReading

PREFIX = "everest_api/0/evse_manager/evse"
UTC_S = 1769847332.0  # 2026-01-31T08:15:32Z
MOMENT = Moment(now_s=100.0, utc_s=UTC_S)
ROWS = {row.name: row for row in OLDER.interface.operations}
DISABLED = CommandDone(1, False, "disabled by CSMS, priority 5", code="was_disabled")
NOT_YET = CommandDone(1, False, "starting: the store has not been read yet")
ENABLE_ROW = c.AvailabilityRow(c.EnableSource.LOCAL_API, c.EnableState.ENABLE, 100)
DISABLE_ROW = c.AvailabilityRow(c.EnableSource.LOCAL_API, c.EnableState.DISABLE, 100)
RESERVATION: dict[str, Any] = {
    "reservation_id": 7,
    "auth_token": "04A2",
    "parent_id": "FLEET",
    "expiry_date": "2026-01-31T08:16:32Z",
}


def message(payload: object = None, reply_to: str = "client/replies/1") -> bytes:
    body: dict[str, object] = {"headers": {"replyTo": reply_to}}
    return json.dumps(body if payload is None else {**body, "payload": payload}).encode()


def decoded(row: Operation, payload: object = None, moment: Moment = MOMENT) -> Any:
    assert row.command is not None
    return row.command(decode_request(row, message(payload), Rules()).argument, moment)


def replied(name: str, done: CommandDone) -> object:
    reply = ROWS[name].reply
    assert reply is not None
    return reply(done)


@pytest.fixture
def router() -> Router:
    return Router(Identity(), older=OLDER)


@pytest.mark.parametrize(
    ("name", "payload", "command"),
    [
        ("enable", None, c.EnableDisable(ENABLE_ROW)),
        ("disable", None, c.EnableDisable(DISABLE_ROW)),
        ("set_faulted", None, c.SetFaulted(True)),
        ("pause_charging", None, c.PauseCharging()),
        ("resume_charging", None, c.ResumeCharging()),
        ("cancel_charging", {"reason": "UnlockCommand"}, c.StopTransaction(StopReason.UNLOCK_COMMAND)),
        ("force_unlock", None, c.ForceUnlock()),
        ("cancel_reservation", None, c.CancelReservation()),
        ("set_local_max_current", {"max_current": 16}, c.SetLimit("local_max_current", 16.0)),
        ("set_local_max_current", {"max_current": 0}, c.SetLimit("local_max_current", 0.0)),
        ("set_local_max_current", {"max_current": 79.9}, c.SetLimit("local_max_current", 79.9)),
        ("switch_three_phases_while_charging", {"three_phases": False}, c.SwitchPhases(False)),
        ("switch_three_phases_while_charging", {"three_phases": True}, c.SwitchPhases(True)),
    ],
)
def test_an_operation_asks_the_core(name: str, payload: object, command: c.Command) -> None:
    assert decoded(ROWS[name], payload) == command


def test_a_reservation_ends_at_its_date_on_the_monotonic_clock() -> None:
    assert decoded(ROWS["reserve_now"], RESERVATION) == c.Reserve(
        c.Reservation(7, "04A2", "FLEET", expires_at_s=160.0, expiry_utc_s=UTC_S + 60.0)
    )


def test_without_a_synchronised_clock_no_expiry_is_known() -> None:
    wanted = decoded(ROWS["reserve_now"], RESERVATION, Moment(100.0, 5.0, synchronised=False))
    assert (wanted.expiry_known, wanted.reservation.expiry_utc_s) == (False, UTC_S + 60.0)


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_earliest_and_the_latest_date_are_taken(date: str) -> None:
    wanted = decoded(ROWS["reserve_now"], {**RESERVATION, "expiry_date": date})
    assert (wanted.reservation.expires_at_s > MOMENT.now_s) is date.startswith("9999")


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_transaction_is_cancelled_only_for_a_reason_of_that_time(reason: StopReason) -> None:
    if list(StopReason).index(reason) < 11:
        assert decoded(ROWS["cancel_charging"], {"reason": reason.value}) == c.StopTransaction(reason)
        return
    with pytest.raises(ApiError, match="reason"):
        decoded(ROWS["cancel_charging"], {"reason": reason.value})


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("reserve_now", {**RESERVATION, "expiry_date": "tomorrow"}),
        ("reserve_now", {**RESERVATION, "expiry_date": "2026-01-31T08:16:32"}),
        ("reserve_now", {**RESERVATION, "reservation_id": "7"}),
        ("reserve_now", {key: RESERVATION[key] for key in RESERVATION if key != "parent_id"}),
        ("set_local_max_current", {"max_current": "16"}),
        ("set_local_max_current", 16),
        ("switch_three_phases_while_charging", {"three_phases": 1}),
        ("cancel_charging", None),
    ],
)
def test_an_invalid_argument_asks_nothing(name: str, payload: object) -> None:
    with pytest.raises(ApiError):
        decoded(ROWS[name], payload)


@pytest.mark.parametrize("current_a", [-0.1, 80.0, 1e300])
def test_a_local_maximum_out_of_range_is_answered_without_the_core(current_a: float) -> None:
    with pytest.raises(Replied) as refused:
        decoded(ROWS["set_local_max_current"], {"max_current": current_a})
    assert refused.value.value is LocalMaxCurrentResult.OUT_OF_RANGE


def test_the_router_replies_at_once_to_a_local_maximum_out_of_range(router: Router) -> None:
    topic = f"{PREFIX}/m2e/set_local_max_current"
    answer = router.call(topic, message({"max_current": 80.0}), MOMENT)
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert (answer.publication.topic, answer.publication.payload) == (
        "client/replies/1",
        b'"Error_OutOfRange"',
    )


@pytest.mark.parametrize(
    ("done", "reply"),
    [
        (CommandDone(1, True, code="was_disabled"), True),
        (CommandDone(1, True), False),  # it was enabled already
        (DISABLED, False),  # somebody stronger keeps it disabled
        (NOT_YET, False),
    ],
)
def test_enable_is_true_only_for_what_it_has_enabled(done: CommandDone, reply: bool) -> None:
    assert replied("enable", done) is reply


@pytest.mark.parametrize("name", ["disable", "set_faulted"])
@pytest.mark.parametrize("done", [CommandDone(1, True), DISABLED])
def test_disable_and_set_faulted_are_always_true(name: str, done: CommandDone) -> None:
    assert replied(name, done) is True


@pytest.mark.parametrize(
    "name", ["pause_charging", "resume_charging", "cancel_charging", "force_unlock", "cancel_reservation"]
)
@pytest.mark.parametrize("result", [True, False])
def test_the_result_of_the_core_is_the_reply(name: str, result: bool) -> None:
    assert replied(name, CommandDone(1, result)) is result


@pytest.mark.parametrize("code", list(ReservationResult))
def test_a_reservation_is_answered_with_its_result(code: ReservationResult) -> None:
    accepted = code is ReservationResult.ACCEPTED
    assert replied("reserve_now", CommandDone(1, accepted, code=code.value)) is code


@pytest.mark.parametrize("code", list(PhaseSwitchResult))
def test_a_phase_switch_is_answered_with_its_result(code: PhaseSwitchResult) -> None:
    success = code is PhaseSwitchResult.SUCCESS
    assert replied("switch_three_phases_while_charging", CommandDone(1, success, code=code.value)) is code


def test_a_core_that_has_not_started_is_answered_for_with_a_result_too() -> None:
    assert replied("reserve_now", NOT_YET) is ReservationResult.UNAVAILABLE
    assert replied("switch_three_phases_while_charging", NOT_YET) is PhaseSwitchResult.NOT_CHARGING
    assert replied("set_local_max_current", NOT_YET) is LocalMaxCurrentResult.HARDWARE
    assert replied("set_local_max_current", CommandDone(1, True)) is LocalMaxCurrentResult.SUCCESS


def froms(row: Transition) -> Collection[EvseState]:
    return (row[0],) if isinstance(row[0], EvseState) else row[0]


def test_a_new_session_is_never_waited_for(router: Router) -> None:
    """True would say that a Finished was left because of this; ours is left for Idle by itself."""
    answer = router.call(f"{PREFIX}/m2e/accept_new_session", message(), MOMENT)
    assert isinstance(answer, Answer)
    assert answer.publication is not None
    assert answer.publication.payload == b"false"
    assert any(EvseState.FINISHED in froms(row) and row[2] is EvseState.IDLE for row in TRANSITIONS)


def test_the_signed_meter_value_is_the_gateways_to_tell(router: Router) -> None:
    query = router.call(f"{PREFIX}/m2e/get_signed_meter_value", message(), MOMENT)
    assert isinstance(query, Query)
    assert (query.name, query.reply_to) == ("get_signed_meter_value", "client/replies/1")


def test_it_is_served_below_its_own_prefix_beside_the_newer_one(router: Router) -> None:
    topics = [topic for topic, _ in router.subscriptions()]
    assert {f"{PREFIX}/m2e/{name}" for name in ROWS} == {t for t in topics if t.startswith(PREFIX)}
    older = router.call(f"{PREFIX}/m2e/force_unlock", message(), MOMENT)
    assert isinstance(older, CoreCall)
    assert older.operation is ROWS["force_unlock"]
    assert not OLDER.interface.gettable


@pytest.mark.parametrize("name", list(ROWS))
def test_a_request_without_headers_is_executed_like_any_other(router: Router, name: str) -> None:
    arguments: dict[str, object] = {
        "cancel_charging": {"reason": "Local"},
        "reserve_now": RESERVATION,
        "set_local_max_current": {"max_current": 16},
        "switch_three_phases_while_charging": {"three_phases": True},
    }
    call = router.call(f"{PREFIX}/m2e/{name}", json.dumps({"payload": arguments.get(name)}).encode(), MOMENT)
    if isinstance(call, CoreCall):
        assert call.reply(CommandDone(1, True, code="")) is None
    else:
        assert getattr(call, "reply_to", None) is None


def converted(name: str, newer: object) -> object:
    older_name, convert = OLDER.derived[name]
    assert older_name in {row.name for row in OLDER.interface.variables}
    return convert(newer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limits", wire.Limits(16.0, 3, "evse")),
        ("powermeter", values.powermeter(MeterReading(1.0, 42.0, power_w=11.0), UTC_S)),
        ("evse_id", "DE*PNX*E1234567*1"),
    ],
)
def test_what_both_interfaces_spell_alike_is_said_alike(name: str, value: object) -> None:
    assert converted(name, value) == value


def test_telemetry_has_the_names_of_that_time(router: Router) -> None:
    newer = Telemetry(
        evse_temperature_c=41.5,
        fan_rpm=1200.0,
        supply_voltage_12_v=11.9,
        supply_voltage_minus_12_v=-12.1,
        relais_on=True,
        limit_source="installation",
        limit_a=16.0,
        plug_temperature_c=33.0,
    )
    _, older = router.publications("telemetry", newer)
    assert (older.topic, older.retain) == (f"{PREFIX}/e2m/telemetry", True)
    assert json.loads(older.payload) == {
        "temperature": 41.5,
        "fan_rpm": 1200.0,
        "supply_voltage_12V": 11.9,
        "supply_voltage_minus_12V": -12.1,
        "rcd_current": 0.0,
        "relais_on": True,
    }


def test_every_variable_comes_from_somewhere() -> None:
    derived = {older_name for older_name, _ in OLDER.derived.values()}
    assert {row.name for row in OLDER.interface.variables} == {"session_events", *derived}


def test_an_event_is_sent_once_and_everything_else_is_kept_by_the_broker() -> None:
    sent = {row.name: (row.qos, row.retain) for row in OLDER.interface.variables}
    assert sent.pop("session_events") == (2, False)
    assert set(sent.values()) == {(0, True)}
