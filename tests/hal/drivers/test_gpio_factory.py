import errno
import inspect
import os
import select
import tempfile
from pathlib import Path

import gpiod
import pytest
from gpiozero import OutputDevice

from hal.drivers.gpio_factory import LibgpiodFactory, LineEdge
from hal.drivers.gpio_lines import Input, InputLine, Output, OutputLine
from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from tests.hal.drivers.gpio_bench import FakeChip, FakeRequest, Kernel
from tests.hal.drivers.pwm_bench import NOBODY, acting_as

CHIPS = {"gpiochip0": ["ID_SDA", "CONTACTOR", "NC", "NC"], "gpiochip1": ["TWICE", "RCD", "TWICE"]}

CALLS = (
    *("get_info", "get_line_info", "request_lines", "close"),
    *("get_value", "set_value", "reconfigure_lines", "read_edge_events", "release"),
)


@pytest.fixture
def dev(tmp_path):
    for chip in CHIPS:
        (tmp_path / chip).touch()
    return tmp_path


@pytest.fixture
def kernel():
    return Kernel(CHIPS)


@pytest.fixture
def factory(dev, kernel):
    """One process."""
    with LibgpiodFactory(dev, kernel.open_chip) as factory:
        yield factory


@pytest.mark.parametrize("active_high", [True, False])
def test_an_output_has_no_other_level_than_safe_at_claim_and_release(factory, kernel, active_high):
    on, off = active_high, not active_high
    output = Output(factory, OutputLine("CONTACTOR", active_high))
    assert kernel.line("CONTACTOR").history == [off]
    output.drive(True)
    output.close()
    output.close()
    assert kernel.line("CONTACTOR").history == [off, on, off, "input"]


@pytest.mark.parametrize("active_high", [True, False])
def test_closing_the_factory_makes_every_output_safe(factory, kernel, active_high):
    output = Output(factory, OutputLine("CONTACTOR", active_high))
    output.drive(True)
    with pytest.raises(DeviceMissing):
        Output(factory, OutputLine("LATER"))
    factory.close()
    assert kernel.line("CONTACTOR").history == [not active_high, active_high, not active_high, "input"]
    assert kernel.open_n == 0
    with pytest.raises(DeviceFailed, match=r"CONTACTOR.*not claimed"):
        output.drive(True)


def test_a_plain_gpiozero_device_works_on_it(factory, kernel):
    with OutputDevice("CONTACTOR", active_high=False, pin_factory=factory) as device:
        device.toggle()
        assert (device.value, kernel.line("CONTACTOR").high) == (1, False)
        assert "CONTACTOR" in repr(device.pin.info)
    assert kernel.line("CONTACTOR").history == [True, False, True, "input"]


def test_a_line_is_found_on_whatever_chip_it_is(factory, kernel):
    rcd = Input(factory, InputLine("RCD"))
    kernel.line("RCD").edge(True, 1.0)
    assert rcd.active()


@pytest.mark.parametrize("name", ["CONTACTR", "NC", "1"])
def test_a_name_that_no_line_has_is_missing(factory, name):
    with pytest.raises(DeviceMissing, match=f"line {name}: no line of .*gpiochip0, .*gpiochip1 .*overlay"):
        Output(factory, OutputLine(name))


def test_a_name_that_two_lines_have_is_refused(factory):
    with pytest.raises(DeviceFailed, match=r"not unique: .*gpiochip1 line 0.*gpiochip1 line 2"):
        Output(factory, OutputLine("TWICE"))


def test_a_line_of_another_process_is_busy_and_says_whose(factory, dev, kernel):
    ours = Output(factory, OutputLine("CONTACTOR"))
    with LibgpiodFactory(dev, kernel.open_chip) as other:
        with pytest.raises(LineBusy, match=r"CONTACTOR.*gpiochip0 line 1.*'evsed' drives it"):
            Output(other, OutputLine("CONTACTOR", active_high=False))
        ours.close()
        theirs = Output(other, OutputLine("CONTACTOR"))
        theirs.drive(True)
    assert kernel.line("CONTACTOR").history == [False, "input", False, True, False, "input"]


def test_two_devices_of_one_process_cannot_have_one_line(factory, kernel):
    first = Output(factory, OutputLine("CONTACTOR"))
    with pytest.raises(LineBusy, match=r"CONTACTOR.*another device of this process"):
        Input(factory, InputLine("CONTACTOR"))
    first.drive(True)
    assert kernel.line("CONTACTOR").high
    first.close()
    Input(factory, InputLine("CONTACTOR"))


def test_a_machine_without_chips_says_so(tmp_path):
    with pytest.raises(DeviceMissing, match=f"{tmp_path}/gpiochip.*no GPIO chip"):
        LibgpiodFactory(tmp_path)


def test_a_file_that_is_no_chip_says_so(tmp_path):
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(DeviceMissing, match=rf"GPIO chip: {tmp_path}/gpiochip0 is a file of another kind"):
        LibgpiodFactory(tmp_path, gpiod.Chip)


