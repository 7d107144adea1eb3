"""The meter's thread: it reads the meter, and what else is asked of the meter it does between two readings.

Rule: one thread has the line; a reading takes up to half a second, a signature up to 15 s.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from hal.errors import HalError
from hal.interfaces import Meter, SignedMeter
from hal.types import MeterReading, Missing, SignedStart, SignedValue

Take = Callable[[MeterReading | Missing], None]
Job = Callable[[], None]
T = TypeVar("T")


class MeterPoller:
    """Made on a running loop. Readings are period_s apart, a long job puts them off."""

    def __init__(self, meter: Meter, period_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._meter, self._period_s = meter, period_s
        self._take: Take | None = None
        self._due_s = time.monotonic()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

    def start(self, take: Take) -> None:
        """take is called on the loop with every reading."""
        self._take = take
        self._thread.start()

    def stop(self) -> None:
        """No more readings; what is asked of the meter is still done."""
        self._take = None

    def close(self) -> None:
        """Does not wait for what is under way: the thread ends with the process."""
        self.stop()
        self._jobs.put(None)

    def ask(self, action: Callable[[], T]) -> "asyncio.Future[T]":
        """Have this done on the meter's thread, after what was asked before; its HalError is the future's."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(partial(self._carry_out, action, future))
        return future

    def read_soon(self) -> None:
        """A reading that has not begun yet, as soon as the line is free."""
        self._jobs.put(self._make_due)

    def _make_due(self) -> None:
        self._due_s = time.monotonic()

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            job()
        self._meter.close()

    def _next_job(self) -> Job | None:
        """What was asked, or else the reading that is due; None at the end."""
        try:
            return self._jobs.get(timeout=max(0.0, self._due_s - time.monotonic()))
        except queue.Empty:
            return self._read

    def _read(self) -> None:
        if self._take is not None:
            self._call(self._hand_over, self._meter.read())
        self._due_s = max(self._due_s + self._period_s, time.monotonic())

    def _hand_over(self, reading: MeterReading | Missing) -> None:
        if self._take is not None:
            self._take(reading)

    def _carry_out(self, action: Callable[[], T], future: "asyncio.Future[T]") -> None:
        try:
            result = action()
        except HalError as error:
            self._call(_settle, future, future.set_exception, error)
        else:
            self._call(_settle, future, future.set_result, result)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *arguments)


class SignedRecords:
    """What a signed meter is asked besides readings, on its poller's thread."""

    def __init__(self, poller: MeterPoller, meter: SignedMeter) -> None:
        self._poller, self._meter = poller, meter

    def begin(self, record: SignedStart) -> "asyncio.Future[SignedValue | None]":
        return self._poller.ask(lambda: self._meter.start(record))

    def end(self, transaction_id: str) -> "asyncio.Future[SignedValue]":
        return self._poller.ask(lambda: self._meter.stop(transaction_id))

    def public_key(self) -> "asyncio.Future[str | Missing]":
        return self._poller.ask(self._meter.public_key)


def _settle(future: "asyncio.Future[Any]", settle: Callable[[Any], None], outcome: object) -> None:
    if not future.done():
        settle(outcome)
