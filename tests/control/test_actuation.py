"""Outputs reach the lines in the safe order: open first, close last."""

import msgspec
import pytest

from evsed.control.actuation import Actuator
from evsed.core.inputs import Outputs
from hal.types import Led, LockDrive
from tests.control.rig import NotedLines

POWER = Outputs(duty=0.5, contactor_closed=True, lock=LockDrive.LOCK, led=Led(blue=True), shunt_trip=False)
SAFE = Outputs()


class Rig:
    def __init__(self, **board: bool) -> None:
        self.board = NotedLines(**board)
        self.actuator = Actuator(self.board)
        self.now_s = 0.0

    def apply(self, outputs: Outputs, now_s: float = 0.0) -> list[str]:
        """Names of the lines that changed, in order."""
        self.actuator.apply(outputs, now_s)
        return [name for name, _ in self.board.since()]


def powered() -> Rig:
    rig = Rig()
    rig.apply(SAFE)
    rig.apply(POWER)
    return rig


def test_the_contactor_closes_last() -> None:
    assert Rig().apply(POWER) == ["duty", "lock", "contactor", "led"]


def test_phases_and_pilot_change_between_opening_and_closing() -> None:
    rig = powered()
    broken = msgspec.structs.replace(
        POWER, contactor_closed=False, three_phases=False, cp_connected=False, duty=0.1, lock=LockDrive.UNLOCK
    )
    assert rig.apply(broken) == ["contactor", "phases", "pilot", "duty", "lock"]
    assert rig.apply(msgspec.structs.replace(broken, contactor_closed=True, cp_connected=True)) == [
        "pilot",
        "contactor",
    ]


def test_phases_never_change_beside_a_closed_contactor() -> None:
    rig = powered()
    assert rig.apply(msgspec.structs.replace(POWER, three_phases=False)) == []
    opened = msgspec.structs.replace(POWER, three_phases=False, contactor_closed=False)
    assert rig.apply(opened) == ["contactor", "phases"]


def test_phases_do_not_change_with_the_step_that_closes_the_contactor() -> None:
    rig = Rig()
    rig.apply(SAFE)
    assert "phases" not in rig.apply(msgspec.structs.replace(POWER, three_phases=False))


def test_phases_are_driven_once() -> None:
    rig = Rig()
    assert "phases" in rig.apply(SAFE)
    assert rig.apply(msgspec.structs.replace(SAFE, duty=0.0)) == ["duty"]
    one = msgspec.structs.replace(SAFE, duty=0.0, three_phases=False)
    assert rig.apply(one) == ["phases"]
    assert rig.apply(msgspec.structs.replace(one, duty=1.0)) == ["duty"]


def test_the_pilot_that_is_cut_off_comes_back() -> None:
    rig = Rig()
    rig.apply(SAFE)
    assert rig.apply(msgspec.structs.replace(SAFE, cp_connected=False)) == ["pilot"]
    assert rig.apply(SAFE) == ["pilot"]


def test_the_contactor_opens_first() -> None:
    changed = msgspec.structs.replace(
        POWER, contactor_closed=False, duty=0.0, lock=LockDrive.OFF, shunt_trip=True
    )
    assert powered().apply(changed) == ["contactor", "duty", "lock", "shunt"]


def test_the_first_outputs_go_out_whatever_the_lines_say() -> None:
    rig = Rig()
    rig.board.contactor.drive(True)
    rig.board.pilot_out.set_duty(0.5)
    rig.board.since()
    assert rig.apply(SAFE) == ["contactor", "phases", "duty"]


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("duty", 0.1, "duty"),
        ("lock", LockDrive.UNLOCK, "lock"),
        ("contactor_closed", False, "contactor"),
        ("shunt_trip", True, "shunt"),
        ("led", Led(red=True), "led"),
    ],
)
def test_only_what_changes_is_written(field: str, value: object, line: str) -> None:
    assert powered().apply(msgspec.structs.replace(POWER, **{field: value})) == [line]


def test_the_same_outputs_write_nothing() -> None:
    rig = powered()
    assert rig.apply(POWER) == []
    assert rig.apply(msgspec.structs.replace(POWER)) == []


def test_a_shunt_trip_goes_on_and_off_again() -> None:
    rig = powered()
    tripped = msgspec.structs.replace(SAFE, shunt_trip=True)
    assert "shunt" in rig.apply(tripped)
    assert rig.apply(SAFE) == ["shunt"]


def test_a_shunt_trip_in_the_very_first_outputs_is_driven() -> None:
    assert "shunt" in Rig().apply(msgspec.structs.replace(SAFE, shunt_trip=True))


def test_a_board_without_lock_and_shunt_trip_does_without() -> None:
    rig = Rig(socket=False, shunt=False, phases=False)
    assert rig.apply(msgspec.structs.replace(POWER, shunt_trip=True)) == ["duty", "contactor", "led"]
    assert rig.apply(SAFE) == ["contactor", "duty", "led"]


def test_a_steady_light_is_written_once() -> None:
    rig = powered()
    assert [rig.apply(POWER, now_s) for now_s in (0.0, 0.3, 0.6, 5.0)] == [[], [], [], []]


def test_a_blinking_light_is_on_for_the_first_half_of_its_period() -> None:
    rig = Rig()
    blinking = msgspec.structs.replace(SAFE, led=Led(red=True, period_s=0.5))
    lit = []
    for now_s in (10.0, 10.2, 10.25, 10.4, 10.5):
        rig.actuator.apply(blinking, now_s)
        lit += [level[1] for name, level in rig.board.since() if name == "led" and isinstance(level, tuple)]
    assert lit == [True, False, True]
