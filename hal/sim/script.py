"""Runs command lists on the world: one command at a time, a wait blocks the list.

Rule 1: advance() before World.advance() with the same now_s, so that a command acts at its own time.
Rule 2: at the end of a list the EV is unplugged and back to defaults; the station stays as told.
"""

from collections import deque
from collections.abc import Callable

from hal.sim.commands import Command, Kind, ScriptError, parse
from hal.sim.world import World

__all__ = ["DEFAULT_PLUGIN", "Command", "ScriptError", "ScriptRunner", "parse"]

DEFAULT_PLUGIN = "sleep 1;iec_wait_pwr_ready;sleep 1;draw_power_regulated 16,3;sleep 30;unplug"


class ScriptRunner:
    """Armed from the start. plugin is the list that the command `plugin` stands for."""

    def __init__(self, world: World, plugin: str = DEFAULT_PLUGIN) -> None:
        self._world = world
        self._plugin = parse(plugin)
        if any(command.row.kind is Kind.PLUGIN for command in self._plugin):
            raise ScriptError("the plug-in list holds 'plugin': it would never end")
        self._enabled = True
        self._commands: deque[Command] | None = None  # None: no list runs
        self._wait_over: Callable[[float], bool] = _no_wait

    @property
    def running(self) -> bool:
        return self._commands is not None

    def execute(self, text: str) -> None:
        """Start a list from an unplugged EV; ScriptError if it is wrong or another one runs."""
        commands = parse(text)
        if self.running:
            raise ScriptError("a list is running: wait for its end or use modify_charging_session")
        self._start(commands)
        self._unplug()
        self._wait_over = lambda now_s: not self._world.cable.connected

    def modify(self, text: str) -> None:
        """Replace the running list, keeping the EV as it is; ScriptError if it is wrong."""
        self._start(parse(text))

    def enable(self, enabled: bool) -> None:
        """Arm or disarm; disarming ends the list and unplugs."""
        self._enabled = enabled
        if not enabled:
            self._end()

    def advance(self, now_s: float) -> None:
        """Run what is due at now_s (monotonic seconds)."""
        while self._commands is not None and self._wait_over(now_s):
            self._wait_over = _no_wait
            if self._commands:
                self._begin(self._commands.popleft(), now_s)
            else:
                self._end()

    def _start(self, commands: list[Command]) -> None:
        if not self._enabled:
            raise ScriptError("the simulated EV is disarmed: send true to carsim/cmd/enable first")
        self._commands = deque(commands)
        self._wait_over = _no_wait

    def _begin(self, command: Command, now_s: float) -> None:
        row, world = command.row, self._world
        if row.kind is Kind.PLUGIN and self._commands is not None:
            self._commands.extendleft(reversed(self._plugin))
        elif row.kind is Kind.SLEEP:
            due_s = now_s + float(command.values[0])
            self._wait_over = lambda at_s: at_s >= due_s
        else:
            row.act(world, *command.values)
            self._wait_over = lambda at_s: row.until(world)

    def _end(self) -> None:
        self._commands = None
        self._unplug()

    def _unplug(self) -> None:
        self._world.unplug()
        self._world.reset_ev()


def _no_wait(now_s: float) -> bool:
    return True
