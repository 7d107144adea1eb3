"""The carrier board's own drivers on simulated devices of the kernel: gpio-sim, i2c-stub, SPI and PWM.

Nothing of evsed knows that they are simulated; a session is driven by the codes of the ADC alone. Times are
those of the guest's own clock; they show that software reacts at all, as how fast it does is up to QEMU.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.image.client import API, Client
from tests.image.conftest import PASSWORD, USER, Machine
from tests.image.images import Images
from tests.image.test_running import ACCEPTED

pytestmark = pytest.mark.image

# Emulated beside other work a tick of 10 ms is often late, and a trip by the test winding takes more than the
# 0.3 s that it may: where nobody asks for that test it is left out.
PROVISION = f"""\
[mqtt_tls]
certificate = "server.crt"
key = "server.key"

[mqtt_users]
{USER} = "{PASSWORD}"

[evsed.core]
tick_ms = 20
rcd_test_every_h = 0.0
"""
TOOL = "/usr/lib/evse-simhw/evse_simhw.py"
A_V, B_V, C_V, E_V, LOW_V = 12.0, 9.0, 6.0, 0.0, -12.0
TOLERANCE_V = 0.1
PERIOD_NS, X1_NS, OFFER_NS = 1_000_000, 1_000_000, 533_333  # 32 A, of the cable and by the configuration
REACTION_MAX_MS = 5_000.0
HANG_MAX_MS = 15_000.0  # a second without a tick, and systemd
SELFTEST_LIMIT_S = 400.0
DROP_INS = "/etc/evsed/boards/cm4-carrier.d"
RESTART = "systemctl restart evsed-gateway evsed"
TRIPS = {
    "rcd_trip": "ac_rcd/MREC2GroundFailure",
    "emergency_stop": "evse_board_support/MREC8EmergencyStop",
}
TOOK = r"passed: acted after \d+ ms, back after \d+ ms"
SELFTEST = {
    "control pilot": r"\+12\.0\d V, 64 samples",
    "proximity": "coding None",
    "+12 V rail": r"\+12\.0\d V",
    "-12 V rail": r"-1[12]\.\d\d V",
    "+5 V rail": r"\+5\.0\d V",
    "contactor": "mirror open",
    "emergency stop": "released",
    "stop button": "released",
    "thermometer evse": r"25\.\d C",
    "thermometer plug": r"25\.\d C",
    "energy meter": r"61\.851 kWh; 230\.0 V, 231\.0 V, 232\.0 V",
    "faults": "none",
    "RCD test": TOOK,
    "lock test": TOOK,
}


class CarrierBoard:
    """What hangs on the board's pins, and what an EV does to its pilot."""

    def __init__(self, machine: Machine, client: Client) -> None:
        self.guest, self.client = machine.guest, client

    def cp(self, volts: float) -> None:
        self.guest.sh(f"{TOOL} cp {volts:g}")

    def contact(self, name: str, how: str) -> None:
        self.guest.sh(f"{TOOL} contact {name} {how}")

    def line(self, name: str) -> int:
        return int(self.guest.sh(f"{TOOL} line {name}"))

    def reaction_ms(self, line: str, level: int, cause: str) -> float:
        """How long after the cause the line has the level."""
        took_ms = float(self.guest.sh(f"{TOOL} react {line} {level} {cause}"))
        print(f"{cause}: {line} is {level} after {took_ms:.0f} ms")
        return took_ms

    def pwm(self) -> tuple[int, int, int]:
        """Period and time high in ns, enabled."""
        said = self.guest.sh("cat /sys/kernel/debug/evse-simhw/{period,duty,enabled}")
        period_ns, high_ns, enabled = map(int, said.split())
        return period_ns, high_ns, enabled

    def await_pwm(self, high_ns: int) -> None:
        self.guest.until(f"grep -qx {high_ns} /sys/kernel/debug/evse-simhw/duty", 60.0, "the duty")

    def await_measured(self, *expected: Any) -> None:
        self.client.until(lambda: self.measured() == expected, f"evsectl cp shows {expected}")

    def measured(self) -> tuple[str, float, float, float]:
        """State, upper and lower plateau in V, duty in %, as an installer sees them."""
        said = self.guest.sh("evsectl cp")
        shown = re.match(r"CP (\S+) +high (\S+) V \(\d+\) +low (\S+) V \(\d+\) +duty (\S+) %", said)
        assert shown, said
        return shown[1], float(shown[2]), float(shown[3]), float(shown[4])

    def plug_in(self) -> None:
        """Until power is on offer."""
        self.client.forget()
        self.cp(B_V)
        self.client.await_events("AuthRequired")
        self.client.publish(API + "m2e/authorize_response", ACCEPTED)
        self.client.await_events("PrepareCharging")
        self.await_pwm(OFFER_NS)

    def charge(self) -> None:
        """Until power flows."""
        self.plug_in()
        assert self.reaction_ms("contactor", 1, f"cp {C_V:g}") <= REACTION_MAX_MS
        self.client.await_events("ChargingStarted")

    def leave(self) -> None:
        self.cp(A_V)
        self.client.await_events("SessionFinished")
        assert self.line("contactor") == 0


def volts(expected_v: float) -> Any:
    return pytest.approx(expected_v, abs=TOLERANCE_V)


@pytest.fixture(scope="module")
def machine(images: Images, new_machine: Callable[..., Machine]) -> Machine:
    machine = new_machine(images.with_kernel_devices, PROVISION)
    machine.boot()
    machine.guest.until("systemctl is-active evse-simhw.service", 200.0)
    return machine


