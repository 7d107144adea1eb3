import json
import time
from collections.abc import Iterator

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, PLUG_AND_CHARGE, Evse, Json, Listener, Message

WITHOUT_PROTOCOL = {"SessionStarted", "TransactionStarted", "TransactionFinished", "SessionResumed"}
START = [
    "SessionStarted",
    "AuthRequired",
    "Authorized",
    "TransactionStarted",
    "PrepareCharging",
    "ChargingStarted",
]


@pytest.fixture
def evse(broker: Broker) -> Iterator[Evse]:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        yield evse


def topics_after_events(evse: Evse) -> Iterator[tuple[Json, list[Message]]]:
    """Every session event with the messages up to the next one."""
    messages = list(evse.wire.messages)
    at = [n for n, message in enumerate(messages) if message.topic == API + "e2m/session_event"]
    for start, end in zip(at, [*at[1:], len(messages)], strict=True):
        yield messages[start].json, messages[start + 1 : end]


def told_states(evse: Evse) -> list[tuple[str, str]]:
    """(event, session_info.state after it), once every event has its session_info."""

    def told() -> list[tuple[str, str]]:
        found = []
        for event, after in topics_after_events(evse):
            infos = [message.json for message in after if message.topic == API + "e2m/session_info"]
            if not infos:
                return []
            found.append((event["event"], infos[0]["state"]))
        return found if len(found) == len(evse.session_events()) else []

    return eventually(told, "a session_info after each event")


def test_boot_tells_limits_then_modes_then_enabled_then_ready(broker: Broker) -> None:
    with Evse(broker) as evse:
        (enabled,) = evse.expect("Enabled")
        names = [message.topic.removeprefix(API + "e2m/") for message in evse.wire.messages]
        ready = [message.json for message in evse.wire.of(API + "e2m/ready")]
    wanted = [
        "evse_id",
        "limits",
        "waiting_for_external_ready",
        "supported_energy_transfer_modes",
        "session_event",
    ]
    assert sorted(wanted, key=names.index) == wanted
    assert ready[-1] is True
    assert True not in ready[:-1]
    assert names.index("session_event") < len(names) - 1 - names[::-1].index("ready")
    assert enabled["source"] == {
        "enable_source": "Unspecified",
        "enable_state": "Enable",
        "enable_priority": 10000,
    }


def test_plug_authorize_charge_unplug(evse: Evse) -> None:
    evse.charge()
    evse.modify("unplug")
    *_, finished, _ = evse.expect(
        "StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished"
    )
    assert finished["transaction_finished"]["reason"] == "EVDisconnected"
    assert told_states(evse)[1:] == [
        ("SessionStarted", "Preparing"),
        ("AuthRequired", "AuthRequired"),
        ("Authorized", "AuthRequired"),
        ("TransactionStarted", "Preparing"),
        ("PrepareCharging", "Preparing"),
        ("ChargingStarted", "Charging"),
        ("StoppingCharging", "FinishedEV"),
        ("ChargingFinished", "Finished"),
        ("TransactionFinished", "Finished"),
        ("SessionFinished", "Unplugged"),
    ]
    events = evse.session_events()
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["boot_id"] for event in events}) == 1
    assert len({event["uuid"] for event in events[1:]}) == 1


def test_what_belongs_to_an_event_comes_right_after_it(evse: Evse) -> None:
    evse.charge()
    evse.modify("unplug")
    evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")
    told_states(evse)
    for event, after in topics_after_events(evse):
        names = [message.topic.removeprefix(API + "e2m/") for message in after]
        own = [name for name in names if name in ("selected_protocol", "session_info")]
        wanted = (
            ["session_info"] if event["event"] in WITHOUT_PROTOCOL else ["selected_protocol", "session_info"]
        )
        assert own[: len(wanted)] == wanted, event["event"]
        if event["event"] in WITHOUT_PROTOCOL:
            assert "selected_protocol" not in own


def test_evse_pauses_and_resumes(evse: Evse) -> None:
    assert evse.request("pause_charging") is False
    assert evse.request("resume_charging") is False
    evse.charge()
    assert evse.request("resume_charging") is True
    assert evse.request("pause_charging") is True
    evse.expect("ChargingPausedEVSE")
    opened = evse.until_line("contactor", False)
    assert evse.request("pause_charging") is True
    assert evse.request("resume_charging") is True
    evse.expect("PrepareCharging", "ChargingStarted")
    evse.until_line("mirror", True, since_s=opened.t)
    assert told_states(evse)[-3:] == [
        ("ChargingPausedEVSE", "ChargingPausedEVSE"),
        ("PrepareCharging", "Preparing"),
        ("ChargingStarted", "Charging"),
    ]


