"""Composition of every real board: the drivers, wired as its board file says.

Rule 1: outputs first, the contactor before all others: each is claimed inactive, and inactive again at close.
Rule 2: but the phase switch is not moved while the contactor's mirror reads closed, or cannot be read.
Rule 3: what fails later leaves all before it safe and released.
Rule 4: nothing here knows a board: what differs between boards is in their files.
"""

from contextlib import suppress
from typing import TypeVar

from hal.board_model import AdcData, BoardModel, VoltageData
from hal.boards.eeprom import calibration_of
from hal.boards.outputs import (
    OUTPUTS,
    Closeable,
    Machine,
    Wiring,
    open_contactor,
    open_heartbeat,
    open_led,
    open_lock,
    open_phase_switch,
    open_pilot,
    open_rcd_test,
    open_shunt_trip,
    reads_closed,
    wired,
)
from hal.calibration import NONE
from hal.drivers.gpio_lines import InputLine, PinFactory
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
from hal.drivers.pilot_pwm import X1_DUTY, PilotPwm
from hal.drivers.spi_burst import SpiDevice
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

_D = TypeVar("_D", bound=Closeable | None)


class HardwareBoard:
    """hal.interfaces.Board. Raises HalError; nothing is left claimed then.

    notes: what the start found that does not keep the board from working, a line each.
    """

    def __init__(self, model: BoardModel, clock: Clock, machine: Machine | None = None) -> None:
        self._opened: list[Closeable] = []
        self._switch: GpioPhaseSwitch | None = None
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
        if self._opened and self._switch is not None and reads_closed(self.contactor.mirror_closed):
            self._switch.hold()
        while self._opened:
            with suppress(HalError, OSError):  # the next one is to be closed in any case
                self._opened.pop(0).close()

    def _open_outputs(self, wiring: Wiring) -> None:
        self.contactor: Contactor = self._own(open_contactor(wiring))
        self._switch = self._own(open_phase_switch(wiring, self.contactor.mirror_closed))
        self.phase_switch: PhaseSwitch | None = self._switch
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
                wired(InputLine, lines.rcd_trip),
                wired(InputLine, lines.emergency_stop),
                wired(InputLine, lines.stop_button) if lines.stop_button else None,
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


def _of_board_file(data: VoltageData) -> PilotCalibration:
    """What counts without a calibration in the EEPROM."""
    calibration = Calibration(data.gain, data.offset_v)
    source = CalibrationSource.NONE if calibration == NONE else CalibrationSource.BOARD_FILE
    return PilotCalibration(calibration, source)


def _voltage(data: VoltageData, calibration: Calibration | None = None) -> VoltageChannel:
    """calibration goes before the one of the board file."""
    calibration = calibration or Calibration(data.gain, data.offset_v)
    return VoltageChannel(data.channel, wired(Divider, data.divider), calibration)


def _proximity_in(spi: SpiDevice, adc: AdcData, clock: Clock) -> Mcp3208ProximityIn | None:
    if adc.proximity is None:
        return None
    return Mcp3208ProximityIn(spi, wired(ProximityChannel, adc.proximity), clock.now_s)


def _rails_in(spi: SpiDevice, adc: AdcData, clock: Clock) -> Mcp3208RailsIn | None:
    if adc.rails is None:
        return None
    rails = adc.rails
    channels = RailChannels(_voltage(rails.plus_12), _voltage(rails.minus_12), _voltage(rails.plus_5))
    return Mcp3208RailsIn(spi, channels, adc.reference_v, clock.now_s)
