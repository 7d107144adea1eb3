import os
import tempfile
from pathlib import Path

import pytest

from hal.drivers.gpio_lines import Output, OutputLine
from hal.drivers.pilot_pwm import UDEV_WAIT_S, PilotPwm, PwmChannel
from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from tests.hal.drivers.gpio_bench import MockRig
from tests.hal.drivers.pwm_bench import CONTROLLER, NOBODY, PwmTree, TreeClock, Writes, acting_as

RUNNING = {"period": "1000000", "duty_cycle": "266700", "enable": "1"}


@pytest.fixture
def root():
    """A directory that everybody may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def pins(tmp_path):
    return MockRig(tmp_path)


@pytest.fixture
def open_pilot(pins):
    opened = []

    def open_pilot(tree, clock=None, inverted=False, channel=0, device=CONTROLLER):
        pilot = PilotPwm(
            PwmChannel(device, channel, inverted),
            pins.factory,
            OutputLine("GPIO4"),
            clock or TreeClock(tree),
            tree.sysfs,
        )
        opened.append(pilot)
        return pilot

    yield open_pilot
    for pilot in opened:
        pilot.close()


@pytest.fixture
def running(root):
    tree = PwmTree(root)
    tree.exported(**RUNNING)
    return tree


@pytest.fixture
def writes(running):
    writes = Writes(running.channel)
    yield writes
    writes.close()


def test_a_fresh_channel_starts_at_x1(root, open_pilot):
    tree = PwmTree(root)
    open_pilot(tree)
    assert tree.values() == {
        "period": "1000000",
        "duty_cycle": "1000000",
        "enable": "1",
        "polarity": "normal",
    }


def test_the_chip_is_found_by_its_device_and_not_by_its_number(root, open_pilot):
    tree = PwmTree(root, controllers=("a.pwm", "b.pwm", "c.pwm", CONTROLLER))
    open_pilot(tree)
    assert [chip.name for chip in sorted(tree.sysfs.glob("*")) if (chip / "pwm0").exists()] == ["pwmchip3"]


@pytest.mark.parametrize(
    ("duty", "duty_ns"),
    [(1.0, 1_000_000), (0.0, 0), (0.05, 50_000), (1 / 3, 333_333), (0.5333, 533_300), (0.9999999, 1_000_000)],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_a_duty_is_written_in_nanoseconds(running, open_pilot, duty, duty_ns, inverted):
    open_pilot(running, inverted=inverted).set_duty(duty)
    assert running.value("duty_cycle") == str(1_000_000 - duty_ns if inverted else duty_ns)


@pytest.mark.parametrize("duty", [-0.001, 1.001, float("nan")])
def test_a_duty_out_of_range_is_refused(running, open_pilot, duty):
    pilot = open_pilot(running)
    with pytest.raises(ValueError, match="expected a fraction between 0 and 1"):
        pilot.set_duty(duty)
    assert running.value("duty_cycle") == "1000000"


def test_only_the_duty_is_written_after_the_start(running, open_pilot, writes):
    pilot = open_pilot(running)
    writes.take()
    for duty in (0.1, 1.0, 0.0, 0.5):
        pilot.set_duty(duty)
    pilot.set_connected(False)
    pilot.close()
    assert writes.take() == ["duty_cycle"]


def test_a_channel_that_runs_already_is_not_disturbed(running, open_pilot, writes):
    open_pilot(running)
    assert writes.take() == ["duty_cycle"]


@pytest.mark.parametrize(
    ("left", "order"),
    [
        ({"period": "0", "duty_cycle": "0"}, ["period", "duty_cycle", "enable"]),
        ({"period": "20000000", "duty_cycle": "1500000"}, ["duty_cycle", "period", "duty_cycle", "enable"]),
        ({"polarity": "inversed", "enable": "1"}, ["enable", "polarity", "period", "duty_cycle", "enable"]),
        ({"polarity": "inversed", **RUNNING}, ["enable", "polarity", "duty_cycle", "enable"]),
    ],
)
def test_the_kernel_takes_every_step_from_whatever_was_left(root, open_pilot, left, order):
    """It refuses a duty over the period, and another polarity while the PWM runs."""
    tree = PwmTree(root)
    tree.exported(**left)
    writes = Writes(tree.channel)
    open_pilot(tree)
    assert writes.take() == order
    writes.close()
    assert tree.values() == {
        "period": "1000000",
        "duty_cycle": "1000000",
        "enable": "1",
        "polarity": "normal",
    }


@pytest.mark.parametrize("inverted", [False, True])
def test_it_closes_with_state_f_and_the_pwm_running(running, pins, open_pilot, inverted):
    pilot = open_pilot(running, inverted=inverted)
    pilot.set_connected(False)
    pilot.close()
    pilot.close()
    assert running.values() == {
        "period": "1000000",
        "duty_cycle": "1000000" if inverted else "0",
        "enable": "1",
        "polarity": "normal",
    }
    assert pins.high("GPIO4") is False
    with pytest.raises(DeviceFailed, match="duty_cycle"):
        pilot.set_duty(0.5)


def test_the_disconnect_line_takes_the_generator_off(running, pins, open_pilot):
    pilot = open_pilot(running)
    levels = [pins.high("GPIO4")]
    for connected in (False, True):
        pilot.set_connected(connected)
        levels.append(pins.high("GPIO4"))
    assert levels == [False, True, False]


@pytest.mark.parametrize("udev_s", [0.0, 0.3, 0.9])
def test_it_waits_for_udev(root, open_pilot, udev_s):
    tree = PwmTree(root, udev_s)
    clock = TreeClock(tree)
    with acting_as(NOBODY):
        open_pilot(tree, clock)
    assert tree.value("duty_cycle") == "1000000"
    assert tree.value("enable") == "1"
    assert udev_s <= clock.slept_s < udev_s + 0.1


def test_it_waits_for_udev_not_for_ever(root, pins, open_pilot):
    tree = PwmTree(root, udev_s=60.0)
    clock = TreeClock(tree)
    with (
        acting_as(NOBODY),
        pytest.raises(
            DeviceFailed, match=r"no permission .*pwmchip1/pwm0/duty_cycle; join the group pwm"
        ) as caught,
    ):
        open_pilot(tree, clock)
    assert clock.slept_s == pytest.approx(UDEV_WAIT_S, abs=0.1)
    assert caught.tb
    Output(pins.factory, OutputLine("GPIO4")).close()


def test_the_export_itself_may_be_forbidden(root, open_pilot):
    tree = PwmTree(root)
    (tree.chip / "export").chmod(0o444)
    clock = TreeClock(tree)
    with (
        acting_as(NOBODY),
        pytest.raises(DeviceFailed, match=r"no permission .*pwmchip1/export; join the group pwm"),
    ):
        open_pilot(tree, clock)
    assert clock.slept_s < UDEV_WAIT_S + 0.1


def test_one_that_only_half_belongs_to_us_is_let_go_of(root, open_pilot):
    tree = PwmTree(root)
    tree.exported(**RUNNING)
    (tree.channel / "enable").chmod(0o444)
    with acting_as(NOBODY), pytest.raises(DeviceFailed, match=r"no permission .*pwm0/enable") as caught:
        open_pilot(tree)
    assert caught.tb
    (tree.channel / "enable").chmod(0o666)
    assert tree.value("duty_cycle") == "266700"
    open_pilot(tree)


def test_a_machine_without_the_chip_names_those_it_has(root, open_pilot):
    tree = PwmTree(root, controllers=("fe20c800.pwm",))
    with pytest.raises(DeviceMissing, match=r"fe20c000.pwm \(pwmchip0 is fe20c800.pwm\).*overlay"):
        open_pilot(tree)


def test_a_machine_without_pwm_says_so(root, open_pilot):
    tree = PwmTree(root, controllers=())
    with pytest.raises(DeviceMissing, match=r"fe20c000.pwm \(none at all\)"):
        open_pilot(tree)


def test_a_channel_that_the_chip_has_not_is_missing(root, open_pilot):
    with pytest.raises(DeviceMissing, match="has 2 channels, channel 2 is not there"):
        open_pilot(PwmTree(root), channel=2)


def test_a_second_driver_of_the_pilot_is_refused(running, tmp_path, open_pilot):
    pilot = open_pilot(running)
    pilot.set_duty(0.5)
    other = MockRig(tmp_path)
    with pytest.raises(LineBusy, match="pwm0/duty_cycle: another process drives this pilot"):
        PilotPwm(
            PwmChannel(CONTROLLER, 0), other.factory, OutputLine("GPIO4"), TreeClock(running), running.sysfs
        )
    assert running.value("duty_cycle") == "500000"
    pilot.close()
    open_pilot(running)


def test_a_taken_disconnect_line_leaves_the_pwm_alone(running, pins, open_pilot):
    taken = Output(pins.factory, OutputLine("GPIO4"))
    with pytest.raises(LineBusy, match="GPIO4"):
        open_pilot(running)
    assert running.value("duty_cycle") == "266700"
    taken.close()


def test_a_write_that_the_kernel_refuses_names_the_file(running, open_pilot):
    (running.channel / "duty_cycle").unlink()
    (running.channel / "duty_cycle").symlink_to("/dev/full")
    with pytest.raises(DeviceFailed, match="pwm0/duty_cycle: No space left"):
        open_pilot(running)


def test_no_descriptor_is_left_behind(running, open_pilot):
    before = len(os.listdir("/proc/self/fd"))
    open_pilot(running).close()
    assert len(os.listdir("/proc/self/fd")) == before
