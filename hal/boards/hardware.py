"""Composition of every real board: the drivers, wired as its board file says.

Rule 1: outputs first, the contactor before all others: each is claimed inactive, and inactive again at close.
Rule 2: what fails later leaves all before it safe and released.
Rule 3: nothing here knows a board: what differs between boards is in their files.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from hal.board_model import AdcData, BoardModel, OutputData, VoltageData
from hal.boards.eeprom import calibration_of
from hal.calibration import NONE
from hal.drivers.connector_lock import GpioConnectorLock
from hal.drivers.contactor import GpioContactor
from hal.drivers.gpio_factory import LibgpiodFactory
from hal.drivers.gpio_lines import InputLine, OutputLine, PinFactory
from hal.drivers.heartbeat import GpioHeartbeat
from hal.drivers.i2c_bus import I2cPort, open_smbus
from hal.drivers.mcp3208 import (
    Divider,
    Mcp3208PilotIn,
    Mcp3208ProximityIn,
    Mcp3208RailsIn,
    ProximityChannel,
    RailChannels,
    VoltageChannel,
)
from hal.drivers.phase_switch import GpioPhaseSwitch
from hal.drivers.pilot_pwm import X1_DUTY, PilotPwm, PwmChannel
from hal.drivers.rcd_test import GpioRcdTest
from hal.drivers.shunt_trip import GpioShuntTrip
from hal.drivers.spi_burst import SpiDevice
from hal.drivers.status_led import GpioStatusLed
from hal.drivers.trips import GpioTripInputs
from hal.errors import HalError
from hal.interfaces import (
    Clock,
    ConnectorLock,
    Contactor,
    Heartbeat,
    PhaseSwitch,
    PilotIn,
    PilotOut,
    ProximityIn,
    RailsIn,
    RcdTest,
    ShuntTrip,
    StatusLed,
    TripInputs,
)
from hal.types import Calibration, CalibrationSource, PilotCalibration


class Closeable(Protocol):
    def close(self) -> None: ...


_T = TypeVar("_T")
_D = TypeVar("_D", bound=Closeable | None)


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
        return _as(OutputLine, line)


class HardwareBoard:
    """hal.interfaces.Board. Raises HalError; nothing is left claimed then.

    notes: what the start found that does not keep the board from working, a line each.
    """

    def __init__(self, model: BoardModel, clock: Clock, machine: Machine | None = None) -> None:
        self._opened: list[Closeable] = []
        self.notes: tuple[str, ...] = ()
        machine = machine or Machine()
        pins = machine.open_pins()
        try:
            self._open_outputs(Wiring(model, pins, clock, machine))
            self._open_inputs(model, clock, machine, pins)
        except BaseException:
            self.close()
            pins.close()
            raise
        self._opened.append(pins)

    def close(self) -> None:
        """Contactor open, then every other output inactive and the pilot at F, then let go. Idempotent."""
        while self._opened:
            with suppress(HalError, OSError):  # the next one is to be closed in any case
                self._opened.pop(0).close()

    def _open_outputs(self, wiring: Wiring) -> None:
        self.contactor: Contactor = self._own(open_contactor(wiring))
        self.phase_switch: PhaseSwitch | None = self._own(open_phase_switch(wiring))
        self.heartbeat: Heartbeat = self._own(open_heartbeat(wiring))
        self.shunt_trip: ShuntTrip | None = self._own(open_shunt_trip(wiring))
        self.rcd_test: RcdTest | None = self._own(open_rcd_test(wiring))
        self.lock: ConnectorLock | None = self._own(open_lock(wiring))
        self._pilot_out = self._own(_KnownDuty(open_pilot(wiring)))
        self.pilot_out: PilotOut = self._pilot_out
        self.led: StatusLed = self._own(open_led(wiring))

    def _open_inputs(self, model: BoardModel, clock: Clock, machine: Machine, pins: PinFactory) -> None:
        lines, adc = model.inputs, model.adc
        self.trips: TripInputs = self._own(
            GpioTripInputs(
                pins,
                _as(InputLine, lines.rcd_trip),
                _as(InputLine, lines.emergency_stop),
                _as(InputLine, lines.stop_button) if lines.stop_button else None,
            )
        )
        spi = self._own(machine.open_spi("MCP3208", adc.path, adc.speed_hz))
        found, self.notes = calibration_of(model.eeprom, clock, machine.open_i2c)
        self.calibration = found or _of_board_file(adc.pilot)
        self.pilot_in: PilotIn = Mcp3208PilotIn(
            spi,
            _voltage(adc.pilot, self.calibration.calibration),
            adc.reference_v,
            lambda: self._pilot_out.duty,
            clock.now_s,
        )
        self.proximity_in: ProximityIn | None = _proximity_in(spi, adc, clock)
        self.rails_in: RailsIn | None = _rails_in(spi, adc, clock)

    def _own(self, device: _D) -> _D:
        if device is not None:
            self._opened.append(device)
        return device


def make_outputs_safe(model: BoardModel, clock: Clock, machine: Machine | None = None) -> None:
    """Claims and closes each output for itself: one that fails keeps no other from its safe level.

    Raises HalError with everything that failed.
    """
    machine = machine or Machine()
    pins = machine.open_pins()
    failures: list[HalError] = []
    for open_output in OUTPUTS:
        try:
            device = open_output(Wiring(model, pins, clock, machine))
            if device is not None:
                device.close()
        except HalError as error:
            failures.append(error)
    pins.close()
    if failures:
        raise type(failures[0])("; ".join(map(str, failures)))


class _KnownDuty:
    """A pilot that remembers its duty, so that no bursts of different duty are mixed."""

    def __init__(self, pilot: PilotPwm) -> None:
        self._pilot = pilot
        self.duty = X1_DUTY  # what PilotPwm starts with

    def set_duty(self, duty: float) -> None:
        self._pilot.set_duty(duty)
        self.duty = duty

    def set_connected(self, connected: bool) -> None:
        self._pilot.set_connected(connected)

    def close(self) -> None:
        self._pilot.close()


def open_contactor(wiring: Wiring) -> GpioContactor:
    coil, mirror = wiring.model.outputs.contactor, wiring.model.inputs.mirror
    return GpioContactor(wiring.pins, wiring.output(coil), _as(InputLine, mirror))


def open_phase_switch(wiring: Wiring) -> GpioPhaseSwitch | None:
    line = wiring.model.outputs.phase_switch
    return GpioPhaseSwitch(wiring.pins, wiring.output(line)) if line else None


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
        wiring.pins, wiring.output(lock), wiring.output(unlock), _as(InputLine, position)
    )


def open_pilot(wiring: Wiring) -> PilotPwm:
    disconnect = wiring.output(wiring.model.outputs.pilot_disconnect)
    pwm = _as(PwmChannel, wiring.model.pwm)
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


def _as(kind: type[_T], data: object) -> _T:
    """The driver's own description of what the board file describes in the same words."""
    return msgspec.convert(data, kind, from_attributes=True)