@pytest.mark.parametrize(("reason", "state"), [("Remote", "Finished"), ("Local", "FinishedEVSE")])
def test_stop_transaction_then_unplug(evse: Evse, reason: str, state: str) -> None:
    assert evse.request("stop_transaction", {"reason": reason}) is False
    evse.charge()
    assert evse.request("stop_transaction", {"reason": reason}) is True
    *_, finished = evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished")
    assert finished["transaction_finished"]["reason"] == reason
    evse.authorize()  # nothing starts again
    evse.modify("unplug")
    evse.expect("SessionFinished")
    assert told_states(evse)[-4:] == [
        ("StoppingCharging", "Charging"),
        ("ChargingFinished", "Finished"),
        ("TransactionFinished", state),
        ("SessionFinished", "Unplugged"),
    ]


def test_disable_in_a_session_then_enable_with_the_ev_still_there(evse: Evse) -> None:
    evse.charge()
    assert evse.enable_disable("Disable") is False
    *_, finished, _, _ = evse.expect(
        "StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished", "Disabled"
    )
    assert finished["transaction_finished"]["reason"] == "Other"
    evse.until_line("duty", 0.0)
    assert told_states(evse)[-1] == ("Disabled", "Disabled")
    assert evse.enable_disable("Enable") is True
    _, again, _ = evse.expect("Enabled", "SessionStarted", "AuthRequired")
    assert again["uuid"] != finished["uuid"]
    assert again["session_started"]["reason"] == "EVConnected"


def test_authorization_first_then_plug(evse: Evse) -> None:
    evse.authorize()
    started, _ = evse.expect("SessionStarted", "Authorized")
    assert started["session_started"]["reason"] == "Authorized"
    evse.play(PLUG_AND_CHARGE)
    evse.expect("AuthRequired", "TransactionStarted", "PrepareCharging", "ChargingStarted")
    assert told_states(evse)[1:] == [
        ("SessionStarted", "Preparing"),
        ("Authorized", "Preparing"),
        ("AuthRequired", "AuthRequired"),
        ("TransactionStarted", "Preparing"),
        ("PrepareCharging", "Preparing"),
        ("ChargingStarted", "Charging"),
    ]


def test_force_unlock_ends_the_transaction_and_unlocks_after_the_contactor_is_open(evse: Evse) -> None:
    assert evse.request("force_unlock", 1) is True
    evse.charge()
    assert evse.line("lock")[-1].value is True
    assert evse.request("force_unlock", 1) is True
    *_, finished = evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished")
    assert finished["transaction_finished"]["reason"] == "UnlockCommand"
    unlocked = evse.until_line("lock", False, since_s=evse.line("mirror")[0].t)
    assert unlocked.t > evse.until_line("mirror", False).t
    evse.modify("unplug")
    evse.expect("SessionFinished")


def test_a_tethered_cable_has_nothing_to_unlock(broker: Broker) -> None:
    with Evse(broker, "evse.connector_type=cType2") as evse:
        assert evse.request("force_unlock", 1) is False


def test_a_transaction_ends_with_all_its_energy_however_seldom_the_meter_is_read(broker: Broker) -> None:
    with Evse(broker, "meter.poll_s=60", "meter.silent_s=200") as evse:
        evse.expect("Enabled")
        evse.charge()
        closed = evse.until_line("mirror", True)
        time.sleep(3.0)
        evse.modify("unplug")
        opened = evse.until_line("mirror", False, closed.t)
        eventually(lambda: evse.session_events()[-1]["event"] == "SessionFinished", "the session is over")
        ((start_wh, end_wh),) = evse.query("SELECT start_wh, end_wh FROM session")
    drawn_wh = 16 * 230 * 3 * (opened.t - closed.t) / 3600
    assert 0.5 * drawn_wh < end_wh - start_wh < 1.1 * drawn_wh  # the EV takes its time to draw it all


def test_a_late_subscriber_finds_how_things_are(evse: Evse, broker: Broker) -> None:
    evse.charge()
    eventually(lambda: (evse.value("session_info") or {}).get("state") == "Charging")
    eventually(lambda: evse.value("powermeter"))
    late = Listener(broker.port, 1, [API + "e2m/#", "test/end"])
    late.publish("test/end", b"")  # comes behind all that was retained
    eventually(lambda: late.of("test/end"))
    late.close()
    wanted = {
        "evse_id",
        "hw_capabilities",
        "supported_energy_transfer_modes",
        "waiting_for_external_ready",
        "online",
        "ready",
        "limits",
        "enforced_limits",
        "session_info",
        "selected_protocol",
        "powermeter",
        "ev_info",
        "ac_nr_of_phases_available",
        "ac_pp_ampacity",
        "active_errors",
        "software",
    }
    in_time = {"telemetry", "control_health"}  # each at its own pace

    found = {m.topic.removeprefix(API + "e2m/"): m.payload for m in late.messages if m.retained}
    assert set(found) - in_time == wanted
    assert (found["ready"], found["online"]) == (b"true", b"true")
    assert json.loads(found["session_info"])["state"] == "Charging"
