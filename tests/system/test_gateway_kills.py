import os
import random
import signal
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from evsed.launcher import GATEWAY_WATCHDOG_S
from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, Evse, Json

EV_PAUSES = 3  # in a stretch; each opens and closes the contactor
STRETCH_S = 1.0
SEED = 20


def script(pauses_n: int) -> str:
    draw = f"draw_power_regulated 16,3;sleep {STRETCH_S:g}"
    return f"iec_wait_pwr_ready;{draw};sleep 1;" + f"pause;sleep 0.3;{draw};" * pauses_n + "unplug"


def repeats_of(events: Sequence[Json]) -> int:
    """How many events came twice in a row."""
    marks = [(event["boot_id"], event["sequence"]) for event in events]
    return sum(mark == before for before, mark in pairwise(marks))


def without_repeats(events: Sequence[Json]) -> list[tuple[str, int, str]]:
    """As the store shows its session events."""
    found: list[tuple[str, int, str]] = []
    for event in events:
        mark = (event["boot_id"], event["sequence"], event["event"])
        if found[-1:] != [mark]:
            found.append(mark)
    return found


def stretches_of_charging(evse: Evse) -> list[tuple[float, float]]:
    """From and to when the EV had asked for power without a break (state C of the trace)."""
    cp = evse.line("cp")
    return [(c.t, after.t) for c, after in pairwise(cp) if c.value == "C"]


def check_contactor(evse: Evse) -> None:
    """Closed once in each stretch of C, and not opened before its end."""
    for line in ("contactor", "mirror"):
        entries = evse.line(line)
        for start_s, end_s in stretches_of_charging(evse):
            within = [entry.value for entry in entries if start_s <= entry.t < end_s]
            assert within == [True], f"{line} in C from {start_s} to {end_s}: {within}"


def play_and_kill(evse: Evse, chance: random.Random, kills_n: int) -> int:
    """Kill the gateway while the EV plays session after session; how many sessions there were."""
    killed_n = sessions_n = 0
    while killed_n < kills_n:
        sessions_n += 1
        evse.play(script(EV_PAUSES))
        plugged = evse.until_line("cp", "B", since_s=evse.line("cp")[-1].t if evse.line("cp") else 0.0)
        while killed_n < kills_n and not gone(evse, plugged.t):
            await_moment(evse, chance)
            evse.kill("gateway")
            killed_n += 1
        evse.until_line("cp", "A", since_s=plugged.t)
    return sessions_n


def await_moment(evse: Evse, chance: random.Random) -> None:
    """Any moment, or the one when an event has just come, which is when the next is under way."""
    seen_n, give_up_s = len(evse.session_events()), time.monotonic() + chance.uniform(0.0, 1.2)
    at_an_event = chance.random() < 0.5
    while time.monotonic() < give_up_s and not (at_an_event and len(evse.session_events()) > seen_n):
        time.sleep(0.0005)


def finished_n(evse: Evse) -> int:
    return sum(kind == "SessionFinished" for _, _, kind in evse.stored())


def gone(evse: Evse, since_s: float) -> bool:
    return evse.line("cp", since_s)[-1].value == "A"


@pytest.mark.parametrize("kills_n", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_no_event_is_lost_and_power_stays_on_however_often_the_gateway_is_killed(
    broker: Broker, kills_n: int
) -> None:
    with Evse(broker, "auth.mode=free") as evse:
        control = evse.pid("control")
        sessions_n = play_and_kill(evse, random.Random(SEED), kills_n)
        eventually(lambda: finished_n(evse) == sessions_n, "the store has the end of every session")
        eventually(lambda: without_repeats(evse.session_events()) == evse.stored(), "all of it is told")
        events = evse.session_events()
        repeats_n = repeats_of(events)
        print(f"{kills_n} kills, {sessions_n} sessions, {len(evse.stored())} events, {repeats_n} repeats")
        assert without_repeats(events) == evse.stored()
        assert repeats_n <= kills_n
        numbers = [n for (n,) in evse.query("SELECT n FROM event ORDER BY id")]  # faults have numbers, too
        assert numbers == list(range(1, len(numbers) + 1))
        assert evse.pid("control") == control
        check_contactor(evse)


def test_authorization_works_after_the_gateway_died_under_a_plugged_ev(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.play("iec_wait_pwr_ready;draw_power_regulated 16,3;sleep 600")
        (started, _) = evse.expect("SessionStarted", "AuthRequired")
        gateway = evse.pid("gateway")
        evse.kill("gateway")
        eventually(lambda: evse.wire.of(API + "e2m/ready")[-1].json is False, "the will")
        evse.until_ready()
        assert evse.pid("gateway") != gateway
        evse.authorize()
        *_, charging = evse.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
        assert charging["uuid"] == started["uuid"]
        evse.until_line("mirror", True)


@pytest.mark.soak
def test_a_gateway_that_goes_on_hanging_is_killed_by_the_launcher(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        gateway = evse.pid("gateway")
        stopped_s = evse.kill("gateway", signal.SIGSTOP)
        eventually(lambda: evse.pid("gateway") != gateway, "a new gateway", 2 * GATEWAY_WATCHDOG_S)
        assert time.monotonic() - stopped_s > GATEWAY_WATCHDOG_S - 1.0
        evse.until_ready()
        assert evse.line("contactor", stopped_s) == []


def test_a_gateway_that_hangs_does_not_stop_the_ev(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        stopped = evse.kill("gateway", signal.SIGSTOP)
        evse.modify("pause;sleep 0.5;draw_power_regulated 16,3;sleep 600")
        evse.until_line("mirror", True, since_s=evse.until_line("mirror", False, since_s=stopped).t)
        os.kill(evse.pid("gateway"), signal.SIGCONT)
        evse.expect("ChargingPausedEV", "ChargingResumed")
