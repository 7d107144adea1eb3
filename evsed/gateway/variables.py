"""Latest-value topics: limits and what else the snapshot shows, the meter, session_info, the heartbeat."""

from collections.abc import Callable

from evsed.api.router import Publication, Router
from evsed.api.session_info import SessionInfoProjector
from evsed.clock import utc_of, utc_s
from evsed.core.inputs import Snapshot
from hal.types import MeterReading

REPEAT_S = 10.0
_HEARTBEATS_N = 1 << 64


class Variables:
    """Publishes on change, and the limits every ten seconds too. seen: a snapshot has come."""

    def __init__(
        self, router: Router, projector: SessionInfoProjector, publish: Callable[[Publication], int]
    ) -> None:
        self._router, self._projector, self._publish = router, projector, publish
        self._snapshot: Snapshot | None = None
        self._shown: object = None
        self._repeat_at_s = 0.0
        self._heartbeat_n = 0
        self.seen = False

    def on_connect(self) -> None:
        """A broker that may know nothing: tell it all."""
        if self._snapshot is not None:
            self._show(self._snapshot)
        self.publish_info()

    def on_snapshot(self, now: Snapshot, now_s: float) -> None:
        self._snapshot, self.seen = now, True
        shown = (now.limit_a, now.limit_source, now.phases, now.ampacity)
        if shown != self._shown or now_s >= self._repeat_at_s:
            self._shown, self._repeat_at_s = shown, now_s + REPEAT_S
            self._show(now)

    def _show(self, now: Snapshot) -> None:
        for publication in self._router.of_snapshot(now, utc_s()).values():
            self._publish(publication)

    def on_meter(self, reading: MeterReading) -> None:
        self._projector.on_meter(reading)
        self._publish(self._router.powermeter(reading, utc_of(reading.at_s)))

    def in_session(self) -> None:
        """Once a second: durations and energy of an open session move on."""
        if self._snapshot is not None and self._snapshot.session_uuid:
            self.publish_info()

    def publish_info(self) -> None:
        self._publish(self._router.variable("session_info", self._projector.info(utc_s())))

    def beat(self) -> None:
        self._publish(self._router.variable("heartbeat", self._heartbeat_n))
        self._heartbeat_n = (self._heartbeat_n + 1) % _HEARTBEATS_N
