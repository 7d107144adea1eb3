"""The world around the board: physics from one moment to the next, and nothing else.

Rule 1: no clock, thread or I/O but the lines; the same calls give the same world.
Rule 2: a wish (plug in, pause, weld ...) takes effect in the next advance().
Rule 3: the coil gate is the last word: drive line, fresh heartbeat, mains and an RCD that has not tripped.
"""

import math
import random
from collections.abc import Callable

from hal.sim.cable import Cable
from hal.sim.card import TOKEN_LINES, levels_of
from hal.sim.circuit import levels_v
from hal.sim.energy import PHASES, SimMeter
from hal.sim.ev import PILOT_ABSENT_DUTY, Ev
from hal.sim.lines import INDEX, LINES, PULLED, RINGED, ConnectorType, Lines
from hal.sim.outlet import SimContactor, SimLock, SimRcd
from hal.sim.trace import Trace, TraceEntry
from hal.types import MeterReading

MAX_STEP_S = 0.02  # longer advances are cut, so that ramps and reactions keep their times
HEARTBEAT_WINDOW_S = 0.1  # of the window watchdog in the coil driver
MAINS_PRESENT_V = 100.0  # a 230 V coil has long dropped out
NOMINAL_V = 230.0
PILOT_NOISE_V = 0.01  # 100 mV peak to peak of ripple is allowed on the generator

# fmt: off
_DUTY           = INDEX["duty"]
_CP_CONNECTED   = INDEX["cp_connected"]
_CONTACTOR      = INDEX["contactor"]
_PHASE_SWITCH   = INDEX["phase_switch"]
_LOCK_MOTOR     = INDEX["lock_motor"]
_RCD_TEST       = INDEX["rcd_test"]
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
_STOP_BUTTON    = INDEX["stop_button"]
_TEMPERATURE_C  = INDEX["temperature_c"]
_PLUG_C         = INDEX["plug_temperature_c"]
_MAINS_V        = INDEX["mains_v"]
# fmt: on
RAILS = {"12V": INDEX["plus_12_v"], "-12V": INDEX["minus_12_v"], "5V": INDEX["plus_5_v"]}


