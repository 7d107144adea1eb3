"""A meter on a real pty for tests: the loop that the simulated world runs, in a thread."""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hal.sim.pty_line import PtyLine
from hal.types import MeterReading

FAST_BAUD = 115200

READING = MeterReading(
    at_s=0.0,
    energy_import_wh=1234500.0,  # both are exact as float32 kWh
    energy_export_wh=500.0,
    power_w=10350.0,
    power_phase_w=(3450.0, 3440.0, 3460.0),
    voltage_v=(230.5, 229.25, 231.0),
    current_a=(15.0, 15.125, 14.875),
    frequency_hz=50.0,
    meter_id="21034567",
)


@contextmanager
def served(line: PtyLine) -> Iterator[PtyLine]:
    stop_r, stop_w = os.pipe()
    thread = threading.Thread(target=_serve, args=(line, stop_r))
    thread.start()
    try:
        yield line
    finally:
        os.write(stop_w, b"x")
        thread.join()
        line.close()
        os.close(stop_r)
        os.close(stop_w)


def _serve(line: PtyLine, stop_fd: int) -> None:
    deadline_s = None
    while True:
        wait_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        ready, _, _ = select.select([line.fileno(), stop_fd], [], [], wait_s)
        if stop_fd in ready:
            return
        if line.fileno() in ready:
            line.on_readable(time.monotonic())
        deadline_s = line.on_timer(time.monotonic())