@pytest.fixture
def eeprom(machine: Machine) -> Iterator[None]:
    """The board's EEPROM is on a bus of its own: i2c-stub, which has the others, cannot be one."""
    machine.guest.sh(
        f"mkdir -p {DROP_INS}; printf '[eeprom]\\nbus = \"/dev/i2c-10\"\\n' >{DROP_INS}/eeprom.toml"
    )
    machine.guest.sh(RESTART)
    yield
    machine.guest.sh(f"rm -r {DROP_INS}; {RESTART}")


@pytest.fixture
def board(machine: Machine, client: Client) -> CarrierBoard:
    return CarrierBoard(machine, client)


def test_the_selftest_passes_with_what_the_devices_show(board: CarrierBoard) -> None:
    said = board.guest.until("evsectl selftest", SELFTEST_LIMIT_S)
    print(said)
    rows = [re.fullmatch(r"pass  (.{20}) (.*)", line) for line in said.splitlines()]
    found = {row[1].rstrip(): row[2] for row in rows if row}
    assert found.keys() == SELFTEST.keys(), said
    assert [name for name, text in SELFTEST.items() if not re.fullmatch(text, found[name])] == []


def test_every_line_is_claimed_on_the_chip_of_the_kernel(board: CarrierBoard) -> None:
    lines = json.loads(board.guest.sh("evsectl gpio --json"))
    ours = {line["signal"]: line for line in lines if line.get("signal")}
    assert len(ours) == 16, lines
    assert {line["consumer"] for line in ours.values()} == {"evsed"}
    assert all(line["name"].startswith("EVSE_") and "gpiochip" in line["chip"] for line in ours.values())
    directions = {signal.partition(".")[0]: line["direction"] for signal, line in ours.items()}
    assert directions == {"outputs": "output", "inputs": "input"}


def test_without_an_ev_the_pilot_stands_at_plus_12_v(board: CarrierBoard) -> None:
    assert board.pwm() == (PERIOD_NS, X1_NS, 1)
    board.await_measured("A", volts(A_V), volts(A_V), 100.0)


def test_the_contactor_follows_a_session_that_the_adc_drives(board: CarrierBoard) -> None:
    board.plug_in()
    assert board.pwm() == (PERIOD_NS, OFFER_NS, 1)
    board.await_measured("B", volts(B_V), volts(LOW_V), 53.3)
    assert board.line("lock_position") == 0  # the bolt is out
    assert board.line("contactor") == 0
    assert board.reaction_ms("contactor", 1, f"cp {C_V:g}") <= REACTION_MAX_MS
    board.client.await_events("ChargingStarted")
    board.await_measured("C", volts(C_V), volts(LOW_V), 53.3)
    assert board.reaction_ms("contactor", 0, f"cp {B_V:g}") <= REACTION_MAX_MS
    board.leave()
    assert board.pwm() == (PERIOD_NS, X1_NS, 1)


@pytest.mark.parametrize("cp_v", [A_V, E_V], ids=["unplugged", "shorted"])
def test_a_pilot_that_is_unplugged_or_shorted_opens_it(board: CarrierBoard, cp_v: float) -> None:
    board.charge()
    assert board.reaction_ms("contactor", 0, f"cp {cp_v:g}") <= REACTION_MAX_MS
    board.leave()


@pytest.mark.parametrize("contact", TRIPS)
def test_a_trip_opens_it_takes_the_offer_back_and_is_told(board: CarrierBoard, contact: str) -> None:
    board.charge()
    assert board.reaction_ms("contactor", 0, f"contact {contact} open") <= REACTION_MAX_MS
    errors = board.client.until(lambda: board.client.values("error_raised"), "the error")
    assert errors[-1]["type"] == TRIPS[contact]
    board.await_pwm(X1_NS)
    board.contact(contact, "auto")
    board.leave()
    board.client.until(lambda: board.client.values("error_cleared"), "its end")


@pytest.mark.parametrize(("signal", "max_ms"), [("KILL", REACTION_MAX_MS), ("STOP", HANG_MAX_MS)])
def test_the_kernel_drops_the_line_of_a_dead_or_hung_control(
    board: CarrierBoard, signal: str, max_ms: float
) -> None:
    board.charge()
    pid = board.guest.sh("systemctl show -P MainPID evsed.service")
    assert board.reaction_ms("contactor", 0, f"signal {signal} {pid}") <= max_ms
    board.client.await_events("TransactionFinished", "SessionFinished", limit_s=200.0)
    assert board.guest.sh("systemctl show -P MainPID evsed.service") != pid
    board.cp(A_V)
    assert board.line("contactor") == 0


def test_a_calibration_is_kept_in_the_eeprom(eeprom: None, board: CarrierBoard) -> None:
    board.guest.until("evsectl cp | grep -qx 'calibration: none'", 200.0, "a board that is not calibrated")
    said = board.guest.sh("evsectl calibrate cp --plus 11.88 --minus -12.00")
    assert "written to EEPROM 24c32" in said
    board.guest.sh("systemctl restart evsed")
    told = r"calibration: gain 0\.99[45]., offset -0\.0[56]. V, from the EEPROM"
    board.guest.until(f"evsectl cp | grep -qx '{told}'", 200.0, told)
    board.await_measured("A", volts(11.88), volts(11.88), 100.0)
