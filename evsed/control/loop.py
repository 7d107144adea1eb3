"""The control loop: sample -> step -> apply -> hand over -> pet the watchdog, at a fixed rate.

Rule 1: a due tick goes before anything else; between two ticks at most four steps for commands.
Rule 2: heartbeat and watchdog are fed at the end of a tick that went through, nowhere else.
"""

import select
from functools import partial

from evsed.control.actuation import Actuator
from evsed.control.handover import HandOver
from evsed.control.lateness import Lateness
from evsed.control.realtime import Garbage
from evsed.control.recorder import Recorder
from evsed.control.sampling import Sampler
from evsed.control.status_line import StatusLine
from evsed.core.charger import Charger
from evsed.core.commands import PlannedStop, Request
from evsed.core.events import StateChanged
from evsed.core.inputs import Inputs, Outputs
from evsed.link.messages import Goodbye, Health
from evsed.service import Notifier
from hal.interfaces import Board, Clock

STEPS_BETWEEN_TICKS_N = 4
SNAPSHOT_EVERY_S = 0.2
HEALTH_EVERY_S = 5.0
WATCHDOG_EVERY_S = 0.25
STOP_ACK_S = 3.0  # how long a planned stop waits for the store
STOP_EV_S = 8.5  # six seconds of grace for the EV, the contactor's own time, the meter's last reading
_WARNING = 4


class Loop:
    def __init__(
        self,
        board: Board,
        charger: Charger,
        sampler: Sampler,
        link: HandOver,
        notifier: Notifier,
        clock: Clock,
        tick_s: float,
        recorder: Recorder,
    ) -> None:
        self._board, self._charger, self._sampler, self._link = board, charger, sampler, link
        self._notifier, self._clock, self._tick_s = notifier, clock, tick_s
        self._actuator = Actuator(board)
        self._recorder = recorder
        self._status = StatusLine(notifier)
        self._outputs = Outputs()
        self._garbage = Garbage()
        self._next_tick_s = clock.now_s()
        self._next_snapshot_s = self._next_health_s = self._next_watchdog_s = 0.0
        self._stop_asked_s: float | None = None
        self._made_safe_s: float | None = None
        self._ticks_n = self._overruns_n = 0
        self._late_max_s = self._tick_max_s = 0.0
        self._lateness = Lateness(partial(link.journal, _WARNING))
        self.stop_requested = False  # set by the signal handler

    def run(self) -> None:
        """Until a planned stop is through. An exception leaves with the contactor open and state F."""
        try:
            self._notifier.notify("READY=1")
            while not self._stopped():
                self._turn()
        except BaseException as error:
            self._board.close()
            self._recorder.crash(error, self._clock.now_s(), self._link.send_recording, self._clock.sleep)
            raise
        self._board.close()

    def tick(self) -> None:
        """One sample through the whole path."""
        own = self._ask_to_stop() if self.stop_requested and self._stop_asked_s is None else ()
        self._link.receive()
        inputs = self._sampler.sample(own + self._link.take_requests())
        now_s = self._step(inputs)
        self._board.heartbeat.toggle()
        self._pet_watchdog(now_s)
        self._record(now_s)
        self._ticks_n += 1
        if self._charger.may_collect_garbage:
            self._garbage.collect_if_due(now_s)

    def _turn(self) -> None:
        """Wait for the next tick, answering commands meanwhile, then tick."""
        for _ in range(STEPS_BETWEEN_TICKS_N):
            if not self._woken_before_tick():
                break
            self._step_for_commands()
        self._sleep_until_tick()
        begun_s = self._clock.now_s()
        self._schedule_next(begun_s)
        self.tick()
        self._tick_max_s = max(self._tick_max_s, self._clock.now_s() - begun_s)

    def _woken_before_tick(self) -> bool:
        wait_s = self._next_tick_s - self._clock.now_s()
        fds = [fd for fd in (self._link.fileno(), self._board.trips.wake_fd()) if fd is not None]
        if wait_s <= 0.0:
            return False
        return bool(select.select(fds, [], [], wait_s)[0])

    def _sleep_until_tick(self) -> None:
        wait_s = self._next_tick_s - self._clock.now_s()
        if wait_s > 0.0:
            self._clock.sleep(wait_s)

    def _schedule_next(self, now_s: float) -> None:
        """Ticks that could not be held are skipped, not caught up with."""
        late_s = now_s - self._next_tick_s
        self._late_max_s = max(self._late_max_s, late_s)
        self._next_tick_s += self._tick_s
        if late_s >= self._tick_s:
            self._overruns_n += 1
            self._next_tick_s = now_s + self._tick_s
        self._lateness.note(late_s, now_s)

    def _step_for_commands(self) -> None:
        if self._link.receive() or self._board.trips.wake_fd() is not None:
            inputs = self._sampler.resample(self._link.take_requests())
            if inputs is not None:
                self._step(inputs)

    def _step(self, inputs: Inputs) -> float:
        now_s = self._clock.now_s()
        outputs, events = self._charger.step(inputs, now_s)
        self._actuator.apply(outputs, now_s)
        self._recorder.step(now_s, inputs, outputs, events)
        self._link.take(events, now_s)
        self._link.pump(now_s)
        changed = outputs is not self._outputs or any(isinstance(e, StateChanged) for e in events)
        self._outputs = outputs
        self._show(now_s, changed)
        return now_s

    def _record(self, now_s: float) -> None:
        if self._link.record_asked:
            self._link.record_asked = False
            self._recorder.ask("request", now_s)
        if self._link.welcomed_anew:
            self._link.welcomed_anew = False
            self._recorder.begin_again()
        self._recorder.pump(now_s, self._link.send_recording)

    def _show(self, now_s: float, changed: bool) -> None:
        if changed or now_s >= self._next_snapshot_s:
            self._next_snapshot_s = now_s + SNAPSHOT_EVERY_S
            snapshot = self._charger.snapshot()
            self._link.offer(snapshot)
            self._status.show(snapshot, now_s)
        if now_s >= self._next_health_s:
            self._next_health_s = now_s + HEALTH_EVERY_S
            self._link.offer(self._health())

    def _health(self) -> Health:
        late_max_ms, tick_max_ms = self._late_max_s * 1000, self._tick_max_s * 1000
        self._late_max_s = self._tick_max_s = 0.0
        return Health(self._ticks_n, self._overruns_n, late_max_ms, self._link.ring.dropped_n, tick_max_ms)

    def _pet_watchdog(self, now_s: float) -> None:
        if now_s >= self._next_watchdog_s:
            self._next_watchdog_s = now_s + WATCHDOG_EVERY_S
            self._notifier.notify("WATCHDOG=1")

    def _ask_to_stop(self) -> tuple[Request, ...]:
        self._stop_asked_s = self._clock.now_s()
        self._notifier.notify("STOPPING=1")
        self._link.journal(6, "stopping: the EV is told to stop drawing")
        return (Request(0, PlannedStop()),)

    def _stopped(self) -> bool:
        """The EV is served no more, the contactor is confirmed open, the store has everything."""
        if self._stop_asked_s is None:
            return False
        now_s = self._clock.now_s()
        if self._made_safe_s is None:
            if self._still_serving() and now_s - self._stop_asked_s < STOP_EV_S:
                return False
            self._made_safe_s = now_s
            self._link.offer(Goodbye())
        return self._link.all_acknowledged or now_s - self._made_safe_s >= STOP_ACK_S

    def _still_serving(self) -> bool:
        return self._charger.serving or not self._charger.power_is_off