class World:
    """One outlet with its EV. Parts that may be told something: ev, cable, contactor, lock, rcd.

    phases_switched_under_load_n: how often L2 and L3 were switched while the power contacts were closed.
    """

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
        self.phases_switched_under_load_n = 0
        self.lock = SimLock()
        self.rcd = SimRcd()
        self.meter = SimMeter()
        self.meter_silent = False
        self._mains_v = NOMINAL_V
        self._breaker_closed = True
        self._told: dict[int, float] = {_CP_NOISE_V: PILOT_NOISE_V}  # levels for the next _publish()
        self._lines = lines
        self._cells = lines.cells
        self._changes = lines.reader()
        self._phase_switch = SimContactor(closed=self._cells[_PHASE_SWITCH] != 0.0)
        self._follow: dict[int, Callable[[float, float], None]] = {
            _DUTY: self._follow_duty,
            _CONTACTOR: self._follow_contactor,
            _PHASE_SWITCH: lambda at_s, value: self._phase_switch.energise(value != 0.0, at_s),
            _LOCK_MOTOR: self._follow_lock_motor,
            _RCD_TEST: self._follow_rcd_test,
        }
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
        """Of the EVSE."""
        self._told[_TEMPERATURE_C] = temperature_c

    def set_plug_temperature(self, temperature_c: float) -> None:
        self._told[_PLUG_C] = temperature_c

    def set_rail(self, rail: str, voltage_v: float) -> None:
        """Supply rail, one of RAILS, as the ADC measures it; the pilot stays as it is."""
        self._told[RAILS[rail]] = voltage_v

    def set_noise(self, noise_v: float) -> None:
        """Standard deviation of the noise on the pilot."""
        self._told[_CP_NOISE_V] = noise_v

    def press_emergency_stop(self, pressed: bool) -> None:
        self._told[_EMERGENCY_STOP] = pressed

    def press_stop_button(self, pressed: bool) -> None:
        self._told[_STOP_BUTTON] = pressed

    def show_token(self, uid: str) -> None:
        """Card with this UID in the reader's field until the next call; "" for none. ValueError if wrong."""
        self._told.update(zip(TOKEN_LINES, levels_of(uid), strict=True))

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
            self._follow[line](at_s, value)
        if self._changes.lost_n != lost_n:  # the ring no longer tells all: the levels do
            for line in RINGED:
                self._follow[line](now_s, self._cells[line])

    def _trace_levels(self) -> dict[str, bool | float | str]:
        return {
            "cp": "A",
            "s2": False,
            "duty": self._duty,
            "contactor": self._driven,
            "phases": self._phases(),
            "mirror": False,
            "lock": False,
            "rcd": False,
            "rcd_test": False,
            "heartbeat_lost": self._heartbeat_lost,
        }

    def _follow_rcd_test(self, at_s: float, value: float) -> None:
        self.rcd.test(value != 0.0, at_s)
        self._trace.note("rcd_test", value != 0.0, at_s)

    def _follow_duty(self, at_s: float, value: float) -> None:
        self._duty = value
        self._trace.note("duty", value, at_s)

    def _follow_contactor(self, at_s: float, value: float) -> None:
        self._driven = value != 0.0
        self._trace.note("contactor", self._driven, at_s)
        self._gate_coil(at_s)

    def _follow_lock_motor(self, at_s: float, value: float) -> None:
        self._lock_motor = value

    def _watch_owner(self, now_s: float) -> None:
        """Lines of a dead owner fall to their pull, as the kernel does it; the hardware PWM goes on."""
        alive = self._lines.owner_alive()
        if self._owned and not alive:
            for line in PULLED:
                self._cells[line] = LINES[line].birth
                if line in self._follow:
                    self._follow[line](now_s, LINES[line].birth)
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
        self.rcd.step(to_s, self.contactor.closed, self._driven)
        self._gate_coil(from_s)
        self._step_contacts(to_s)
        self.lock.step(to_s - from_s, self._lock_motor)
        self.cable.step(to_s, self.lock.open)
        self._step_power(from_s, to_s)
        self.now_s = to_s

    def _step_contacts(self, to_s: float) -> None:
        phases = self._phases()
        self.contactor.step(to_s)
        self._phase_switch.step(to_s)
        if self._phases() != phases and self.contactor.closed_at(self._phase_switch.changed_at_s):
            self.phases_switched_under_load_n += 1

    def _phases(self) -> float:
        """Phases that the outlet can have power on."""
        return float(PHASES if self._phase_switch.closed else 1)

    def _step_power(self, from_s: float, to_s: float) -> None:
        supply_v = self._supply_v()
        plugged = self.cable.connected
        powered = plugged and self.contactor.closed and supply_v >= MAINS_PRESENT_V
        self.ev.step(from_s, to_s, self.pilot_duty(), plugged, powered)
        phases = min(self.ev.phases, int(self._phases()))
        self.meter.step(to_s - from_s, supply_v, self.ev.current_a, phases)
        self._note_step(to_s)

    def _note_step(self, to_s: float) -> None:
        note = self._trace.note
        note("cp", self.ev.letter(self.cable.connected), to_s)
        note("s2", self.ev.s2_closed, to_s)
        note("mirror", self.contactor.closed, self.contactor.changed_at_s)
        note("phases", self._phases(), self._phase_switch.changed_at_s)
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
        cells[_PP_OHM] = self.cable.pp_ohm
        cells[_MIRROR] = self.contactor.closed
        cells[_LOCK_LOCKED] = self.lock.locked
        cells[_RCD_TRIPPED] = self.rcd.tripped
        cells[_MAINS_V] = self._supply_v()
        for line, level in self._told.items():
            cells[line] = level
        self._told.clear()
