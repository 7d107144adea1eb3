"""The chain, layer by layer, with the inner ones removed; control is the real process below the harness.

Between two faults the EV stays plugged: control restarts and serves it anew (auth.mode=free).
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from tests.chain.chain_evse import NO_SAFE, NO_WATCHDOG, ChainEvse, own_broker
from tests.chain.faulty_control import PHASES
from tests.chain.host import note_if_late, was_late
from tests.chain.memory import limited
from tests.chain.reactions import Reaction, reaction_of
from tests.chain.service_manager import DropIns
from tests.system.bench import eventually
from tests.system.evse_process import PLUG_AND_CHARGE

HEARTBEAT_LOST_S = 0.1  # of the coil gate
MARGIN = 10  # for a machine that is busy with other things
DEAD_OR_HUNG_S = 3.0  # until the line of a dead or hung control is off
FAULTY = {"ExecStart": "tests.chain.faulty_control"}

Act = Callable[[ChainEvse], float]  # when it happened
GATE, KERNEL = "coil gate", "kernel drops the lines, evse-safe"
WATCHDOG, STOP, LOOP = "service manager's watchdog", "evse-stop", "loop's exception handler"


def send(signum: signal.Signals) -> Act:
    def act(evse: ChainEvse) -> float:
        process = evse.manager.control.process
        assert process is not None
        at_s = time.monotonic()
        process.send_signal(signum)
        return at_s

    return act


def fail(phase: str, kind: str) -> Act:
    def act(evse: ChainEvse) -> float:
        order = evse.run_dir / "fail"
        order.with_suffix(".new").write_text(f"{phase}:{kind}")
        at_s = time.monotonic()
        order.with_suffix(".new").rename(order)
        return at_s

    return act


def then_stop(act: Act) -> Act:
    """A stop request while it hangs: the manager's watchdog is off from then on."""

    def both(evse: ChainEvse) -> float:
        at_s = act(evse)
        evse.stop()
        return at_s

    return both


class Case(msgspec.Struct, frozen=True):
    fault: str
    layer: str
    act: Act
    line_falls: bool = True
    drives_f: bool = True
    last: bool = False  # nothing comes back after it


class Place(msgspec.Struct, frozen=True):
    """One charging point; its cases one after the other."""

    drop_ins: DropIns
    cases: tuple[Case, ...]


PHASE_CASES = tuple(Case(f"exception in phase {phase!r}", LOOP, fail(phase, "exception")) for phase in PHASES)
KILLED, STOPPED = send(signal.SIGKILL), send(signal.SIGSTOP)
GIL = fail("step", "holds the GIL")
NEITHER_WATCHDOG_NOR_SAFE = {
    "evsed.service": {**FAULTY, **NO_WATCHDOG["evsed.service"], **NO_SAFE["evsed.service"]}
}
PLACES = (
    Place(NEITHER_WATCHDOG_NOR_SAFE, PHASE_CASES[:3]),
    Place(NEITHER_WATCHDOG_NOR_SAFE, PHASE_CASES[3:6]),
    Place(NEITHER_WATCHDOG_NOR_SAFE, PHASE_CASES[6:]),
    Place(
        {"evsed.service": FAULTY},
        (
            Case("control killed", KERNEL, KILLED),
            Case("control stopped (SIGSTOP)", WATCHDOG, STOPPED),
            Case("the loop holds the GIL", WATCHDOG, GIL),
            Case("SIGSTOP, then a stop request", STOP, then_stop(STOPPED), last=True),
        ),
    ),
    Place(
        {"evsed.service": {**FAULTY, **NO_SAFE["evsed.service"]}},
        (
            Case("control killed, no evse-safe", "kernel drops the lines", KILLED, drives_f=False),
            Case(
                "GIL held, then a stop request, no evse-safe", STOP, then_stop(GIL), drives_f=False, last=True
            ),
        ),
    ),
    Place(
        {"evsed.service": {**NO_WATCHDOG["evsed.service"], **NO_SAFE["evsed.service"]}},
        (Case("control stopped, no watchdog, no evse-safe", GATE, STOPPED, False, False, last=True),),
    ),
)
CASES = [(place, case) for place in PLACES for case in place.cases]


