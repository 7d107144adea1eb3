import os
import signal

import pytest

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, Evse, Listener
from tests.system.test_gateway_kills import repeats_of, without_repeats

_DRAW = "draw_power_regulated 16,3"
WITH_A_PAUSE = f"iec_wait_pwr_ready;{_DRAW};sleep 2;pause;sleep 0.3;{_DRAW};sleep 600"


def stored_kinds(evse: Evse) -> list[str]:
    return [kind for _, _, kind in evse.stored()]


def test_without_a_broker_charging_goes_on_and_the_events_come_when_it_is_there(broker: Broker) -> None:
    with Evse(broker, "auth.mode=free", started=False) as evse:
        evse.start_world()
        evse.play(WITH_A_PAUSE)
        evse.until_line("cp", "B")
        broker.stop()
        evse.start()
        eventually(lambda: "ChargingResumed" in stored_kinds(evse), "the EV charges, pauses and resumes")
        assert evse.session_events() == []
        broker.start()
        evse.expect("Enabled", "SessionStarted", "AuthRequired", "Authorized", "TransactionStarted")
        evse.expect("PrepareCharging", "ChargingStarted", "ChargingPausedEV", "ChargingResumed")
        evse.until_ready()
        eventually(
            lambda: [entry.value for entry in evse.line("mirror")][-3:] == [True, False, True], "it follows"
        )
        assert evse.log.count("no broker at") == 1


def test_a_broker_lost_in_a_session_and_back_gets_every_event_in_order(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        evse.modify("sleep 1;pause;sleep 0.3;draw_power_regulated 16,3;sleep 1;unplug")
        broker.stop()
        eventually(lambda: stored_kinds(evse)[-1] == "SessionFinished", "the session goes on to its end")
        assert len(evse.session_events()) == 7
        broker.start()
        evse.expect("ChargingPausedEV", "ChargingResumed", "StoppingCharging", "ChargingFinished")
        evse.expect("TransactionFinished", "SessionFinished")
        evse.until_ready()
        assert evse.value("online") is True
        assert evse.request("get_evse")["id"] == 1


def test_a_broker_that_restarts_again_and_again_makes_no_event_disappear(broker: Broker) -> None:
    with Evse(broker, "auth.mode=free") as evse:
        evse.play("iec_wait_pwr_ready;" + "draw_power_regulated 16,3;sleep 1;pause;sleep 0.3;" * 6 + "unplug")
        for _ in range(4):
            n = len(evse.session_events())
            eventually(lambda n=n: len(evse.session_events()) > n, "another event")
            broker.restart()
        eventually(lambda: stored_kinds(evse)[-1] == "SessionFinished", "the session ends")
        eventually(lambda: without_repeats(evse.session_events()) == evse.stored(), "every event is told")
        print(f"4 restarts, {len(evse.stored())} events, {repeats_of(evse.session_events())} repeats")
        assert repeats_of(evse.session_events()) <= 4


def test_a_broker_that_hangs_stops_nothing(broker: Broker) -> None:
    with Evse(broker, "mqtt.keepalive_s=1", "auth.mode=free") as evse:
        evse.play("iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 2;pause;sleep 0.3;unplug")
        evse.until_line("mirror", True)
        broker.signal(signal.SIGSTOP)
        try:
            eventually(lambda: stored_kinds(evse)[-1] == "SessionFinished", "the session goes on to its end")
        finally:
            broker.signal(signal.SIGCONT)
        eventually(lambda: without_repeats(evse.session_events()) == evse.stored(), "every event is told")
        evse.until_ready()


@pytest.mark.parametrize("with_control", [False, True])
def test_the_wills_say_that_a_killed_evsed_is_gone(broker: Broker, with_control: bool) -> None:
    names = ["launcher", "gateway", *(["control"] if with_control else [])]
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        for pid in [evse.pid(name) for name in names]:
            os.kill(pid, signal.SIGKILL)
        evse.until_line("mirror", False)
        eventually(lambda: (evse.value("ready"), evse.value("online")) == (False, False), "the two wills")
        late = Listener(broker.port, 1, [API + "e2m/ready", API + "e2m/online"])
        eventually(lambda: len(late.messages) == 2, "both are retained")
        late.close()
        assert [(message.payload, message.retained) for message in late.messages] == [(b"false", True)] * 2
