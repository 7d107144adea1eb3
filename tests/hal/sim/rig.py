"""A world and its board on one clock that the test moves."""

from collections.abc import Callable

from hal.sim.board import SimBoard
from hal.sim.lines import ConnectorType, Lines
from hal.sim.script import ScriptRunner
from hal.sim.trace import TraceEntry
from hal.sim.world import World


class ManualClock:
    def __init__(self) -> None:
        self._now_s = 0.0
        self.during_sleep: Callable[[], None] = lambda: None

    def now_s(self) -> float:
        return self._now_s

    def sleep(self, duration_s: float) -> None:
        self._now_s += duration_s
        self.during_sleep()

    def move_to(self, now_s: float) -> None:
        self._now_s = now_s


class Rig:
    """Runs script, world and heartbeat together; the heartbeat stops with `beating = False`."""

    def __init__(
        self, connector_type: ConnectorType = ConnectorType.SOCKET, cable_ampacity_a: int = 32
    ) -> None:
        self.clock = ManualClock()
        self.lines = Lines.in_memory()
        self.world = World(self.lines, connector_type=connector_type, cable_ampacity_a=cable_ampacity_a)
        self.script = ScriptRunner(self.world)
        self.board = SimBoard(self.lines, self.clock)
        self.beating = True
        self.trace: list[TraceEntry] = []
        self.run(0.05)

    def run(self, duration_s: float, step_s: float = 0.01) -> None:
        start_s = self.clock.now_s()
        for step in range(1, round(duration_s / step_s) + 1):
            self.clock.move_to(start_s + step * step_s)
            if self.beating:
                self.board.heartbeat.toggle()
            self.script.advance(self.clock.now_s())
            self.world.advance(self.clock.now_s())
        self.trace += self.world.drain_trace()

    def charge(self, current_a: float = 16.0, phases: int = 3, duty: float = 0.2667) -> None:
        self.world.plug_in()
        self.world.ev.request_power(current_a, phases)
        self.board.pilot_out.set_duty(duty)
        self.run(0.5)
        self.board.contactor.drive(True)
        self.run(5.0)

    def shown(self, line: str) -> list[tuple[float, bool | float | str]]:
        return [(entry.t, entry.value) for entry in self.trace if entry.line == line]

    def letters(self) -> str:
        return "".join(str(value) for _, value in self.shown("cp"))