def run_case(evse: ChainEvse, case: Case) -> Reaction:
    charging_since_s = evse.until_line("mirror", True, restarted_s(evse)).t
    failed_s = case.act(evse)
    assert failed_s > charging_since_s
    reaction = reaction_of(evse, case.layer, case.fault, failed_s, case.line_falls)
    if case.drives_f:
        assert evse.until_line("duty", 0.0, failed_s).t >= evse.line("contactor", failed_s)[0].t
    if not case.last:
        until_control_is_new(evse, failed_s)
        (evse.run_dir / "fail").unlink(missing_ok=True)
    return reaction


def restarted_s(evse: ChainEvse) -> float:
    return evse.manager.control.started_s[-1]


def until_control_is_new(evse: ChainEvse, since_s: float) -> None:
    eventually(lambda: restarted_s(evse) > since_s, "control has been started anew")


def run_place(place: Place) -> dict[str, Reaction | AssertionError]:
    found: dict[str, Reaction | AssertionError] = {}
    with own_broker() as broker, ChainEvse(broker, "auth.mode=free", drop_ins=place.drop_ins) as evse:
        evse.modify(PLUG_AND_CHARGE)
        for case in place.cases:
            try:
                found[case.fault] = run_case(evse, case)
            except AssertionError as error:
                error.add_note(evse.log[-3000:])
                note_if_late(error, evse.log)
                if was_late(error):
                    raise
                found[case.fault] = error
                break
    return found


def jobs(soak: bool) -> dict[str, Callable[[], Any]]:
    places = {f"place {n}": partial(run_place, place) for n, place in enumerate(PLACES)}
    return {**places, "gateway": hang_the_gateway, "memory": exhaust_the_memory}


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=lambda case: case.fault)
def test_power_is_off(case: Case, outcome: Callable[[str], dict[str, Reaction | AssertionError]]) -> None:
    (place,) = (n for n, place in enumerate(PLACES) if case in place.cases)
    found = outcome(f"place {place}")[case.fault]
    if isinstance(found, AssertionError):
        raise found
    assert found.mirror_s is not None
    assert found.mirror_s < HEARTBEAT_LOST_S * MARGIN
    if case.line_falls:
        assert found.line_s is not None
        assert found.line_s < DEAD_OR_HUNG_S


def test_a_hung_gateway_is_killed_and_charging_goes_on(outcome: Callable[[str], None]) -> None:
    outcome("gateway")


def test_a_control_that_takes_all_memory_is_killed_and_opens(outcome: Callable[[str], Reaction]) -> None:
    reaction = outcome("memory")
    assert reaction.line_s is not None
    assert reaction.line_s < DEAD_OR_HUNG_S


def exhaust_the_memory() -> Reaction:
    """MiB by MiB, in every step, until the kernel kills it."""
    with own_broker() as broker, ChainEvse(broker, drop_ins={"evsed.service": FAULTY}) as evse:
        evse.expect("Enabled")
        evse.charge()
        process = evse.manager.control.process
        assert process is not None
        with limited(process.pid, 16 << 20):
            failed_s = fail("step", "eats memory")(evse)
            reaction = reaction_of(evse, KERNEL, "out of memory (from when it begins to take it)", failed_s)
        eventually(lambda: evse.manager.control.exits == [-signal.SIGKILL], "the kernel has killed it")
        _, finished, _ = evse.expect("SessionResumed", "TransactionFinished", "SessionFinished")
        assert finished["transaction_finished"]["reason"] == "PowerLoss"
        return reaction


def hang_the_gateway() -> None:
    drop_ins = {"evsed-gateway.service": {"WatchdogSec": "3"}}  # 10 s would only be a longer wait
    with own_broker() as broker, ChainEvse(broker, drop_ins=drop_ins) as evse:
        evse.expect("Enabled")
        evse.charge()
        time.sleep(3.5)  # longer than its watchdog: it is fed
        assert evse.manager.gateway.exits == []
        gateway, since_s = evse.pid("gateway"), time.monotonic()
        os.kill(gateway, signal.SIGSTOP)
        eventually(lambda: len(evse.manager.gateway.started_s) == 2, "a new gateway")
        assert evse.manager.gateway.exits == [-signal.SIGKILL]
        evse.until_ready()
        assert evse.line("contactor", since_s) == []
        evse.modify("unplug")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")
