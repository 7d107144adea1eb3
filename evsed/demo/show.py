"""The course of the demo: start a broker and evsed, let the EV charge, end all of it.

Rule: whatever happens on the way, everything that was started is ended, the last one first.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable

import msgspec

from evsed import __version__
from evsed.clock import SystemClock
from evsed.config import Config
from evsed.demo.children import Child, Failed, start_broker
from evsed.demo.event_lines import said
from evsed.demo.hints import hint_rows, hints
from evsed.demo.live import FRAME_S, Live
from evsed.demo.player import Plan, Player, topics_of
from evsed.demo.watch import watch
from evsed.demo.workplace import Workplace, environment
from evsed.demo.world import end_world
from evsed.sockets import control_path

READY_LIMIT_S = 15.0
SESSION_LIMIT_S = 30.0  # of --once, whose session takes 13 s
EVSED_STOP_LIMIT_S = 9.0  # 6 s for an EV that does not leave C, and the store
BROKER_STOP_LIMIT_S = 2.0
NEXT_SESSION_S = 15.0
STUCK_S = 90.0  # then the EV is told again: somebody may have disarmed it, or disabled us
LAST_LINES_S = 0.3
BY_SOMEBODY = (signal.SIGINT, signal.SIGTERM)  # a closing terminal tells us in several other ways

SHORT_SESSION = Plan(
    "plugs in, takes 16 A, pauses, goes on, leaves",
    "sleep 0.5;iec_wait_pwr_ready;sleep 1;draw_power_regulated 16,3;sleep 4;"
    "pause;sleep 1.5;draw_power_regulated 16,3;sleep 3;pause;sleep 0.5;unplug",
)
LONG_SESSION = Plan(
    "plugs in, takes 16 A, pauses, takes 10 A, leaves: 45 s",
    "sleep 1;iec_wait_pwr_ready;sleep 2;draw_power_regulated 16,3;sleep 20;"
    "pause;sleep 5;draw_power_regulated 10,3;sleep 15;pause;sleep 2;unplug",
)


class Stop:
    """How the demo is asked to end: once in order, twice by somebody at once."""

    def __init__(self) -> None:
        self.signum = 0
        self.hurry = asyncio.Event()

    def ask(self, signum: int) -> None:
        if self.signum and signum in BY_SOMEBODY:
            self.hurry.set()
        self.signum = self.signum or signum


class Options(msgspec.Struct, frozen=True):
    """arguments: evsed's own --set and --config."""

    once: bool
    arguments: list[str]
    config: Config


class Interrupted(Exception):
    """Somebody asked for the end."""


class Show:
    def __init__(self, options: Options, workplace: Workplace, live: Live, stop: Stop) -> None:
        self._options, self._workplace, self._live, self._stop = options, workplace, live, stop
        self._clock = SystemClock()
        self._children: list[Child] = []

    async def run(self) -> None:
        """Until the session of --once is over, else for ever. Raises Failed, Interrupted."""
        async with contextlib.AsyncExitStack() as stack:
            player = await self._start(stack)
            stack.callback(self._say_ending)
            if self._options.once:
                await self._play_once(player)
            else:
                await self._play_on(player)

    async def _start(self, stack: contextlib.AsyncExitStack) -> Player:
        options, workplace, hurry = self._options, self._workplace, self._stop.hurry
        broker, port = await start_broker(workplace)
        self._children.append(broker)
        stack.push_async_callback(broker.stop, BROKER_STOP_LIMIT_S, hurry)
        player = Player(port, options.config, self._live.line)
        stack.push_async_callback(player.close)
        stack.push_async_callback(end_world, workplace.run_dir, hurry)
        evsed = Child("evsed", self._command(port), environment(workplace), workplace.log("evsed"))
        self._children.append(evsed)
        stack.push_async_callback(self._end_evsed, evsed)
        self._live.line(said(f"> mosquitto on port {port}, evsed on the simulated board"))
        if not await self._until(lambda: player.ready, READY_LIMIT_S):
            why = f"evsed is not ready within {READY_LIMIT_S:g} s"
            raise Failed(why, workplace.log("evsed"))
        self._introduce(port)
        await self._watch(stack)
        return player

    def _command(self, port: int) -> list[str]:
        settings = [*self._options.arguments, "--set=mqtt.host=127.0.0.1", f"--set=mqtt.port={port}"]
        return [sys.executable, "-m", "evsed", "--board=sim", *settings]

    def _introduce(self, port: int) -> None:
        workplace = self._workplace
        told = hints(port, topics_of(self._options.config), workplace.run_dir)
        file = workplace.root / "try"
        file.write_text("".join(f"# {what}\n{line}\n" for what, line in told))
        self._live.rows(hint_rows(told))
        self._live.title = f"evsed {__version__} on the simulated board"
        self._live.footer = f"Ctrl-C ends it; lines to try are in {file}"

    async def _watch(self, stack: contextlib.AsyncExitStack) -> None:
        watching = asyncio.create_task(watch(control_path(self._workplace.run_dir), self._live.status))

        async def end() -> None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        stack.push_async_callback(end)

    async def _play_once(self, player: Player) -> None:
        player.play(SHORT_SESSION)
        session = player.session
        over = await self._until(lambda: session.finished or bool(session.problem), SESSION_LIMIT_S)
        await asyncio.sleep(LAST_LINES_S)
        if not over:
            last = session.events[-1] if session.events else "none"
            why = f"no SessionFinished within {SESSION_LIMIT_S:g} s; the last event was: {last}"
            raise Failed(why, self._workplace.log("evsed"))
        if session.problem:
            raise Failed(session.problem, self._workplace.log("evsed"))

    async def _play_on(self, player: Player) -> None:
        while True:
            player.play(LONG_SESSION)
            session = player.session
            await self._until(lambda s=session: s.finished or bool(s.refused), STUCK_S)  # type: ignore[misc]
            self._live.line(said(f"> the next session begins in {NEXT_SESSION_S:g} s; Ctrl-C ends it all"))
            await self._until(lambda: False, NEXT_SESSION_S)

    async def _until(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Whether it was done in time. Raises Failed if a child ends meanwhile, Interrupted if asked to."""
        give_up_s = self._clock.now_s() + limit_s
        while not done():
            if self._stop.signum:
                raise Interrupted
            for child in self._children:
                child.check()
            if self._clock.now_s() > give_up_s:
                return False
            await asyncio.sleep(FRAME_S / 2)
        return True

    def _say_ending(self) -> None:
        again = "" if self._options.once else "; Ctrl-C again: at once"
        self._live.line(said(f"> ending evsed, the simulated world, mosquitto{again}"))

    async def _end_evsed(self, evsed: Child) -> None:
        if not await evsed.stop(EVSED_STOP_LIMIT_S, self._stop.hurry):
            self._live.line(said("> evsed had to be killed"))
