"""The world around the board: physics from one moment to the next, and nothing else.

Rule 1: no clock, thread or I/O but the lines; the same calls give the same world.
Rule 2: a wish (plug in, pause, weld ...) takes effect in the next advance().
Rule 3: the coil gate is the last word: drive line, fresh heartbeat, mains and an RCD that has not tripped.
"""

import math
import random

from hal.sim.cable import Cable
from hal.sim.circuit import levels_v
from hal.sim.energy import SimMeter
from hal.sim.ev import PILOT_ABSENT_DUTY, Ev
from hal.sim.lines import INDEX, ConnectorType, Lines
from hal.sim.outlet import SimContactor, SimLock, SimRcd
from hal.sim.trace import Trace, TraceEntry
from hal.types import MeterReading

MAX_STEP_S = 0.02  # longer advances are cut, so that ramps and reactions keep their times
HEARTBEAT_WINDOW_S = 0.1  # of the window watchdog in the coil driver
MAINS_PRESENT_V = 100.0  # a 230 V coil has long dropped out
START_TEMPERATURE_C = 25.0
NOMINAL_V = 230.0
PILOT_NOISE_V = 0.01  # 100 mV peak to peak of ripple is allowed on the generator

# fmt: off
_DUTY           = INDEX["duty"]
_CP_CONNECTED   = INDEX["cp_connected"]
_CONTACTOR      = INDEX["contactor"]
_LOCK_MOTOR     = INDEX["lock_motor"]
_HEARTBEAT      = INDEX["heartbeat"]
_HEARTBEAT_AT_S = INDEX["heartbeat_at_s"]
_SHUNT_TRIP     = INDEX["shunt_trip"]
_WORLD_AT_S     = INDEX["world_at_s"]
_CP_POS_V       = INDEX["cp_pos_v"]
_CP_NEG_V       = INDEX["cp_neg_v"]
_CP_NOISE_V     = INDEX["cp_noise_v"]
_PP_OHM         = INDEX["pp_ohm"]
_MIRROR         = INDEX["mirror"]
_LOCK_LOCKED    = INDEX["lock_locked"]
_RCD_TRIPPED    = INDEX["rcd_tripped"]
_EMERGENCY_STOP = INDEX["emergency_stop"]
_TEMPERATURE_C  = INDEX["temperature_c"]
_MAINS_V        = INDEX["mains_v"]
# fmt: on


