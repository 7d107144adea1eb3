"""When the contactor opens: within the 100 ms of IEC 61851-1 Table A.6; at a planned stop not under load.

Times are the world's own. The world is an ordinary process: where a busy host stops it in the middle of a
change the time shows that. So a case that was too slow is measured again, twice at most; the table shows
every try.
scripts/bench measures the distribution.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from tests.chain.chain_evse import ChainEvse, own_broker
from tests.chain.reactions import Reaction, note
from tests.system.bench import eventually
from tests.system.evse_process import PLUG_AND_CHARGE

NORM_S = 0.1
ATTEMPTS_N = 3
EV_GRACE_S = 6.0
STAMP_S = 0.005  # each line is stamped as it is driven, some microseconds after what core reckons with
SETTINGS = ("auth.mode=free",)
_DRAW = "draw_power_regulated 16,3"


class Case(msgspec.Struct, frozen=True):
    """seen: line and value of the trace that begin the time; else it is when the command was sent."""

    what: str
    script: str
    undo: str
    seen: tuple[str, object] | None = None


# fmt: off
CASES = (
    Case("EV opens S2 (C to B)",        "pause",           _DRAW,            ("cp", "B")),
    Case("EV unplugged (C to A)",       "unplug",          "sleep 0",        ("cp", "A")),
    Case("pilot shorted (C to E)",      "error_e",         "sleep 0",        ("cp", "E")),
    Case("EV's diode shorted",          "diode_fail",      "sleep 0"),
    Case("residual current",            "rcd_current 30",  "rcd_current 0",  ("rcd", True)),
    Case("emergency stop",              "estop 1",         "estop 0"),
    Case("proximity lost",              "pp open",         "pp 220"),
)
# fmt: on


def opens(evse: ChainEvse, case: Case) -> Reaction:
    for _ in range(ATTEMPTS_N):
        reaction = note(open_once(evse, case))
        assert reaction.line_s is not None
        if reaction.line_s <= NORM_S:
            break
    return reaction


def open_once(evse: ChainEvse, case: Case) -> Reaction:
    plugged_s = time.monotonic()
    evse.modify(PLUG_AND_CHARGE)
    evse.until_line("mirror", True, plugged_s)
    eventually(lambda: (evse.value("session_info") or {}).get("state") == "Charging", "Charging")
    since_s = time.monotonic()
    evse.modify(f"{case.script};sleep 600")
    line, mirror = evse.until_line("contactor", False, since_s), evse.until_line("mirror", False, since_s)
    began_s = evse.until_line(*case.seen, since_s).t if case.seen else since_s
    evse.modify(f"{case.undo};unplug")
    eventually(lambda: evse.value("session_info")["state"] == "Unplugged", "the EV has left")
    return Reaction("control, charging", case.what, mirror.t - began_s, line.t - began_s)


def norms() -> dict[str, Reaction]:
    with own_broker() as broker, ChainEvse(broker, *SETTINGS) as evse:
        return {case.what: opens(evse, case) for case in CASES}


def stop_with(draw: str) -> Reaction:
    """A planned stop by the units (evse-stop) of an EV that draws like this; when X1 and the opening came."""
    with own_broker() as broker, ChainEvse(broker) as evse:
        evse.expect("Enabled")
        evse.play(f"iec_wait_pwr_ready;{draw};sleep 600")
        evse.expect("SessionStarted", "AuthRequired")
        evse.authorize()
        evse.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
        evse.until_line("mirror", True)
        eventually(lambda: "Charging, 32 A offered" in evse.manager.control.status, "STATUS= tells it")
        since_s = time.monotonic()
        assert evse.stop() == 0
        *_, finished = evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished")
        assert finished["transaction_finished"]["reason"] == "Reboot"
        x1, line = evse.until_line("duty", 1.0, since_s), evse.until_line("contactor", False, since_s)
        mirror, state_f = evse.until_line("mirror", False, since_s), evse.until_line("duty", 0.0, since_s)
        assert x1.t < line.t < mirror.t < state_f.t
        # Under load is: the EV is still in C when the line falls.
        cp = [entry.value for entry in evse.line("cp") if entry.t <= line.t][-1]
        assert cp == "B" or EV_GRACE_S - STAMP_S <= line.t - x1.t < EV_GRACE_S + 2.0
        return note(Reaction("planned stop", f"the EV in {cp} when it opens", mirror.t - x1.t, line.t - x1.t))


HEEDS, IGNORES = "draw_power_regulated 16,3", "draw_power_fixed 16,3"


def jobs(soak: bool) -> dict[str, Callable[[], Any]]:
    return {"norm": norms, HEEDS: partial(stop_with, HEEDS), IGNORES: partial(stop_with, IGNORES)}


@pytest.mark.parametrize("what", [case.what for case in CASES])
def test_the_line_is_off_within_the_time_of_the_norm(
    what: str, outcome: Callable[[str], dict[str, Reaction]]
) -> None:
    line_s = outcome("norm")[what].line_s
    assert line_s is not None
    assert line_s <= NORM_S


def test_a_planned_stop_waits_until_the_ev_draws_nothing(outcome: Callable[[str], Reaction]) -> None:
    reaction = outcome(HEEDS)
    assert reaction.fault == "the EV in B when it opens"
    assert reaction.line_s is not None
    assert reaction.line_s < EV_GRACE_S


def test_a_planned_stop_opens_under_load_only_after_six_seconds(outcome: Callable[[str], Reaction]) -> None:
    reaction = outcome(IGNORES)
    assert reaction.fault == "the EV in C when it opens"
    assert reaction.line_s is not None
    assert EV_GRACE_S - STAMP_S <= reaction.line_s < EV_GRACE_S + 2.0
