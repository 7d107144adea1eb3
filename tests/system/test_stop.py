import signal
import subprocess
import sys
import time

import pytest

from tests.system.bench import DEADLINE_S, Broker, eventually
from tests.system.evse_process import PLUG_AND_CHARGE, Evse

POWER_OFF_S = 8.0  # of a killed launcher, the EV in C all the while
EV_GRACE_S = 6.0  # that the EV has to leave C before the contactor opens under load
STAYS_IN_C = "iec_wait_pwr_ready;draw_power_fixed 16,3;sleep 600"
PLANNED_STOP = ("StoppingCharging", "ChargingFinished", "TransactionFinished")


def charge_in_c(evse: Evse) -> None:
    """With an EV that does not heed the pilot."""
    evse.expect("Enabled")
    evse.play(STAYS_IN_C)
    evse.expect("SessionStarted", "AuthRequired")
    evse.authorize()
    evse.expect("Authorized", "TransactionStarted", "PrepareCharging", "ChargingStarted")
    evse.until_line("mirror", True)


def test_sigterm_tells_the_ev_then_opens_then_stores_then_leaves(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        assert evse.stop() == 0
        eventually(lambda: set(evse.running()) == {"evsed.sim"}, "all but the world has gone")
        *_, finished = evse.expect(*PLANNED_STOP)
        assert finished["transaction_finished"]["reason"] == "Reboot"
        x1, left_c = evse.until_line("duty", 1.0), evse.line("cp")[-1]
        opened, state_f = evse.until_line("contactor", False), evse.until_line("duty", 0.0)
        assert left_c.value == "B"
        assert x1.t < left_c.t < opened.t < state_f.t
        eventually(
            lambda: (evse.value("ready"), evse.value("online")) == (False, False), "ready, online false"
        )

        evse.start()
        resumed, ended, _, again, _ = evse.expect(
            "SessionResumed", "SessionFinished", "Enabled", "SessionStarted", "AuthRequired"
        )
        assert resumed["uuid"] == ended["uuid"] == finished["uuid"] != again["uuid"]


def test_sigterm_without_an_ev_ends_at_once(broker: Broker) -> None:
    with Evse(broker) as evse:
        start_s = time.monotonic()
        assert evse.stop() == 0
        assert time.monotonic() - start_s < 3.0
        evse.until_line("duty", 0.0)
        assert "Traceback" not in evse.log


def test_a_killed_launcher_is_a_planned_stop(broker: Broker) -> None:
    with Evse(broker) as evse:
        charge_in_c(evse)
        killed_s = evse.kill("launcher")
        mirror = evse.until_line("mirror", False)
        print(f"killed launcher: power off after {mirror.t - killed_s:.1f} s")
        assert EV_GRACE_S - 0.5 < mirror.t - killed_s < POWER_OFF_S
        assert evse.until_line("duty", 1.0).t - killed_s < 1.0
        eventually(lambda: set(evse.running()) == {"evsed.sim"}, "all but the world has gone")
        *_, finished = evse.expect(*PLANNED_STOP)
        assert finished["transaction_finished"]["reason"] == "Reboot"
        assert evse.query("SELECT uuid, stop_reason FROM session") == [(finished["uuid"], "Reboot")]


def test_a_hangup_of_the_launchers_terminal_is_a_planned_stop(broker: Broker) -> None:
    with Evse(broker) as evse:
        charge_in_c(evse)
        evse.launcher.send_signal(signal.SIGHUP)
        assert evse.launcher.wait(DEADLINE_S) == 0
        *_, finished = evse.expect(*PLANNED_STOP)
        assert finished["transaction_finished"]["reason"] == "Reboot"


def test_a_gateway_killed_during_the_stop_comes_back_for_the_last_events(broker: Broker) -> None:
    with Evse(broker) as evse:
        charge_in_c(evse)
        evse.launcher.terminate()
        evse.until_line("duty", 1.0)
        evse.kill("gateway")
        assert evse.launcher.wait(DEADLINE_S) == 0
        *_, finished = evse.expect(*PLANNED_STOP)
        assert finished["transaction_finished"]["reason"] == "Reboot"
        assert evse.query("SELECT uuid, stop_reason FROM session") == [(finished["uuid"], "Reboot")]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP])
def test_a_control_that_fails_during_the_stop_leaves_the_board_safe(
    broker: Broker, signum: signal.Signals
) -> None:
    with Evse(broker) as evse:
        charge_in_c(evse)
        evse.launcher.terminate()
        evse.until_line("duty", 1.0)
        failed_s = evse.kill("control", signum)
        assert evse.until_line("mirror", False).t - failed_s < 1.0
        assert evse.launcher.wait(DEADLINE_S) == 0
        evse.until_line("duty", 0.0)
        assert evse.line("contactor")[-1].value is False


def test_a_second_evsed_in_the_run_directory_ends_naming_the_first(broker: Broker) -> None:
    with Evse(broker) as evse:
        evse.expect("Enabled")
        evse.charge()
        second = run_evsed(evse, "--board", "sim", "--set", f"mqtt.port={broker.port}")
        assert second.returncode == 1
        assert f"pid {evse.launcher.pid}" in second.stderr
        assert evse.line("contactor")[-1].value is True
        evse.modify("unplug")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")


def test_without_a_board_the_simulated_one_is_named(broker: Broker) -> None:
    with Evse(broker, started=False) as evse:
        ended = run_evsed(evse)
        assert ended.returncode == 2
        assert "--board sim" in ended.stderr
        assert evse.running() == {}


def run_evsed(evse: Evse, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "evsed", *arguments],
        env=evse.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def test_evsed_takes_over_a_world_with_its_ev(broker: Broker) -> None:
    with Evse(broker, started=False) as evse:
        evse.start_world()
        evse.play(PLUG_AND_CHARGE)
        evse.until_line("cp", "B")
        evse.start()
        evse.expect("Enabled", "SessionStarted", "AuthRequired")
