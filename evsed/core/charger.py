"""The charger: one sample in, what to drive and what to tell out.

Rule 1: step() is a pure function of the charger's state and its arguments.
Rule 2: at most one transition a step; interlock() comes last.
Rule 3: a step without a new sample (woken by a command) changes the pilot and takes power away, but never
closes the contactor, moves the lock or advances a debounce.
"""

from evsed.core import limits as limit_source
from evsed.core.authorization import check_authorization_deadline, serve_freely
from evsed.core.events import Event, StateChanged
from evsed.core.facts import FACTS, Fact
from evsed.core.faults import update_faults
from evsed.core.inputs import Inputs, Outputs, Snapshot
from evsed.core.interlock import Grounds, interlock
from evsed.core.left_over import give_up_resuming
from evsed.core.pilot_duty import DUTY_F, DUTY_X1, duty_of, offered_a
from evsed.core.power_path import Power
from evsed.core.proximity import current_a
from evsed.core.requests import handle
from evsed.core.reservation import expire_reservation
from evsed.core.self_test import Phase
from evsed.core.self_testing import lock_wanted, update_self_tests
from evsed.core.settings import AuthMode, Settings
from evsed.core.situation import WITHOUT_EV, Situation
from evsed.core.snapshot import snapshot_of
from evsed.core.states import Ampacity, CpState, EvseState, StopReason
from evsed.core.status_led import look
from evsed.core.tables import Drive, Pilot, Tables, rows_from
from hal.types import MeterReading, Temperature

DUTY_SPACING_S = 5.0  # an EV has 5 s to follow a change (IEC 61851-1 Table A.6, seq. 6): do not hurry it

_RELEASES_LOCK = frozenset((CpState.A, CpState.E))
_HOLDS_LOCK = frozenset((CpState.B, CpState.C, CpState.D))


