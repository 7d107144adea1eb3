"""The world's meter on the asyncio loop: registers that always show what the world measures now."""

import asyncio
from pathlib import Path

import msgspec

from evsed.sim.signing import signed_meter
from hal.meter_model import MeterModel
from hal.sim.modbus_server import PtyMeterServer, register_image
from hal.sim.world import World
from hal.types import MeterReading

METER_FILE_NAME = "meter"  # in the run directory
SERIAL_NUMBER = "10001"  # fits every register type that a model may keep it in


class WorldMeter:
    """Serves `path` from its making to close(); made on a running loop, whose time is monotonic."""

    def __init__(self, world: World, path: Path, model: MeterModel, device_id: int, baudrate: int) -> None:
        self._world, self._model = world, model
        self._signed = signed_meter(model, self._reading)
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.TimerHandle | None = None
        write = self._signed.write if self._signed is not None else None
        self._server = PtyMeterServer(path, self._registers, device_id, baudrate, write)
        self._loop.add_reader(self._server.fileno(), self._on_readable)

    def close(self) -> None:
        self._loop.remove_reader(self._server.fileno())
        if self._due is not None:
            self._due.cancel()
        self._server.close()

    def _registers(self, function: int, address: int, count: int) -> list[int] | None:
        if self._signed is None:
            return register_image(self._model, self._reading())(function, address, count)
        self._signed.show(self._reading())
        return self._signed.registers(function, address, count)

    def _reading(self) -> MeterReading:
        return msgspec.structs.replace(self._world.meter_values(), meter_id=SERIAL_NUMBER)

    def _on_readable(self) -> None:
        self._server.silent = self._world.meter_silent
        self._server.on_readable(self._loop.time())
        self._on_timer()

    def _on_timer(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._server.silent = self._world.meter_silent
        deadline_s = self._server.on_timer(self._loop.time())
        self._due = None if deadline_s is None else self._loop.call_at(deadline_s, self._on_timer)
