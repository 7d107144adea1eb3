"""MQTT requests: bytes in, commands for control or a look into the gateway, the answer out."""

import asyncio
from collections.abc import Callable

from evsed.api.codec import ApiError
from evsed.api.router import Answer, CoreCall, Publication, Query, Router
from evsed.clock import SystemClock
from evsed.core.events import CommandDone
from evsed.gateway.control_link import ControlAway, ControlLink
from evsed.gateway.moments import moment
from evsed.gateway.queries import Encoded, Queries
from evsed.gateway.rate_limit import RateLimit
from evsed.service import INFO, WARNING, JournalLine

WARN_EVERY_S = 5.0


class Requests:
    """bad_n counts what was not understood: nothing of it was executed."""

    def __init__(
        self,
        router: Router,
        link: ControlLink,
        queries: Queries,
        publish: Callable[[Publication], int],
        journal: JournalLine,
    ) -> None:
        self._router, self._link, self._queries = router, link, queries
        self._publish, self._journal = publish, journal
        self._lines = {priority: RateLimit(WARN_EVERY_S) for priority in (WARNING, INFO)}
        self._clock = SystemClock()
        self.bad_n = 0

    def take(self, topic: str, payload: bytes) -> None:
        try:
            call = self._router.call(topic, payload, moment())
        except ApiError as error:
            self.bad_n += 1
            self._tell(WARNING, f"MQTT request ignored: {error}")
            return
        if isinstance(call, Answer):
            self._send(call.publication)
        elif isinstance(call, Query):
            self._answer(call)
        else:
            self._ask(call)

    def _answer(self, query: Query) -> None:
        value = self._queries.answer(query)
        if query.reply_to is None:
            return
        if isinstance(value, Encoded):
            self._publish(self._router.reply_raw(query.reply_to, value.payload))
        else:
            self._publish(self._router.reply(query.reply_to, value))

    def _ask(self, call: CoreCall) -> None:
        """Control deals with them in their order; what the last one is answered is the reply."""
        if call.note:
            self._tell(INFO, f"MQTT request {call.operation.name}: {call.note}")
        for command in call.commands[:-1]:
            self._link.ask(command).add_done_callback(_forget)
        self._link.ask(call.commands[-1]).add_done_callback(lambda future: self._done(call, future))

    def _done(self, call: CoreCall, future: "asyncio.Future[CommandDone]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, ControlAway):
            self._tell(WARNING, f"MQTT request {call.operation.name} not carried out: {error}")
        else:
            self._send(call.reply(future.result()))

    def _send(self, publication: Publication | None) -> None:
        if publication is not None:
            self._publish(publication)

    def _tell(self, priority: int, text: str) -> None:
        held_n = self._lines[priority].allow(self._clock.now_s())
        if held_n is not None:
            more = f" ({held_n} more like this before)" if held_n else ""
            self._journal(priority, text + more, {})


def _forget(future: "asyncio.Future[CommandDone]") -> None:
    """The last command of the same request tells what is to be told."""
    if not future.cancelled():
        future.exception()
