"""The simulated world of real processes: one World, advanced in real time, and all that is around it.

Rule 1: nothing holds up the world: brokers, clients and meters come and go, it is advanced every TICK_S.
Rule 2: attaching changes all settings or none; EV, cable, station and meter readings stay as they are.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from evsed.clock import SystemClock
from evsed.config import ConfigError
from evsed.service import Notifier
from evsed.sim import carsim
from evsed.sim.carsim_mqtt import CarsimMqtt
from evsed.sim.linger import Linger
from evsed.sim.meter import METER_FILE_NAME, WorldMeter
from evsed.sim.server import Server
from evsed.sim.settings import CONNECTORS, Settings, checked, kept_settings
from evsed.sim.wire import Answer, Attach, Request, config_of
from evsed.sockets import world_path
from hal.sim.lines import LINE_FILE_NAME, Lines
from hal.sim.script import ScriptRunner
from hal.sim.world import World

TICK_S = 0.002
SETTLE_S = 0.3  # the last lines of the trace have this long to reach a living broker


class SimProcess:
    """Made on a running loop; run() until a signal, {"stop": true} or the end of sim.linger_s."""

    def __init__(self, run_dir: Path, settings: Settings, clock: SystemClock) -> None:
        self._run_dir, self._settings, self._clock = run_dir, settings, clock
        self._lines = Lines.create(run_dir / LINE_FILE_NAME)
        self._world = _new_world(self._lines, settings)
        self._runner = ScriptRunner(self._world)
        self._linger = Linger(clock.now_s())
        self._ended = False
        self._attaching = asyncio.Lock()
        self._server = Server(world_path(run_dir), self._handle)
        self._meter = self._new_meter(settings)
        self._mqtt = self._new_mqtt(settings, [])

    async def run(self) -> None:
        self._advance()
        await self._server.start()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._end)
        tell(f"simulated world ready in {self._run_dir}")
        Notifier().notify("READY=1")
        try:
            while not self._ended and not self._deserted():
                self._advance()
                await asyncio.sleep(TICK_S)
        finally:
            self._end()
            await self._close()

    def _end(self) -> None:
        self._ended = True

    async def _close(self) -> None:
        await self._server.close()
        self._meter.close()
        await self._mqtt.settle(SETTLE_S)
        await self._mqtt.stop()

    def _advance(self) -> None:
        now_s = self._clock.now_s()
        self._runner.advance(now_s)
        self._world.advance(now_s)
        entries = self._world.drain_trace()
        self._mqtt.trace(entries if self._settings.config.sim.trace else ())

    def _deserted(self) -> bool:
        linger_s = self._settings.config.sim.linger_s
        return self._linger.over(self._lines.owner_alive(), linger_s, self._clock.now_s())

    async def _handle(self, request: Request) -> Answer:
        if self._ended:
            raise ConnectionAbortedError("too late: this world is ending")
        if request.attach is None:
            self._end()
            return Answer(True, os.getpid())
        async with self._attaching:
            return await self._attach(request.attach)

    async def _attach(self, attach: Attach) -> Answer:
        running = self._settings.config
        if attach.connector_type != running.evse.connector_type:
            return Answer(False, os.getpid(), _other_connector(running.evse.connector_type, attach))
        try:
            wanted = checked(config_of(attach, running.evse), self._settings.mqtt.client_id)
        except ConfigError as error:
            return Answer(False, os.getpid(), str(error))
        self._linger.touch(self._clock.now_s())
        await self._take_over(wanted)
        return Answer(True, os.getpid(), kept=kept_settings(running, wanted.config))

    async def _take_over(self, wanted: Settings) -> None:
        before, self._settings = self._settings, wanted
        if wanted.config.sim.noise_mv != before.config.sim.noise_mv:  # a script's noise stays otherwise
            self._world.set_noise(wanted.config.sim.noise_mv / 1000.0)
        if wanted.meter != before.meter:
            self._meter.close()
            self._meter = self._new_meter(wanted)
        if not wanted.config.sim.trace:
            self._mqtt.forget_trace()
        if _link_of(wanted) != _link_of(before):
            self._mqtt = self._new_mqtt(wanted, await self._mqtt.stop())

    def _new_meter(self, settings: Settings) -> WorldMeter:
        meter = settings.meter
        path = self._run_dir / METER_FILE_NAME
        return WorldMeter(self._world, path, meter.model, meter.device_id, meter.baudrate)

    def _new_mqtt(self, settings: Settings, owed: list[bytes]) -> CarsimMqtt:
        take = partial(carsim.take, self._runner, settings.config.mqtt.max_payload_bytes)
        return CarsimMqtt(settings.mqtt, settings.config.evse.connector_id, take, _tell_lost, owed)


def tell(text: str) -> None:
    """One line on stderr, which may have ended before us: its reader may be an evsed that we outlive."""
    with suppress(OSError):
        print(f"evsed-sim: {text}", file=sys.stderr, flush=True)


def _tell_lost(why: str) -> None:
    tell(f"no broker yet, EV commands and trace wait for it: {why}")


def _new_world(lines: Lines, settings: Settings) -> World:
    config = settings.config
    connector_type = CONNECTORS[config.evse.connector_type]
    world = World(
        lines,
        seed=config.sim.seed,
        cable_ampacity_a=settings.cable_ampacity_a,
        connector_type=connector_type,
    )
    world.set_noise(config.sim.noise_mv / 1000.0)
    return world


def _link_of(settings: Settings) -> tuple[object, ...]:
    """What a change of makes a new connection."""
    config = settings.config
    return settings.mqtt, config.evse.connector_id, config.mqtt.max_payload_bytes


def _other_connector(running: str, attach: Attach) -> str:
    return (
        f"evse.connector_type {attach.connector_type}: the world that runs here has {running}; "
        f"stop it (kill {os.getpid()}) or choose another RUNTIME_DIRECTORY"
    )