def test_a_missing_permission_names_file_and_group(kernel):
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        chip = Path(name) / "gpiochip0"
        chip.touch(0o000)

        def open_chip(path):
            os.close(os.open(path, os.O_RDWR))

        with (
            acting_as(NOBODY),
            pytest.raises(DeviceFailed, match=rf"no permission .* {chip}; join the group gpio"),
        ):
            LibgpiodFactory(Path(name), open_chip)


def test_a_chip_that_may_not_be_opened_leaves_none_open(dev, kernel):
    def open_chip(path):
        if path.endswith("1"):
            raise PermissionError(13, "Permission denied", path)
        return kernel.open_chip(path)

    with pytest.raises(DeviceFailed, match=r"no permission .*gpiochip1; join the group gpio"):
        LibgpiodFactory(dev, open_chip)
    assert kernel.open_n == 0


def test_a_chip_that_vanishes_is_an_error_in_use_and_none_at_close(factory, kernel):
    contactor = Output(factory, OutputLine("CONTACTOR"))
    rcd = Input(factory, InputLine("RCD"))
    kernel.refuses_with = errno.ENODEV
    for use in (lambda: contactor.drive(True), rcd.active, rcd.take_edges):
        with pytest.raises(DeviceMissing, match=r"line (CONTACTOR|RCD) \(.*no hardware behind .*gpiochip"):
            use()
    contactor.close()
    rcd.close()


def test_edges_carry_the_stamp_of_the_kernel_and_wake(factory, kernel):
    rcd = Input(factory, InputLine("RCD", active_high=False))
    assert rcd.take_edges() == []
    kernel.line("RCD").edge(True, 12.5)
    kernel.line("RCD").edge(False, 12.625)
    assert select.select([rcd.edge_fd()], [], [], 0)[0]
    edges = rcd.take_edges()
    assert edges == [LineEdge(True, 12.5), LineEdge(False, 12.625)]
    assert not select.select([rcd.edge_fd()], [], [], 0)[0]
    assert (rcd.was_active(edges), rcd.was_active(edges[:1])) == (True, False)


def test_what_is_shorter_than_the_debounce_is_no_edge(factory, kernel):
    rcd = Input(factory, InputLine("RCD", debounce_s=0.05))
    kernel.line("RCD").pulse(True, 0.049, 1.0)
    assert rcd.take_edges() == []
    kernel.line("RCD").pulse(True, 0.05, 2.0)
    assert rcd.take_edges() == [LineEdge(True, 2.0), LineEdge(False, 2.05)]


@pytest.mark.parametrize("pull", ["floating", "up", "down"])
def test_pull_and_debounce_reach_the_line(factory, kernel, pull):
    rcd = Input(factory, InputLine("RCD", pull=pull, debounce_s=0.02))
    pin = factory.pin("RCD")
    assert (pin.pull, pin.bounce, pin.edges, pin.function) == (pull, 0.02, "both", "input")
    bias = {"floating": "DISABLED", "up": "PULL_UP", "down": "PULL_DOWN"}[pull]
    assert kernel.line("RCD").settings.bias.name == bias
    rcd.close()


def test_a_wrong_pull_names_the_line_and_lets_go_of_it(factory, kernel):
    with pytest.raises(DeviceFailed, match=r"RCD.*'sideways', expected one of floating, up, down") as caught:
        Input(factory, InputLine("RCD", pull="sideways"))
    assert caught.tb
    assert kernel.line("RCD").request is None


def test_an_input_cannot_be_driven_and_an_output_without_a_level_stays_as_it_is(factory, kernel):
    pin = factory.pin("RCD")
    pin.function = "input"
    with pytest.raises(AttributeError, match=r"RCD.*is an input"):
        pin.state = True
    with pytest.raises(ValueError, match=r"RCD.*'alt0', expected input or output"):
        pin.function = "alt0"
    coil = factory.pin("CONTACTOR")
    coil.function = "output"
    assert kernel.line("CONTACTOR").history == []
    coil.state = True
    assert kernel.line("CONTACTOR").history == [True]
    coil.close()
    assert kernel.line("CONTACTOR").history == [True, "input"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_what_a_chip_cannot_do_is_said(factory, kernel, number):
    """gpiod raises ValueError and NotImplementedError for these two."""
    kernel.refuses_with = number
    with pytest.raises(DeviceFailed, match=r"line RCD \(.*the chip cannot do this pull, debounce or edge"):
        Input(factory, InputLine("RCD"))


def test_an_error_without_a_text_of_ours_keeps_that_of_the_kernel(factory, kernel):
    contactor = Output(factory, OutputLine("CONTACTOR"))
    kernel.refuses_with = errno.EIO
    with pytest.raises(DeviceFailed, match=r"line CONTACTOR \(.*Input/output error"):
        contactor.drive(True)


@pytest.mark.parametrize(
    ("real", "fake"), [(gpiod.Chip, FakeChip), (gpiod.LineRequest, FakeRequest)], ids=["chip", "request"]
)
def test_the_fake_is_called_as_gpiod_is(real, fake):
    for name in CALLS:
        if hasattr(real, name):
            parameters = [list(inspect.signature(getattr(kind, name)).parameters) for kind in (real, fake)]
            assert parameters[0] == parameters[1], name
