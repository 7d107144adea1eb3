import os
import signal
import subprocess
import sys
import time

from tests.system.bench import Broker, eventually
from tests.system.evse_process import API, Evse

DEAD_TO_OPEN_S = 0.1  # IEC 61851-1 Table A.6: power off within 100 ms where the EVSE fails
MARGIN = 10  # for a machine that is busy with other things
WATCHDOG_S = 1.0
HEARTBEAT_LOST_S = 0.1
RESTART_S = 1.0


def test_a_killed_control_opens_at_once_and_its_session_is_closed_under_its_uuid(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        old = evse.session_events()[-1]
        killed_s = evse.kill("control")
        opened = evse.until_line("contactor", False)
        mirror = evse.until_line("mirror", False)
        safe = evse.until_line("duty", 0.0)
        print(f"killed control: line off after {(opened.t - killed_s) * 1000:.0f} ms")
        assert opened.t - killed_s < DEAD_TO_OPEN_S * MARGIN
        assert mirror.t - killed_s < DEAD_TO_OPEN_S * MARGIN
        assert opened.t <= safe.t < killed_s + RESTART_S  # by evse-safe, not by the next control
        resumed, finished, ended = evse.expect("SessionResumed", "TransactionFinished", "SessionFinished")
        assert finished["transaction_finished"]["reason"] == "PowerLoss"
        assert {event["uuid"] for event in (resumed, finished, ended)} == {old["uuid"]}
        _, started, _ = evse.expect("Enabled", "SessionStarted", "AuthRequired")
        assert started["uuid"] != old["uuid"]
        assert started["boot_id"] != old["boot_id"]
        eventually(
            lambda: [m.json for m in evse.wire.of(API + "e2m/ready")][-2:] == [False, True], "ready again"
        )
        evse.authorize()
        evse.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
        assert evse.query("SELECT uuid FROM session WHERE ended_utc_s IS NULL") == [(started["uuid"],)]


def test_a_hanging_control_loses_the_coil_and_is_killed(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        control = evse.pid("control")
        stopped_s = evse.kill("control", signal.SIGSTOP)
        lost = evse.until_line("heartbeat_lost", True, since_s=stopped_s - HEARTBEAT_LOST_S)
        mirror = evse.until_line("mirror", False)
        assert lost.t - stopped_s < HEARTBEAT_LOST_S * MARGIN
        assert mirror.t - lost.t < HEARTBEAT_LOST_S
        off = evse.until_line("contactor", False)
        assert off.t > mirror.t  # the hardware was first; the line fell with its owner
        assert 0.5 * WATCHDOG_S < off.t - stopped_s < 3 * WATCHDOG_S
        assert f"control has not ticked for {WATCHDOG_S:g} s" in evse.log
        evse.until_line("duty", 0.0)
        _, finished, _ = evse.expect("SessionResumed", "TransactionFinished", "SessionFinished")
        assert finished["transaction_finished"]["reason"] == "PowerLoss"
        evse.expect("Enabled", "SessionStarted", "AuthRequired")
        assert evse.pid("control") != control


def test_a_control_that_died_is_an_internal_error_until_the_next_one(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.kill("control")
        raised = eventually(lambda: evse.wire.of(API + "e2m/error_raised"), "error_raised")[0].json
        cleared = eventually(lambda: evse.wire.of(API + "e2m/error_cleared"), "error_cleared")[0].json
        assert (raised["type"], raised["severity"]) == ("evse_manager/Internal", "High")
        assert cleared["uuid"] == raised["uuid"]
        assert "the control process has died" in evse.log
        evse.expect("Enabled")
    assert "Internal" not in evse.log.partition("Internal (control): cleared")[2]  # a stop is no error


def test_a_session_without_a_transaction_is_closed_too(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.play("iec_wait_pwr_ready")
        started, _ = evse.expect("SessionStarted", "AuthRequired")
        evse.kill("control")
        resumed, ended, _, again, _ = evse.expect(
            "SessionResumed", "SessionFinished", "Enabled", "SessionStarted", "AuthRequired"
        )
        assert resumed["uuid"] == ended["uuid"] == started["uuid"] != again["uuid"]


def test_control_and_gateway_killed_together_lose_nothing(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        pids = evse.pid("control"), evse.pid("gateway")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        evse.expect("SessionResumed", "TransactionFinished", "SessionFinished")
        evse.expect("Enabled", "SessionStarted", "AuthRequired")


def test_control_killed_again_and_again_comes_back(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        for _ in range(3):
            pid = evse.pid("control")
            evse.kill("control")
            eventually(
                lambda before=pid: evse.running().get("evsed.control", before) != before, "a new control"
            )
            evse.expect("Enabled")
        opened_s = time.monotonic()
        evse.charge()
        assert not [entry for entry in evse.line("contactor", opened_s) if entry.value is False]


def test_beside_a_welded_contactor_neither_evse_safe_nor_the_next_control_moves_the_phases(
    broker: Broker,
) -> None:
    with Evse(broker, "evse.phase_switching=true") as evse:
        evse.expect("Enabled")
        argv = [sys.executable, "-m", "evsed.evsectl", "phases", "1"]
        subprocess.run(argv, env=evse.environment, check=True, timeout=10)
        evse.until_line("phases", 1.0)
        evse.charge()
        evse.modify("contactor_weld 1;rail 5V,4.9;sleep 60")
        eventually(lambda: evse.status()["rails"]["plus_5_v"] == 4.9, "it is welded, too")
        killed_s = evse.kill("control")
        evse.until_line("duty", 0.0, killed_s)  # evse-safe
        evse.until_line("duty", 1.0, killed_s)  # the next control
        eventually(lambda: "contactor_welded" in evse.status().get("faults", ()), "the weld is told")
        assert evse.line("phases", killed_s) == []
        assert evse.line("mirror", killed_s) == []
        evse.modify("contactor_weld 0;unplug")
        back = evse.until_line("phases", 3.0, killed_s)
        assert back.t > evse.until_line("mirror", False, killed_s).t