class World:
    """One outlet with its EV. Parts that may be told something: ev, cable, contactor, lock, rcd."""

    def __init__(
        self,
        lines: Lines,
        *,
        seed: int = 1,
        cable_ampacity_a: int = 32,
        connector_type: ConnectorType = ConnectorType.SOCKET,
    ) -> None:
        self.now_s = -math.inf  # of the last advance; the first one only sets it
        self.ev = Ev(random.Random(seed))
        self.cable = Cable(cable_ampacity_a, tethered=connector_type is ConnectorType.CABLE)
        self.contactor = SimContactor()
        self.lock = SimLock()
        self.rcd = SimRcd()
        self.meter = SimMeter()
        self.meter_silent = False
        self._mains_v = NOMINAL_V
        self._breaker_closed = True
        self._temperature_c = START_TEMPERATURE_C
        self._noise_v = PILOT_NOISE_V
        self._emergency_stop = False
        self._lines = lines
        self._cells = lines.cells
        self._changes = lines.reader()
        self._owned = False
        self._duty = self._cells[_DUTY]
        self._driven = self._cells[_CONTACTOR] != 0.0
        self._lock_motor = self._cells[_LOCK_MOTOR]
        self._heartbeat_lost = True
        self._levels_of: tuple[str, bool, bool] = ("", False, False)
        self._trace = Trace(self._trace_levels())
        self._cells[INDEX["connector_type"]] = connector_type
        self._publish()

    def plug_in(self) -> None:
        self.cable.plug_in()

    def unplug(self) -> None:
        self.cable.unplug()
        self.ev.disconnect()

    def reset_ev(self) -> None:
        """EV, cable and what leaks through them back to defaults; the station keeps what it was told."""
        self.ev.reset()
        self.cable.reset()
        self.rcd.leak(0.0)

    def silence_meter(self, silent: bool) -> None:
        self.meter_silent = silent

    def set_mains(self, voltage_v: float) -> None:
        """Supply per phase; a person has also closed the breaker that a shunt trip opened."""
        self._mains_v = voltage_v
        self._breaker_closed = True

    def set_temperature(self, temperature_c: float) -> None:
        self._temperature_c = temperature_c

    def set_noise(self, noise_v: float) -> None:
        """Standard deviation of the noise on the pilot."""
        self._noise_v = noise_v

    def press_emergency_stop(self, pressed: bool) -> None:
        self._emergency_stop = pressed

    def pilot_duty(self) -> float:
        """Duty at the EV; 0 while the generator is off the outlet."""
        return self._duty if self._cells[_CP_CONNECTED] else PILOT_ABSENT_DUTY

    def meter_values(self) -> MeterReading:
        return self.meter.reading(self.now_s)

    def drain_trace(self) -> list[TraceEntry]:
        """Changes of physical lines since the last call, in order of time."""
        return self._trace.drain()

    def advance(self, now_s: float) -> None:
        """Physics up to now_s (monotonic seconds), which never goes back."""
        if self.now_s == -math.inf:
            self.now_s = now_s
        self._take_changes(now_s)
        self._watch_owner(now_s)
        self._run_to(now_s)
        self._publish()

    def _take_changes(self, now_s: float) -> None:
        lost_n = self._changes.lost_n
        for at_s, line, value in self._changes.drain():
            self._run_to(min(at_s, now_s))
            self._follow_board(at_s, line, value)
        if self._changes.lost_n != lost_n:  # the ring no longer tells all: the levels do
            for line in (_DUTY, _CONTACTOR, _LOCK_MOTOR):
                self._follow_board(now_s, line, self._cells[line])

    def _trace_levels(self) -> dict[str, bool | float | str]:
        return {
            "cp": "A",
            "s2": False,
            "duty": self._duty,
            "contactor": self._driven,
            "mirror": False,
            "lock": False,
            "rcd": False,
            "heartbeat_lost": self._heartbeat_lost,
        }

    def _follow_board(self, at_s: float, line: int, value: float) -> None:
        if line == _DUTY:
            self._duty = value
            self._trace.note("duty", value, at_s)
        elif line == _CONTACTOR:
            self._driven = value != 0.0
            self._trace.note("contactor", self._driven, at_s)
            self._gate_coil(at_s)
        else:
            self._lock_motor = value

    def _watch_owner(self, now_s: float) -> None:
        """Lines of a dead owner fall to their pull, as the kernel does it; the hardware PWM goes on."""
        alive = self._lines.owner_alive()
        if self._owned and not alive:
            for line in (_CONTACTOR, _LOCK_MOTOR, _HEARTBEAT):
                self._cells[line] = 0.0
            self._follow_board(now_s, _CONTACTOR, 0.0)
            self._follow_board(now_s, _LOCK_MOTOR, 0.0)
        self._owned = alive

    def _run_to(self, to_s: float) -> None:
        while to_s - self.now_s > MAX_STEP_S:
            self._step(self.now_s + MAX_STEP_S)
        if to_s >= self.now_s:
            self._step(to_s)

    def _step(self, to_s: float) -> None:
        from_s = self.now_s
        if self._cells[_SHUNT_TRIP]:
            self._breaker_closed = False
        self._watch_heartbeat(from_s, to_s)
        self.rcd.step(self.contactor.closed, self._driven)
        self._gate_coil(from_s)
        self.contactor.step(to_s)
        self.lock.step(to_s - from_s, self._lock_motor)
        self.cable.step(to_s, self.lock.open)
        self._step_power(from_s, to_s)
        self.now_s = to_s

    def _step_power(self, from_s: float, to_s: float) -> None:
        supply_v = self._supply_v()
        plugged = self.cable.connected
        powered = plugged and self.contactor.closed and supply_v >= MAINS_PRESENT_V
        self.ev.step(from_s, to_s, self.pilot_duty(), plugged, powered)
        self.meter.step(to_s - from_s, supply_v, self.ev.current_a, self.ev.phases)
        self._note_step(to_s)

    def _note_step(self, to_s: float) -> None:
        note = self._trace.note
        note("cp", self.ev.letter(self.cable.connected), to_s)
        note("s2", self.ev.s2_closed, to_s)
        note("mirror", self.contactor.closed, self.contactor.changed_at_s)
        note("lock", self.lock.locked, to_s)
        note("rcd", self.rcd.tripped, to_s)

    def _supply_v(self) -> float:
        return self._mains_v if self._breaker_closed else 0.0

    def _watch_heartbeat(self, from_s: float, to_s: float) -> None:
        beat_s = self._cells[_HEARTBEAT_AT_S]
        lost = to_s >= beat_s + HEARTBEAT_WINDOW_S
        if lost == self._heartbeat_lost:
            return
        self._heartbeat_lost = lost
        at_s = max(from_s, beat_s + HEARTBEAT_WINDOW_S) if lost else min(max(from_s, beat_s), to_s)
        self._trace.note("heartbeat_lost", lost, at_s)
        self._gate_coil(at_s)

    def _gate_coil(self, at_s: float) -> None:
        mains_present = self._supply_v() >= MAINS_PRESENT_V
        coil = self._driven and not self._heartbeat_lost and mains_present and not self.rcd.tripped
        self.contactor.energise(coil, at_s)

    def _publish(self) -> None:
        cells = self._cells
        cells[_WORLD_AT_S] = self.now_s
        letter = self.ev.letter(self.cable.connected)
        levels_of = (letter, self.ev.diode_shorted, cells[_CP_CONNECTED] != 0.0)
        if levels_of != self._levels_of:
            self._levels_of = levels_of
            cells[_CP_POS_V], cells[_CP_NEG_V] = levels_v(*levels_of)
        cells[_CP_NOISE_V] = self._noise_v
        cells[_PP_OHM] = self.cable.pp_ohm
        cells[_MIRROR] = self.contactor.closed
        cells[_LOCK_LOCKED] = self.lock.locked
        cells[_RCD_TRIPPED] = self.rcd.tripped
        cells[_EMERGENCY_STOP] = self._emergency_stop
        cells[_TEMPERATURE_C] = self._temperature_c
        cells[_MAINS_V] = self._supply_v()
