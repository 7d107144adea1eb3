"""Each driver of the carrier board: its own microseconds and its calls of the kernel, for one tick.

The drivers are the real ones over the kernel doors of the tests: files of a PWM, GPIO requests, an SPI ioctl.
It answers at once with the burst of before: neither the bus (2.4 ms a burst) nor an imagined ADC counts.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from hal.boards.hardware import HardwareBoard
from hal.types import Led
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.rows import Reference, Row, row
from scripts.benchmarks.site import Site
from tests.hal.boards.board_bench import Copper

GROUP = "hal"
BOARD = "cm4-carrier"

Call = Callable[[], Any]


class CountingCopper(Copper):
    """Counts what would have gone to the kernel; the SPI bus repeats its last burst once told to."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(BOARD, tmp_path)
        self.ioctls_n = 0
        self.repeats = False
        self._moved_n: dict[int, int] = {}

    def _ioctl(self, fd: int, request: int, address: int) -> int:
        self.ioctls_n += 1
        if not self.repeats or request not in self._moved_n:
            self._moved_n[request] = super()._ioctl(fd, request, address)
        return self._moved_n[request]

    @property
    def calls_n(self) -> int:
        return self.ioctls_n + self.kernel.calls_n + _writes_n()


def _writes_n() -> int:
    """By this process so far (proc(5), syscw): the files of the PWM are real ones."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("syscw"))


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        copper = CountingCopper(Path(folder))
        board = copper.open()
        for call in calls(board).values():
            call()  # everything has been opened, and the bus has a burst to repeat
        copper.repeats = True
        bare = Reference("bare clock", tuple(_timed_us(time.monotonic, plan.driver_calls_n)))
        for what, call in calls(board).items():
            yield _row(copper, what, call, plan, bare)
        board.close()


def calls(board: HardwareBoard) -> dict[str, Call]:
    """What a tick does with each device; outputs change at every call, as they seldom do."""
    duties, levels = cycle((0.5, 0.25)), cycle((True, False))
    leds = cycle((Led(True, False, False, 0.0), Led(False, True, False, 0.0)))
    trips = board.trips
    return {
        "pilot in: MCP3208, one burst": board.pilot_in.read,
        "proximity in: MCP3208": _of(board.proximity_in).read,
        "rails in: MCP3208": _of(board.rails_in).read,
        "mirror contact: GPIO": board.contactor.mirror_closed,
        "lock position: GPIO": _of(board.lock).locked,
        "trips: GPIO": lambda: (trips.rcd_tripped(), trips.emergency_stop(), trips.stop_pressed()),
        "pilot out: PWM, changed": lambda: board.pilot_out.set_duty(next(duties)),
        "contactor: GPIO, changed": lambda: board.contactor.drive(next(levels)),
        "heartbeat: GPIO": board.heartbeat.toggle,
        "status LED: GPIO, changed": lambda: board.led.show(next(leds), True),
    }


def _of(device: Any) -> Any:
    assert device is not None, f"{BOARD} has it"
    return device


def _row(copper: CountingCopper, what: str, call: Call, plan: Plan, bare: Reference) -> Row:
    before_n = copper.calls_n
    values_us = list(_timed_us(call, plan.driver_calls_n))
    calls_n = (copper.calls_n - before_n) / len(values_us)
    return row(GROUP, what, "us", values_us, reference=bare, note=f"{calls_n:g} calls of the kernel")


def _timed_us(call: Call, n: int) -> Iterator[float]:
    now_ns = time.perf_counter_ns
    for _ in range(n):
        start_ns = now_ns()
        call()
        yield (now_ns() - start_ns) / 1000.0
