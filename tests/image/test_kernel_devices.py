"""The carrier board's own drivers on simulated devices of the kernel: gpio-sim, i2c-stub, SPI and PWM.

Nothing of evsed knows that they are simulated; a session is driven by the codes of the ADC alone.
"""

import json
import re
import time
from collections.abc import Callable

import pytest

from tests.image.client import API, Client
from tests.image.conftest import PASSWORD, USER, Machine
from tests.image.images import Images
from tests.image.test_running import ACCEPTED

pytestmark = pytest.mark.image

PROVISION = f"""\
[mqtt_tls]
certificate = "server.crt"
key = "server.key"

[mqtt_users]
{USER} = "{PASSWORD}"

[evsed.core]
tick_ms = 20
"""
OFF_LIMIT_S = 15.0  # emulated; the time that is looked at is the guest's own
A_V, B_V, C_V, E_V = 12.0, 9.0, 6.0, 0.0


@pytest.fixture(scope="module")
def machine(images: Images, new_machine: Callable[..., Machine]) -> Machine:
    machine = new_machine(images.with_kernel_devices, PROVISION)
    machine.boot()
    machine.guest.until("systemctl is-active evse-simhw.service", 200.0)
    return machine


@pytest.fixture
def board(machine: Machine, client: Client) -> "SimulatedBoard":
    return SimulatedBoard(machine, client)


class SimulatedBoard:
    def __init__(self, machine: Machine, client: Client) -> None:
        self._guest, self.client = machine.guest, client

    def cp(self, volts: float) -> None:
        self._guest.sh(f"/usr/lib/evse-simhw/evse-simhw cp {volts:g}")

    def contact(self, name: str, how: str) -> None:
        self._guest.sh(f"/usr/lib/evse-simhw/evse-simhw contact {name} {how}")

    def await_line(self, name: str, level: int) -> None:
        wanted = f"[ $(/usr/lib/evse-simhw/evse-simhw line {name}) = {level} ]"
        self._guest.until(wanted, OFF_LIMIT_S * 4, f"{name} is {level}")

    def pwm(self) -> tuple[int, int, int]:
        """period and duty in ns, enabled."""
        said = self._guest.sh("cd /sys/kernel/debug/evse-simhw; cat period duty enabled")
        period, duty, enabled = map(int, said.split())
        return period, duty, enabled

    def charge(self) -> None:
        self.client.forget()
        self.cp(B_V)
        self.client.await_events("AuthRequired")
        self.client.publish(API + "m2e/authorize_response", ACCEPTED)
        self.client.await_events("PrepareCharging")
        self.cp(C_V)
        self.client.await_events("ChargingStarted")
        self.await_line("contactor", 1)

    def leave(self) -> None:
        self.cp(A_V)
        self.client.await_events("SessionFinished")
        self.await_line("contactor", 0)


def test_every_device_of_the_board_answers(machine: Machine, board: SimulatedBoard) -> None:
    _, said = machine.guest.try_sh("evsectl selftest")
    print(said)
    for device in ("pilot", "proximity", "rails", "contactor", "lock"):
        assert device in said.lower(), said
    cp = machine.guest.sh("evsectl cp")
    assert re.search(r"CP A +high \+1(1\.9|2\.0)\d V", cp), cp


def test_the_pwm_stands_at_x1_while_nobody_is_there(board: SimulatedBoard) -> None:
    assert board.pwm() == (1_000_000, 1_000_000, 1)


def test_the_contactor_follows_a_session_that_the_adc_drives(board: SimulatedBoard) -> None:
    board.charge()
    assert board.pwm() == (1_000_000, 533_333, 1)
    board.await_line("lock_position", 0)
    board.leave()
    assert board.pwm() == (1_000_000, 1_000_000, 1)


@pytest.mark.parametrize("volts", [B_V, E_V])
def test_an_ev_that_stops_asking_opens_it(board: SimulatedBoard, volts: float) -> None:
    board.charge()
    board.cp(volts)
    board.await_line("contactor", 0)
    board.leave()


def test_a_trip_of_the_rcd_opens_it_and_is_told(board: SimulatedBoard) -> None:
    board.charge()
    board.contact("rcd_trip", "open")
    board.await_line("contactor", 0)
    error = board.client.until(lambda: board.client.values("error_raised"), "the error")[-1]
    assert error["type"] == "ac_rcd/MREC2GroundFailure"
    board.contact("rcd_trip", "auto")
    board.leave()
    board.client.until(lambda: board.client.values("error_cleared"), "its end")


def test_the_kernel_drops_the_line_of_a_killed_control(machine: Machine, board: SimulatedBoard) -> None:
    board.charge()
    began_s = time.monotonic()
    machine.guest.sh("systemctl kill -s KILL --kill-whom=main evsed.service")
    board.await_line("contactor", 0)
    print(f"off within {time.monotonic() - began_s:.1f} s, seen from outside")
    board.client.await_events("TransactionFinished", "SessionFinished", limit_s=200.0)
    board.leave()


def test_the_thermometers_are_read(machine: Machine, client: Client) -> None:
    temperatures = json.loads(machine.guest.sh("evsectl status --json"))["temperatures"]
    assert {(t["location"], int(t["temperature_c"])) for t in temperatures} == {("evse", 25), ("plug", 25)}
