"""Latest-value topics: what the snapshot shows, the meter, session_info, the heartbeat.

Rule 1: limits and whatever else a client acts on goes out on change and every REPEAT_S; telemetry and
random_delay_countdown once a second while they have a value.
Rule 2: nothing of a snapshot goes out before begin(): what was left to be told comes first (EVENTS, boot).
"""

from collections.abc import Callable

from evsed.api.operations import Moment
from evsed.api.router import Publication, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.api.wire_extensions import ControlHealth
from evsed.clock import utc_of, utc_s
from evsed.core.inputs import Snapshot
from evsed.link.messages import Health
from hal.types import MeterReading

REPEAT_S = 10.0
_HEARTBEATS_N = 1 << 64
_EACH_SECOND = ("telemetry", "random_delay_countdown")
_WAITING = "waiting_for_external_ready"


class Variables:
    def __init__(
        self, router: Router, projector: SessionInfoProjector, publish: Callable[[Publication], int]
    ) -> None:
        self._router, self._projector, self._publish = router, projector, publish
        self._snapshot: Snapshot | None = None
        self._shown: object = None
        self._waits: bool | None = None
        self._repeat_at_s = 0.0
        self._heartbeat_n = 0
        self._begun = False

    def hold(self) -> None:
        """Somebody has to be told everything anew, but other things come first."""
        self._begun, self._snapshot = False, None

    def begin(self, now: Snapshot, moment: Moment) -> None:
        """Tell it all: limits first, then how the session stands, then whether we wait."""
        self._begun, self._shown, self._waits = True, None, None
        self.on_snapshot(now, moment)

    def on_snapshot(self, now: Snapshot, moment: Moment) -> None:
        if not self._begun:
            return
        first, self._snapshot = self._shown is None, now
        shown = _limits_of(now)
        if shown != self._shown or moment.now_s >= self._repeat_at_s:
            self._shown, self._repeat_at_s = shown, moment.now_s + REPEAT_S
            self._show(now, moment)
        if first:
            self.publish_info()
        if now.waits_for_external_ready is not self._waits:
            self._waits = now.waits_for_external_ready
            self._tell(_WAITING, self._waits)

    def on_meter(self, reading: MeterReading) -> None:
        self._projector.on_meter(reading)
        self._send(self._router.powermeter(reading, utc_of(reading.at_s)))

    def on_health(self, health: Health) -> None:
        worst_ms = (round(health.late_max_ms, 2), round(health.tick_max_ms, 2))
        counts = (health.ticks_n, health.overruns_n, health.dropped_events_n)
        self._tell("control_health", ControlHealth(*counts, *worst_ms))

    def every_second(self, moment: Moment) -> None:
        """Durations and energy of an open session move on; so do the values that always move."""
        if self._snapshot is None:
            return
        if self._snapshot.session_uuid:
            self.publish_info()
        publications = self._router.of_snapshot(self._snapshot, moment)
        for name in _EACH_SECOND:
            self._send(publications.get(name, ()))

    def publish_info(self) -> None:
        self._tell("session_info", self._projector.info(utc_s()))

    def beat(self) -> None:
        self._tell("heartbeat", self._heartbeat_n)
        self._heartbeat_n = (self._heartbeat_n + 1) % _HEARTBEATS_N

    def _show(self, now: Snapshot, moment: Moment) -> None:
        for name, publications in self._router.of_snapshot(now, moment).items():
            if name not in (*_EACH_SECOND, _WAITING):
                self._send(publications)

    def _tell(self, name: str, value: object) -> None:
        self._send(self._router.publications(name, value))

    def _send(self, publications: tuple[Publication, ...]) -> None:
        for publication in publications:
            self._publish(publication)


def _limits_of(now: Snapshot) -> object:
    """What enforced_limits and its companions are made of, without what only counts down."""
    rows = tuple((row.source, row.limit_a, row.power_w, row.phases) for row in now.limits)
    return (now.limit_a, now.limit_source, now.phases, now.ampacity, rows)
