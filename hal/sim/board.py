"""The simulated board: hal.interfaces over the line file.

Rule 1: constructing it claims the lines and makes them safe; closing makes them safe and releases them.
Rule 2: it knows no physics: it drives lines and reads lines, with the ADC's true burst time.
"""

from hal.board_record import pilot_calibration
from hal.calibration import NONE, corrected
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
from hal.pilot_burst import BurstWindow
from hal.sim.adc import BURST_N, BURST_S, BurstSource
from hal.sim.eeprom import sim_eeprom
from hal.sim.lines import INDEX, ConnectorType, Lines
from hal.types import (
    Calibration,
    CpReading,
    Led,
    LockDrive,
    Missing,
    PilotCalibration,
    PpReading,
    RailsReading,
)

LOCK_MOTOR = {LockDrive.OFF: 0.0, LockDrive.LOCK: 1.0, LockDrive.UNLOCK: -1.0}
WORLD_STALE_S = 2.0  # the world advances every few ms; one that stands still has died
X1_DUTY = 1.0
F_DUTY = 0.0

# fmt: off
_DUTY           = INDEX["duty"]
_CP_CONNECTED   = INDEX["cp_connected"]
_CONTACTOR      = INDEX["contactor"]
_PHASE_SWITCH   = INDEX["phase_switch"]
_LOCK_MOTOR     = INDEX["lock_motor"]
_HEARTBEAT      = INDEX["heartbeat"]
_HEARTBEAT_AT_S = INDEX["heartbeat_at_s"]
_SHUNT_TRIP     = INDEX["shunt_trip"]
_RCD_TEST       = INDEX["rcd_test"]
_LED_RGB        = INDEX["led_rgb"]
_CP_POS_V       = INDEX["cp_pos_v"]
_CP_NEG_V       = INDEX["cp_neg_v"]
_CP_NOISE_V     = INDEX["cp_noise_v"]
_PP_OHM         = INDEX["pp_ohm"]
_MIRROR         = INDEX["mirror"]
_LOCK_LOCKED    = INDEX["lock_locked"]
_RCD_TRIPPED    = INDEX["rcd_tripped"]
_EMERGENCY_STOP = INDEX["emergency_stop"]
_STOP_BUTTON    = INDEX["stop_button"]
_PLUS_12_V      = INDEX["plus_12_v"]
_MINUS_12_V     = INDEX["minus_12_v"]
_PLUS_5_V       = INDEX["plus_5_v"]
_WORLD_AT_S     = INDEX["world_at_s"]
# fmt: on


def _stands_still(cells: "memoryview[float]", clock: Clock) -> Missing | None:
    world_at_s = cells[_WORLD_AT_S]
    if clock.now_s() - world_at_s <= WORLD_STALE_S:
        return None
    return Missing("the simulated world stands still", world_at_s)


class SimPilotOut:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def set_duty(self, duty: float) -> None:
        if not 0.0 <= duty <= 1.0:
            raise ValueError(f"duty {duty}: expected a fraction between 0 and 1")
        self._lines.drive(_DUTY, duty, self._clock.now_s())

    def set_connected(self, connected: bool) -> None:
        self._lines.drive(_CP_CONNECTED, connected, self._clock.now_s())