class Charger:
    """One EVSE with one connector."""

    def __init__(self, settings: Settings, tables: Tables | None = None) -> None:
        tables = tables or Tables()
        self._s = Situation(settings)
        self._drives = tables.drives
        self._rows = {
            state: tuple((FACTS[row[1]], row) for row in rows_from(tables.transitions, state))
            for state in EvseState
        }
        self._duty_changed_s = float("-inf")
        self._offering = False
        self._outputs = Outputs()
        self._temperatures: tuple[Temperature, ...] = ()
        if not settings.socket:
            self._s.limits.put(limit_source.CABLE, settings.cable_ampacity_a)

    def step(self, inputs: Inputs, now_s: float) -> tuple[Outputs, list[Event]]:
        """Advance to now_s with one sample of the board and the requests that have come."""
        s = self._s
        s.begin(inputs, now_s)
        if inputs.meter is not s.meter:
            self._take_meter(s, inputs.meter)
        if s.fresh:
            self._sense(s)
        update_faults(s)
        for request in inputs.requests:
            handle(s, request)
        s.update_limit()
        check_authorization_deadline(s)
        expire_reservation(s)
        if s.settings.auth_mode is AuthMode.FREE:
            serve_freely(s)
        give_up_resuming(s)
        self._transit(s)
        self._outputs = self._drive(s, self._drives[s.state])
        return self._outputs, s.events

    @property
    def serving(self) -> bool:
        """A transaction runs that a planned stop has to end first."""
        return self._s.session.in_transaction and not self._s.session.suspended

    @property
    def power_is_off(self) -> bool:
        return self._s.power.off

    @property
    def may_collect_garbage(self) -> bool:
        """No EV is served and no power can flow: a pause of some milliseconds hurts nobody."""
        return self._s.state in WITHOUT_EV and self._s.power.off

    def snapshot(self) -> Snapshot:
        return snapshot_of(self._s, self._outputs)

    def _sense(self, s: Situation) -> None:
        i, now_s = s.inputs, s.now_s
        if self._outputs.cp_connected:
            s.pilot.update(i.cp, s.duty, now_s)
        if s.pilot.state is CpState.A and s.state is not EvseState.REPLUG:
            s.a_seen_s, s.session.ev_left = now_s, s.session.stopping
        s.power.sense(i.mirror_closed, now_s)
        if s.settings.socket:
            s.proximity.update(i.pp)
            self._limit_by_cable(s)
        if i.stop_pressed:
            s.session.stop(StopReason.LOCAL)
        self._supervise_meter(s)
        self._supervise_session(s)
        self._supervise_heat(s)
        update_self_tests(s)

    def _take_meter(self, s: Situation, meter: MeterReading | None) -> None:
        s.meter = meter
        if meter is not None:
            s.meter_since_s = meter.at_s
            s.limits.set_frequency(meter.frequency_hz, s.now_s)
            s.voltage.update(meter, s.phases.active)

    def _supervise_session(self, s: Situation) -> None:
        if s.session.in_transaction:
            reason = s.session_limits.reached(s.now_s, s.meter.energy_import_wh if s.meter else None)
            if reason is not None:
                s.session.stop(reason)

    def _supervise_heat(self, s: Situation) -> None:
        derating = s.derating
        if s.inputs.temperatures is not self._temperatures:
            self._temperatures = s.inputs.temperatures
            derating.update(s.inputs.temperatures)
            if derating.limit_a is None:
                s.limits.clear(limit_source.DERATING)
            elif derating.hottest is not None:
                hottest = derating.hottest
                text = f"{hottest.location} at {hottest.temperature_c:.0f} C"
                s.limits.put(limit_source.DERATING, derating.limit_a, text)

    def _limit_by_cable(self, s: Situation) -> None:
        """The cable binds from plug to unplug; a reading lost in between does not lift it."""
        if s.state in WITHOUT_EV:
            s.limits.clear(limit_source.CABLE)
        elif s.proximity.ampacity is not Ampacity.NONE:
            s.limits.put(limit_source.CABLE, current_a(s.proximity.ampacity, s.phases.active))

    def _supervise_meter(self, s: Situation) -> None:
        if "meter_silent" in s.faults:
            s.limits.put(limit_source.METER_SILENT, s.settings.fallback_a)
        else:
            s.limits.clear(limit_source.METER_SILENT)
        if s.state in WITHOUT_EV:
            s.over_current.reset()
        else:
            s.over_current.update(s.meter, offered_a(s.duty) if s.power.commanded else 0.0)

    def _transit(self, s: Situation) -> None:
        for holds, (_, fact, to, emits) in self._rows[s.state]:
            if holds(s):
                self._enter(s, fact, to)
                for emit in emits:
                    emit(s)
                return

    def _enter(self, s: Situation, fact: Fact, to: EvseState) -> None:
        s.events.append(StateChanged(s.state, to, fact.value, s.session.uuid))
        s.state, s.entered_s = to, s.now_s

    def _drive(self, s: Situation, drive: Drive) -> Outputs:
        if s.fresh:
            self._drive_phases(s)
        duty = self._duty(s, drive.pilot)
        may_close = s.fresh and s.phases.settled(s.now_s)
        closed = s.power.update(drive.power, s.ev_requests_power(), may_close, s.now_s)
        if s.fresh and s.settings.socket:
            self._drive_lock(s, drive)
        wanted = self._wanted(s, duty, closed, self._cp_connected(s))
        outputs = interlock(_grounds(s, drive), wanted) if closed else wanted
        if closed and not outputs.contactor_closed:
            s.power.open(s.now_s)
        self._note_duty(s, duty)
        return outputs

    def _drive_phases(self, s: Situation) -> None:
        """In a break for it after the break; else at once, where no power flows."""
        waited = s.now_s - s.entered_s >= s.settings.switch_delay_s
        if s.phases.due and s.power.off and (waited or s.state is not EvseState.SWITCHING_PHASES):
            s.phases.switch(s.now_s)
            s.limits.set_phases(s.phases.active)
            # Amperes of the old phases are another power on the new ones: nothing of them may linger.
            s.random_delay.cancel()
            s.update_limit()
            self._duty_changed_s = float("-inf")

    def _cp_connected(self, s: Situation) -> bool:
        """Off the EV for a virtual replug, from the moment that no power flows any more."""
        if s.state is not EvseState.REPLUG:
            return True
        if s.replug_since_s is None and s.power.off and not s.stop_waits():
            s.replug_since_s = s.now_s
        if s.replug_since_s is not None and s.stop_waits():
            s.replug_since_s = min(s.replug_since_s, s.now_s - s.settings.replug_s)
        since_s = s.replug_since_s
        return since_s is None or s.now_s - since_s >= s.settings.replug_s

    def _wanted(self, s: Situation, duty: float, closed: bool, cp_connected: bool) -> Outputs:
        """The same object again while nothing changes: most ticks change nothing."""
        lock, trip, three_phases = s.lock.drive, "contactor_welded" in s.faults, s.phases.active == 3
        rcd_test = s.rcd_test.phase is Phase.ACT
        led = look(s.state, s.blocked, s.reservation is not None)
        o = self._outputs
        if (
            o.duty == duty
            and o.contactor_closed is closed
            and o.lock is lock
            and o.led is led
            and o.shunt_trip is trip
            and o.three_phases is three_phases
            and o.cp_connected is cp_connected
            and o.rcd_test is rcd_test
        ):
            return o
        return Outputs(duty, closed, lock, led, trip, three_phases, cp_connected, rcd_test)

    def _duty(self, s: Situation, pilot: Pilot) -> float:
        if s.now_s < s.f_until_s or pilot is Pilot.F or self._idle_in_f(s) or self._switching_in_f(s):
            return DUTY_F
        if pilot is Pilot.X1 or s.blocked or not s.transaction_stored():
            return DUTY_X1
        duty = duty_of(s.limit_a)
        hurried = self._offering and s.now_s - self._duty_changed_s < DUTY_SPACING_S
        return s.duty if hurried and duty != DUTY_X1 else duty

    def _switching_in_f(self, s: Situation) -> bool:
        """Only once no power flows: an EV that sees F has no time to stop drawing."""
        return s.settings.switch_in_f and s.state is EvseState.SWITCHING_PHASES and s.power.off

    def _idle_in_f(self, s: Situation) -> bool:
        """F would hide an EV that is still there: not before it has been seen to leave."""
        since_s = s.idle_f_since_s
        return since_s is not None and s.state in WITHOUT_EV and s.a_seen_s >= since_s

    def _note_duty(self, s: Situation, duty: float) -> None:
        if duty != s.duty:
            s.duty, self._duty_changed_s = duty, s.now_s
        self._offering = offered_a(duty) > 0.0
        if not self._offering:
            s.offering_since_s = None
        elif s.offering_since_s is None:
            s.offering_since_s = s.now_s

    def _drive_lock(self, s: Situation, drive: Drive) -> None:
        replug = s.state is EvseState.REPLUG  # the EV is there, though its pilot is not
        held = s.cp in _HOLDS_LOCK or replug or (s.lock.held and s.cp not in _RELEASES_LOCK)
        wanted = (drive.lock and held) or lock_wanted(s)
        # Before the pilot has been read nobody knows whose plug it is.
        s.lock.update(wanted, s.inputs.locked, s.power.off and s.pilot.settled, s.now_s)


def _grounds(s: Situation, drive: Drive) -> Grounds:
    return Grounds(
        cp=s.cp,
        has_ventilation=s.settings.has_ventilation,
        diode_seen=s.pilot.diode_seen,
        lock_confirmed=s.lock_confirmed(),
        in_transaction=s.session.in_transaction,
        phases_settled=s.phases.settled(s.now_s),
        blocked=s.blocked,
        rcd_tripped=s.inputs.rcd_tripped,
        emergency_stop=s.inputs.emergency_stop,
        limit_a=s.limit_a,
        ramping_down=drive.power is Power.RAMP_DOWN,
    )