def _of_board_file(data: VoltageData) -> PilotCalibration:
    """What counts without a calibration in the EEPROM."""
    calibration = Calibration(data.gain, data.offset_v)
    source = CalibrationSource.NONE if calibration == NONE else CalibrationSource.BOARD_FILE
    return PilotCalibration(calibration, source)


def _voltage(data: VoltageData, calibration: Calibration | None = None) -> VoltageChannel:
    """calibration goes before the one of the board file."""
    calibration = calibration or Calibration(data.gain, data.offset_v)
    return VoltageChannel(data.channel, _as(Divider, data.divider), calibration)


def _proximity_in(spi: SpiDevice, adc: AdcData, clock: Clock) -> Mcp3208ProximityIn | None:
    if adc.proximity is None:
        return None
    return Mcp3208ProximityIn(spi, _as(ProximityChannel, adc.proximity), clock.now_s)


def _rails_in(spi: SpiDevice, adc: AdcData, clock: Clock) -> Mcp3208RailsIn | None:
    if adc.rails is None:
        return None
    rails = adc.rails
    channels = RailChannels(_voltage(rails.plus_12), _voltage(rails.minus_12), _voltage(rails.plus_5))
    return Mcp3208RailsIn(spi, channels, adc.reference_v, clock.now_s)
