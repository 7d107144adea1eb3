"""Reads the meter on a thread of its own: a read takes up to half a second on a slow line."""

import asyncio
import threading
import time
from collections.abc import Callable

from hal.interfaces import Meter
from hal.types import MeterReading, Missing

Take = Callable[[MeterReading | Missing], None]


class MeterPoller:
    """Calls take on the loop with every reading, period_s apart."""

    def __init__(self, meter: Meter, period_s: float, take: Take) -> None:
        self._loop = asyncio.get_running_loop()
        self._meter, self._period_s, self._take = meter, period_s, take
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a read that is under way: the thread ends with the process."""
        self._stopped.set()

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._stopped.is_set():
            reading = self._meter.read()
            if self._stopped.is_set():
                break
            self._loop.call_soon_threadsafe(self._take, reading)
            next_s = max(next_s + self._period_s, time.monotonic())
            self._stopped.wait(next_s - time.monotonic())
        self._meter.close()
