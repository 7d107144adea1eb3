"""The self-check: when a slot is good, when it is left, and that a device without a way back stays."""

from pathlib import Path
from typing import Any

import pytest

from evsed.appliance import slots, system
from evsed.appliance.self_check import LIMIT_S, OUTSIDE, RESTARTS_MAX_N, STABLE_S, self_check
from tests.appliance.rig import NOW, Appliance, Charger, Clock


class Start:
    """One start of an appliance, up to the end of its self-check."""

    def __init__(self, appliance: Appliance, **status: Any) -> None:
        self.appliance, self.charger, self.clock = appliance, Charger(**status), Clock()

    def check(self) -> bool:
        return self_check(self.appliance.machine(), self.charger.ask, self.clock)


def on_trial(tmp_path: Path, before: tuple[str, ...] = ()) -> Appliance:
    """1.0.0 in A has proved itself; 1.1.0 in B is started for the first time."""
    appliance = Appliance(tmp_path)
    machine = appliance.machine()
    known = slots.installing(slots.Slots(good={"A": "1.0.0"}), "B", "1.1.0", "boot-1", before)
    slots.write(machine.places, machine.disk, slots.installed(known))
    appliance.boot("B", "1.1.0")
    return appliance


def test_a_healthy_update_is_good_after_its_time(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    assert start.check()
    assert start.clock.now_s() == STABLE_S
    assert start.appliance.state("marked") == "good"
    assert start.appliance.slots()["good"] == {"A": "1.0.0", "B": "1.1.0"}
    assert start.appliance.told() == {
        "id": "evse-cm4", "version": "1.1.0", "slot": "B", "proved": True, "last_rollback": None,
    }  # fmt: skip


def test_a_new_device_proves_itself_too(tmp_path: Path) -> None:
    start = Start(Appliance(tmp_path))
    assert start.check()
    assert start.appliance.slots()["good"] == {"A": "1.0.0"}


def test_what_has_proved_itself_is_good_at_once_whatever_is_broken_now(tmp_path: Path) -> None:
    appliance = Appliance(tmp_path)
    assert Start(appliance).check()
    appliance.boot("A", "1.0.0")
    again = Start(appliance, faults=["rails"], control={"connected": False})
    assert again.check()
    assert again.clock.now_s() == 0.0
    assert appliance.state("marked").split() == ["good", "good"]


UNHEALTHY: tuple[tuple[dict[str, Any], str], ...] = (
    ({"control": {"connected": False}}, "the control process is not connected"),
    ({"state": "Booting"}, "evsed is still starting"),
    ({"mqtt": {"connected": False, "host": "::1", "port": 1883}}, "MQTT does not answer at ::1:1883"),
    ({"faults": ["rails", "rcd"]}, "faults: rails"),
)  # fmt: skip


@pytest.mark.parametrize(("status", "reason"), UNHEALTHY)
def test_an_unhealthy_update_is_left_and_the_reason_kept(
    tmp_path: Path, status: dict[str, Any], reason: str
) -> None:
    start = Start(on_trial(tmp_path), **status)
    assert not start.check()
    appliance = start.appliance
    assert LIMIT_S <= start.clock.now_s() <= LIMIT_S + 1.0
    assert appliance.state("reboots") == "reboot"
    assert appliance.state("marked") == ""
    appliance.boot("A", "1.0.0")  # the boot loader has no tries left for B
    machine = appliance.machine()
    known = slots.booted(slots.read(machine.places), system.image_of(machine.places), "boot-3", NOW)
    assert known.last_rollback == slots.Rollback("1.1.0", "B", reason, NOW)
    assert known.trial is None


def test_each_try_is_counted(tmp_path: Path) -> None:
    appliance = on_trial(tmp_path)
    for boots_n in (1, 2, 3):
        Start(appliance, faults=["rails"]).check()
        assert appliance.slots()["trial"]["boots_n"] == boots_n
        appliance.boot("B", "1.1.0")
    assert Start(appliance).check()  # a part that was broken is well again


def test_without_a_way_back_it_stays(tmp_path: Path) -> None:
    start = Start(Appliance(tmp_path), faults=["rails"])
    assert not start.check()
    assert start.appliance.state("reboots") == ""
    assert any("it stays" in line for line in start.appliance.said)


@pytest.mark.parametrize("fault", sorted(OUTSIDE))
def test_a_fault_from_outside_is_no_reason(tmp_path: Path, fault: str) -> None:
    assert Start(on_trial(tmp_path), faults=[fault]).check()


def test_a_fault_that_there_was_before_is_not_the_updates(tmp_path: Path) -> None:
    assert Start(on_trial(tmp_path, before=("meter_silent",)), faults=["meter_silent"]).check()


def test_it_may_take_its_time_to_become_healthy_and_must_stay_so(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    start.charger.away = "no socket"
    start.clock.at = {
        40.0: lambda: setattr(start.charger, "away", ""),
        60.0: lambda: start.charger.status.update(faults=["rails"]),
        62.0: lambda: start.charger.status.update(faults=[]),
    }
    assert start.check()
    assert start.clock.now_s() == 62.0 + STABLE_S


def test_a_unit_that_is_restarted_meanwhile_is_not_stable(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    units = {"ActiveState": "active", "NRestarts": "1"}
    text = "".join(f"{name}={value}\n" for name, value in units.items())
    start.clock.at = {20.0: lambda: start.appliance.set_state("units/evsed.service", text)}
    assert start.check()
    assert start.clock.now_s() == 21.0 + STABLE_S


def restarted(state: str, restarts_n: int) -> str:
    return f"ActiveState={state}\nNRestarts={restarts_n}\n"


def test_a_unit_that_ends_again_and_again_is_not_waited_for(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    start.clock.at = {
        float(n): lambda n=n: start.appliance.set_state("units/evsed.service", restarted("activating", n))
        for n in range(1, RESTARTS_MAX_N + 1)
    }
    assert not start.check()
    assert start.clock.now_s() == RESTARTS_MAX_N
    assert "evsed.service is activating" in start.appliance.slots()["trial"]["failure"]


def test_a_unit_that_was_restarted_often_and_stays_is_good(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    start.appliance.set_state("units/evsed.service", restarted("active", RESTARTS_MAX_N))
    assert start.check()
    assert start.clock.now_s() == STABLE_S


def test_a_unit_that_is_not_active_is_named(tmp_path: Path) -> None:
    start = Start(on_trial(tmp_path))
    start.appliance.set_state("units/mosquitto.service", "ActiveState=failed\nNRestarts=0\n")
    assert not start.check()
    assert start.appliance.slots()["trial"]["failure"] == "mosquitto.service is failed"