class BurstPilotIn:
    """ADC burst of 64 samples; the levels may change between its halves."""

    def __init__(self, lines: Lines, clock: Clock, seed: int) -> None:
        self._cells = lines.cells
        self._clock = clock
        self._calibration = NONE
        self._source = BurstSource(seed)
        self._window = BurstWindow()

    def read(self) -> CpReading | Missing:
        if missing := _stands_still(self._cells, self._clock):
            return missing
        self._source.start()
        samples_v = self._half(0)
        self._clock.sleep(BURST_S)
        samples_v += self._half(1)
        return corrected(self._window.push(samples_v, self._cells[_DUTY]), self._calibration)

    def calibrate(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def _half(self, which: int) -> tuple[float, ...]:
        cells = self._cells
        return self._source.half(which, cells[_CP_POS_V], cells[_CP_NEG_V], cells[_DUTY], cells[_CP_NOISE_V])


class IdealPilotIn:
    """Exact plateaus at no cost in time, for long tests of logic."""

    def __init__(self, lines: Lines) -> None:
        self._cells = lines.cells
        self._calibration = NONE

    def read(self) -> CpReading | Missing:
        return corrected(self._exact(), self._calibration)

    def calibrate(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def _exact(self) -> CpReading:
        duty = self._cells[_DUTY]
        high_v = self._cells[_CP_POS_V if duty > F_DUTY else _CP_NEG_V]
        low_v = self._cells[_CP_NEG_V if duty < X1_DUTY else _CP_POS_V]
        if high_v == low_v:
            return CpReading(high_v, low_v, BURST_N, BURST_N)
        return CpReading(high_v, low_v, BURST_N // 2, BURST_N // 2)


class SimProximityIn:
    def __init__(self, lines: Lines) -> None:
        self._cells = lines.cells

    def read(self) -> PpReading:
        return PpReading(self._cells[_PP_OHM])


class SimContactorDrive:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def drive(self, closed: bool) -> None:
        self._lines.drive(_CONTACTOR, closed, self._clock.now_s())

    def mirror_closed(self) -> bool:
        return self._lines.cells[_MIRROR] != 0.0


class SimLockDrive:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def drive(self, direction: LockDrive) -> None:
        self._lines.drive(_LOCK_MOTOR, LOCK_MOTOR[direction], self._clock.now_s())

    def locked(self) -> bool:
        return self._lines.cells[_LOCK_LOCKED] != 0.0


class SimHeartbeat:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def toggle(self) -> None:
        now_s = self._clock.now_s()
        self._lines.drive(_HEARTBEAT_AT_S, now_s, now_s)
        self._lines.drive(_HEARTBEAT, self._lines.cells[_HEARTBEAT] + 1.0, now_s)


class SimShuntTrip:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def drive(self, on: bool) -> None:
        self._lines.drive(_SHUNT_TRIP, on, self._clock.now_s())


class SimPhaseSwitch:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def drive(self, three_phases: bool) -> None:
        self._lines.drive(_PHASE_SWITCH, three_phases, self._clock.now_s())


class SimRcdTest:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def drive(self, on: bool) -> None:
        self._lines.drive(_RCD_TEST, on, self._clock.now_s())


class SimRailsIn:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._cells = lines.cells
        self._clock = clock

    def read(self) -> RailsReading | Missing:
        if missing := _stands_still(self._cells, self._clock):
            return missing
        cells = self._cells
        return RailsReading(cells[_PLUS_12_V], cells[_MINUS_12_V], cells[_PLUS_5_V])


class SimTripInputs:
    def __init__(self, lines: Lines) -> None:
        self._cells = lines.cells

    def rcd_tripped(self) -> bool:
        return self._cells[_RCD_TRIPPED] != 0.0

    def emergency_stop(self) -> bool:
        return self._cells[_EMERGENCY_STOP] != 0.0

    def stop_pressed(self) -> bool:
        return self._cells[_STOP_BUTTON] != 0.0

    def wake_fd(self) -> None:
        """A line in shared memory wakes nobody."""
        return


class SimStatusLed:
    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def show(self, led: Led, lit: bool) -> None:
        rgb = led.red | led.green << 1 | led.blue << 2 if lit else 0
        self._lines.drive(_LED_RGB, rgb, self._clock.now_s())


class SimBoard:
    """Board on these lines; ideal_pilot reads the plateaus without bursts. LineBusy if they are owned."""

    def __init__(self, lines: Lines, clock: Clock, *, ideal_pilot: bool = False, seed: int = 1) -> None:
        lines.claim()
        self._lines = lines
        self._clock = clock
        self._closed = False
        socket = lines.get("connector_type") == ConnectorType.SOCKET
        self.pilot_out: PilotOut = SimPilotOut(lines, clock)
        found, self.notes = pilot_calibration(sim_eeprom(lambda: lines.eeprom))
        self.calibration = found or PilotCalibration()
        self.pilot_in: PilotIn = IdealPilotIn(lines) if ideal_pilot else BurstPilotIn(lines, clock, seed)
        self.pilot_in.calibrate(self.calibration.calibration)
        self.proximity_in: ProximityIn | None = SimProximityIn(lines) if socket else None
        self.contactor: Contactor = SimContactorDrive(lines, clock)
        self.lock: ConnectorLock | None = SimLockDrive(lines, clock) if socket else None
        self.heartbeat: Heartbeat = SimHeartbeat(lines, clock)
        self.shunt_trip: ShuntTrip | None = SimShuntTrip(lines, clock)
        self.phase_switch: PhaseSwitch | None = SimPhaseSwitch(lines, clock)
        self.rails_in: RailsIn | None = SimRailsIn(lines, clock)
        self.rcd_test: RcdTest | None = SimRcdTest(lines, clock)
        self.trips: TripInputs = SimTripInputs(lines)
        self.led: StatusLed = SimStatusLed(lines, clock)
        self._make_safe(X1_DUTY)
        self.pilot_out.set_connected(True)

    def close(self) -> None:
        """Contactor off, lock still, three phases if it was off, pilot F, then release. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._make_safe(F_DUTY)
        self._lines.release()

    def _make_safe(self, duty: float) -> None:
        now_s = self._clock.now_s()
        contacts_closed = self.contactor.mirror_closed()
        for line in (_CONTACTOR, _LOCK_MOTOR, _HEARTBEAT, _SHUNT_TRIP, _RCD_TEST, _LED_RGB):
            self._lines.drive(line, 0.0, now_s)
        if not contacts_closed:  # else the phases stay as they are: at the claim as whoever left them
            self._lines.drive(_PHASE_SWITCH, 1.0, now_s)
        self._lines.drive(_DUTY, duty, now_s)
