"""Each output of a real board as its file wires it, opened by itself: inactive, and inactive again at close.

Rule: but the phase switch is not moved while the contactor's mirror reads closed, or cannot be read.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from hal.board_model import BoardModel, OutputData
from hal.drivers.connector_lock import GpioConnectorLock
from hal.drivers.contactor import GpioContactor
from hal.drivers.gpio_factory import LibgpiodFactory
from hal.drivers.gpio_lines import Input, InputLine, OutputLine, PinFactory
from hal.drivers.heartbeat import GpioHeartbeat
from hal.drivers.i2c_bus import I2cPort, open_smbus
from hal.drivers.phase_switch import GpioPhaseSwitch
from hal.drivers.pilot_pwm import PilotPwm, PwmChannel
from hal.drivers.rcd_test import GpioRcdTest
from hal.drivers.shunt_trip import GpioShuntTrip
from hal.drivers.spi_burst import SpiDevice
from hal.drivers.status_led import GpioStatusLed
from hal.errors import HalError
from hal.interfaces import Clock

_T = TypeVar("_T")


class Closeable(Protocol):
    def close(self) -> None: ...


class Machine(msgspec.Struct, frozen=True):
    """The kernel's interfaces that a board is opened on; a test hands in others."""

    open_pins: Callable[[], PinFactory] = LibgpiodFactory
    open_spi: Callable[[str, str, int], SpiDevice] = SpiDevice  # name in messages, path, speed in Hz
    open_i2c: Callable[[str], I2cPort] = open_smbus
    pwm_sysfs: Path = Path("/sys/class/pwm")


class Wiring(msgspec.Struct, frozen=True):
    """What every output is opened with."""

    model: BoardModel
    pins: PinFactory
    clock: Clock
    machine: Machine

    def output(self, line: OutputData) -> OutputLine:
        return wired(OutputLine, line)


def open_contactor(wiring: Wiring) -> GpioContactor:
    coil, mirror = wiring.model.outputs.contactor, wiring.model.inputs.mirror
    return GpioContactor(wiring.pins, wiring.output(coil), wired(InputLine, mirror))


def open_phase_switch(
    wiring: Wiring, mirror_closed: Callable[[], bool] | None = None
) -> GpioPhaseSwitch | None:
    """mirror_closed: of a contactor that is open here; else its mirror line is claimed for one look."""
    line = wiring.model.outputs.phase_switch
    if line is None:
        return None
    contacts_closed = reads_closed(mirror_closed or partial(_mirror_closed, wiring))
    return GpioPhaseSwitch(wiring.pins, wiring.output(line), contacts_closed)


def _mirror_closed(wiring: Wiring) -> bool:
    mirror = Input(wiring.pins, wired(InputLine, wiring.model.inputs.mirror))
    try:
        return mirror.active()
    finally:
        mirror.close()


def reads_closed(mirror_closed: Callable[[], bool]) -> bool:
    """An unknown contactor is no open one."""
    try:
        return mirror_closed()
    except HalError:
        return True


def open_heartbeat(wiring: Wiring) -> GpioHeartbeat:
    return GpioHeartbeat(wiring.pins, wiring.output(wiring.model.outputs.heartbeat))


def open_shunt_trip(wiring: Wiring) -> GpioShuntTrip | None:
    line = wiring.model.outputs.shunt_trip
    return GpioShuntTrip(wiring.pins, wiring.output(line)) if line else None


def open_rcd_test(wiring: Wiring) -> GpioRcdTest | None:
    line = wiring.model.outputs.rcd_test
    return GpioRcdTest(wiring.pins, wiring.output(line)) if line else None


def open_lock(wiring: Wiring) -> GpioConnectorLock | None:
    lock, unlock = wiring.model.outputs.lock, wiring.model.outputs.unlock
    position = wiring.model.inputs.lock_position
    if lock is None or unlock is None or position is None:
        return None
    return GpioConnectorLock(
        wiring.pins, wiring.output(lock), wiring.output(unlock), wired(InputLine, position)
    )


def open_pilot(wiring: Wiring) -> PilotPwm:
    disconnect = wiring.output(wiring.model.outputs.pilot_disconnect)
    pwm = wired(PwmChannel, wiring.model.pwm)
    return PilotPwm(pwm, wiring.pins, disconnect, wiring.clock, wiring.machine.pwm_sysfs)


def open_led(wiring: Wiring) -> GpioStatusLed:
    lines = wiring.model.outputs
    colours = (lines.led_red, lines.led_green, lines.led_blue)
    return GpioStatusLed(wiring.pins, *map(wiring.output, colours))


OUTPUTS: tuple[Callable[[Wiring], Closeable | None], ...] = (
    open_contactor,
    open_phase_switch,
    open_heartbeat,
    open_shunt_trip,
    open_rcd_test,
    open_lock,
    open_pilot,
    open_led,
)


def wired(kind: type[_T], data: object) -> _T:
    """The driver's own description of what the board file describes in the same words."""
    return msgspec.convert(data, kind, from_attributes=True)
