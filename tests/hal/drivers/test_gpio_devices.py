import errno
import select
from itertools import pairwise

import pytest

from hal.drivers.connector_lock import GpioConnectorLock
from hal.drivers.contactor import GpioContactor
from hal.drivers.gpio_lines import InputLine, Output, OutputLine
from hal.drivers.heartbeat import GpioHeartbeat
from hal.drivers.phase_switch import GpioPhaseSwitch
from hal.drivers.rcd_test import GpioRcdTest
from hal.drivers.shunt_trip import GpioShuntTrip
from hal.drivers.status_led import GpioStatusLed
from hal.drivers.trips import GpioTripInputs
from hal.errors import DeviceFailed, DeviceMissing, LineBusy
from hal.types import Led, LockDrive
from tests.hal.drivers.gpio_bench import KernelRig, MockRig


@pytest.fixture(params=[KernelRig, MockRig])
def rig(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture
def kernel_rig(tmp_path):
    return KernelRig(tmp_path)


def out(n, active_high=True):
    return OutputLine(f"GPIO{n}", active_high)


def on(device):
    device.drive(True)


def lock(device):
    device.drive(LockDrive.LOCK)


def unlock(device):
    device.drive(LockDrive.UNLOCK)


RED, BLUE = Led(red=True), Led(blue=True)
IN_5, OUT_5, IN_6, OUT_6 = InputLine("GPIO5"), out(5), InputLine("GPIO6"), out(6)

# fmt: off
POWERED = (
    # device          with its line GPIO4                                       made active
    ("contactor",    lambda f, line: GpioContactor(f, line, IN_5),             on),
    ("phase_switch", lambda f, line: GpioPhaseSwitch(f, line),                 on),
    ("lock",         lambda f, line: GpioConnectorLock(f, line, OUT_5, IN_6),  lock),
    ("unlock",       lambda f, line: GpioConnectorLock(f, OUT_5, line, IN_6),  unlock),
    ("heartbeat",    lambda f, line: GpioHeartbeat(f, line),                   lambda d: d.toggle()),
    ("rcd_test",     lambda f, line: GpioRcdTest(f, line),                     on),
    ("shunt_trip",   lambda f, line: GpioShuntTrip(f, line),                   on),
    ("red",          lambda f, line: GpioStatusLed(f, line, OUT_5, OUT_6),     lambda d: d.show(RED, True)),
    ("blue",         lambda f, line: GpioStatusLed(f, OUT_5, OUT_6, line),     lambda d: d.show(BLUE, True)),
)
# fmt: on


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize(("name", "make", "activate"), POWERED, ids=[row[0] for row in POWERED])
def test_a_powered_output_starts_safe_and_stops_safe(rig, name, make, activate, active_high):
    device = make(rig.factory, out(4, active_high))
    assert rig.high("GPIO4") is not active_high
    activate(device)
    assert rig.high("GPIO4") is active_high
    device.close()
    device.close()
    assert rig.levels("GPIO4")[-3:] == [not active_high, active_high, not active_high]


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize(("name", "make", "activate"), POWERED, ids=[row[0] for row in POWERED])
def test_on_the_kernel_it_has_no_other_level_in_between(kernel_rig, name, make, activate, active_high):
    device = make(kernel_rig.factory, out(4, active_high))
    activate(device)
    kernel_rig.factory.close()
    on, off = active_high, not active_high
    assert kernel_rig.kernel.line("GPIO4").history == [off, on, off, "input"]


@pytest.mark.parametrize("high", [True, False])
@pytest.mark.parametrize("active_high", [True, False])
def test_a_phase_switch_beside_closed_contacts_leaves_its_line_alone(rig, active_high, high):
    if high:
        rig.drive_by_somebody_else("GPIO4")
    before = rig.levels("GPIO4")
    switch = GpioPhaseSwitch(rig.factory, out(4, active_high), contacts_closed=True)
    assert rig.high("GPIO4") is high
    assert rig.levels("GPIO4") == before
    switch.drive(True)
    assert rig.high("GPIO4") is active_high
    switch.drive(False)
    switch.close()
    assert rig.levels("GPIO4")[-1] is not active_high


def test_a_phase_switch_that_is_held_ends_where_it_is(kernel_rig):
    kernel_rig.kernel.keeps_outputs = True
    switch = GpioPhaseSwitch(kernel_rig.factory, out(4))
    switch.drive(True)
    switch.hold()
    switch.close()
    switch.close()
    assert kernel_rig.kernel.line("GPIO4").history == [False, True]
    assert kernel_rig.high("GPIO4")


SEVERAL_LINES = (
    lambda f: GpioContactor(f, out(4), InputLine("GPIO19")),
    lambda f: GpioConnectorLock(f, out(4), out(5), InputLine("GPIO19")),
    lambda f: GpioConnectorLock(f, out(4), out(19), InputLine("GPIO5")),
    lambda f: GpioStatusLed(f, out(4), out(5), out(19)),
    lambda f: GpioTripInputs(f, InputLine("GPIO4"), InputLine("GPIO5"), InputLine("GPIO19")),
)


@pytest.mark.parametrize("make", SEVERAL_LINES)
def test_a_device_whose_last_line_is_taken_lets_go_of_the_others(rig, make):
    taken = Output(rig.factory, out(19))
    with pytest.raises(LineBusy, match="GPIO19") as caught:
        make(rig.factory)
    assert caught.tb  # the error keeps the half-made device from the garbage collector, which closes, too
    assert rig.high("GPIO4") is False
    Output(rig.factory, out(4)).close()
    taken.close()
    make(rig.factory)


def test_a_line_that_does_not_exist_is_missing(rig):
    with pytest.raises(DeviceMissing, match="line NOWHERE"):
        Output(rig.factory, OutputLine("NOWHERE"))


def test_a_closed_output_refuses_with_a_clear_error(rig):
    contactor = GpioContactor(rig.factory, out(4), InputLine("GPIO5"))
    contactor.close()
    with pytest.raises(DeviceFailed, match="line GPIO4"):
        contactor.drive(True)
    with pytest.raises(DeviceFailed, match="line GPIO5"):
        contactor.mirror_closed()


@pytest.mark.parametrize("active_high", [True, False])
def test_inputs_say_what_they_mean_whatever_the_polarity(rig, active_high):
    contactor = GpioContactor(rig.factory, out(4), InputLine("GPIO5", active_high))
    lock = GpioConnectorLock(rig.factory, out(6), out(7), InputLine("GPIO8", active_high))
    for active in (True, False):
        rig.put("GPIO5", active is active_high)
        rig.put("GPIO8", active is active_high)
        assert contactor.mirror_closed() is active
        assert lock.locked() is active


def test_a_pull_does_not_decide_the_polarity(rig):
    """A contact that opens in danger: pulled up, active high."""
    rig.put("GPIO5", True)
    trips = GpioTripInputs(
        rig.factory, InputLine("GPIO4"), InputLine("GPIO5", active_high=True, pull="up"), None
    )
    assert trips.emergency_stop()
    rig.put("GPIO5", False)
    trips.emergency_stop()
    assert not trips.emergency_stop()


@pytest.mark.parametrize("active_high", [True, False])
def test_the_motor_lines_are_never_active_together(kernel_rig, active_high):
    lines = [kernel_rig.kernel.line(name) for name in ("GPIO4", "GPIO5")]
    seen = []
    lock = GpioConnectorLock(kernel_rig.factory, out(4, active_high), out(5, active_high), InputLine("GPIO6"))
    for line in lines:
        put = line.put

        def watched(value, put=put):
            put(value)
            seen.append([line.high is active_high for line in lines])

        line.put = watched
    for before, after in pairwise([d for a in LockDrive for b in LockDrive for d in (a, b)]):
        lock.drive(before)
        lock.drive(after)
        wanted = {
            LockDrive.OFF: [False, False],
            LockDrive.LOCK: [True, False],
            LockDrive.UNLOCK: [False, True],
        }
        assert seen[-1] == wanted[after]
    assert [True, True] not in seen


def test_the_heartbeat_makes_one_edge_a_toggle(rig):
    heartbeat = GpioHeartbeat(rig.factory, out(4))
    levels = []
    for _ in range(4):
        heartbeat.toggle()
        levels.append(rig.high("GPIO4"))
    assert levels == [True, False, True, False]


def test_a_lost_toggle_is_made_up_for(kernel_rig):
    """An edge that failed must not turn the next toggle into none."""
    heartbeat = GpioHeartbeat(kernel_rig.factory, out(4))
    kernel_rig.kernel.refuses_with = errno.ENODEV
    with pytest.raises(DeviceMissing, match="GPIO4"):
        heartbeat.toggle()
    kernel_rig.kernel.refuses_with = 0
    heartbeat.toggle()
    assert kernel_rig.high("GPIO4") is True


@pytest.mark.parametrize("lit", [True, False])
def test_the_led_shows_its_colour_only_while_lit(rig, lit):
    led = GpioStatusLed(rig.factory, out(4), out(5, active_high=False), out(6))
    for colour in (RED, Led(green=True), BLUE, Led(red=True, green=True), Led()):
        led.show(colour, lit)
        assert rig.high("GPIO4") is (lit and colour.red)
        assert rig.high("GPIO5") is not (lit and colour.green)
        assert rig.high("GPIO6") is (lit and colour.blue)


def trips_on(rig, debounce_s=0.0):
    return GpioTripInputs(
        rig.factory,
        InputLine("GPIO4", active_high=True, debounce_s=debounce_s),
        InputLine("GPIO5", active_high=False),
        InputLine("GPIO6"),
    )


def readings(trips):
    return trips.rcd_tripped(), trips.emergency_stop(), trips.stop_pressed()


def test_each_trip_has_its_own_line(rig):
    rig.put("GPIO5", True)
    trips = trips_on(rig)
    assert readings(trips) == (False, False, False)
    rig.put("GPIO4", True)
    assert readings(trips) == (True, False, False)
    rig.put("GPIO5", False)
    assert readings(trips) == (True, True, False)
    rig.put("GPIO6", True)
    assert readings(trips) == (True, True, True)


def test_a_board_without_a_stop_button_has_none_pressed(rig):
    trips = GpioTripInputs(rig.factory, InputLine("GPIO4"), InputLine("GPIO5"), None)
    assert trips.stop_pressed() is False
    trips.close()


def test_a_pulse_between_two_reads_counts_once(kernel_rig):
    kernel_rig.put("GPIO5", True)
    trips = trips_on(kernel_rig)
    kernel_rig.kernel.line("GPIO4").pulse(True, 0.001, 1.0)
    assert readings(trips) == (True, False, False)
    assert readings(trips) == (False, False, False)
    kernel_rig.kernel.line("GPIO5").pulse(False, 0.001, 2.0)
    assert readings(trips) == (False, True, False)
    assert readings(trips) == (False, False, False)


def test_a_pulse_waits_for_the_read_of_its_own_line(kernel_rig):
    kernel_rig.put("GPIO5", True)
    trips = trips_on(kernel_rig)
    for high in (True, False):
        kernel_rig.put("GPIO4", high)
        assert trips.emergency_stop() is False
    assert readings(trips) == (True, False, False)


def test_a_pulse_shorter_than_the_debounce_does_not(kernel_rig):
    kernel_rig.put("GPIO5", True)
    trips = trips_on(kernel_rig, debounce_s=0.05)
    kernel_rig.kernel.line("GPIO4").pulse(True, 0.04, 1.0)
    assert trips.rcd_tripped() is False


@pytest.mark.parametrize("name", ["GPIO4", "GPIO5", "GPIO6"])
def test_an_edge_of_any_line_wakes_until_any_is_read(kernel_rig, name):
    trips = trips_on(kernel_rig)
    assert not woken(trips)
    kernel_rig.put(name, True)
    assert woken(trips)
    trips.rcd_tripped()
    assert not woken(trips)


def woken(trips):
    return bool(select.select([trips.wake_fd()], [], [], 0)[0])


def test_pins_without_kernel_edges_wake_nobody(tmp_path):
    trips = trips_on(MockRig(tmp_path))
    assert trips.wake_fd() is None
    trips.close()


def test_closed_trips_have_no_descriptor_and_no_line(kernel_rig):
    trips = trips_on(kernel_rig)
    trips.close()
    trips.close()
    assert trips.wake_fd() is None
    assert all(kernel_rig.kernel.line(name).request is None for name in ("GPIO4", "GPIO5", "GPIO6"))
    with pytest.raises(DeviceFailed, match="GPIO4"):
        trips.rcd_tripped()
