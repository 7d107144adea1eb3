"""MQTT requests: bytes in, a command for control, its answer out."""

import asyncio
from collections.abc import Callable

from evsed.api.codec import ApiError
from evsed.api.router import Answer, CoreCall, Publication, Router
from evsed.clock import SystemClock
from evsed.core.events import CommandDone
from evsed.gateway.control_link import ControlAway, ControlLink
from evsed.gateway.rate_limit import RateLimit
from evsed.service import WARNING, JournalLine

WARN_EVERY_S = 5.0


class Requests:
    """bad_n counts what was not understood: nothing of it was executed."""

    def __init__(
        self, router: Router, link: ControlLink, publish: Callable[[Publication], int], journal: JournalLine
    ) -> None:
        self._router, self._link, self._publish, self._journal = router, link, publish, journal
        self._warnings = RateLimit(WARN_EVERY_S)
        self._clock = SystemClock()
        self.bad_n = 0

    def take(self, topic: str, payload: bytes) -> None:
        try:
            call = self._router.call(topic, payload)
        except ApiError as error:
            self.bad_n += 1
            self._warn(f"MQTT request ignored: {error}")
            return
        if isinstance(call, Answer):
            self._send(call.publication)
        else:
            self._ask(call)

    def _ask(self, call: CoreCall) -> None:
        def done(future: "asyncio.Future[CommandDone]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            if isinstance(error, ControlAway):
                self._warn(f"MQTT request {call.operation.name} not carried out: {error}")
            else:
                self._send(call.reply(future.result()))

        self._link.ask(call.command).add_done_callback(done)

    def _send(self, publication: Publication | None) -> None:
        if publication is not None:
            self._publish(publication)

    def _warn(self, text: str) -> None:
        held_n = self._warnings.allow(self._clock.now_s())
        if held_n is not None:
            more = f" ({held_n} more like this before)" if held_n else ""
            self._journal(WARNING, text + more, {})
