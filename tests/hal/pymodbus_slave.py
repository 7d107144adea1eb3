"""pymodbus's own RTU server as the slave behind a PtyLine: answers that are not by our code."""

import asyncio
import os
import select
import threading
import tty

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.meter_model import blocks_of
from hal.sim.modbus_server import register_image

NOTHING = [SimData(0, values=[0], datatype=DataType.REGISTERS)]
BITS = [SimData(0, values=[False] * 8, datatype=DataType.BITS)]


class PymodbusSlave:
    """Serves what the model shows of the reading; answer() is a PtyLine's Answerer."""

    def __init__(self, model, reading, device_id):
        self._master, client_end = os.openpty()
        tty.setraw(client_end)
        holding, inputs = (_blocks(model, reading, function) for function in (3, 4))
        device = SimDevice(device_id, simdata=(BITS, BITS, holding or NOTHING, inputs or NOTHING))
        self._loop, self._port, self._device = asyncio.new_event_loop(), os.ttyname(client_end), device
        self._client_end = client_end
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def answer(self, frame):
        """Whatever comes until 5 ms of silence; None if nothing comes for 50 ms."""
        os.write(self._master, frame)
        reply, wait_s = b"", 0.05
        while select.select([self._master], [], [], wait_s)[0]:
            reply, wait_s = reply + os.read(self._master, 4096), 0.005
        return reply or None

    def close(self):
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)
        self._thread.join(5)
        self._loop.close()
        os.close(self._master)
        os.close(self._client_end)

    def _run(self):
        self._loop.run_until_complete(self._serve())

    async def _serve(self):
        self._server = ModbusSerialServer(
            self._device, port=self._port, baudrate=115200, ignore_missing_devices=True
        )
        await self._server.serve_forever(background=True)
        self._ready.set()
        await self._server.serving


def _blocks(model, reading, function):
    image = register_image(model, reading)
    identities = [model.serial_number, model.identification and model.identification.register]
    wanted = {(i.address, i.words) for i in identities if i is not None and i.function == function}
    if function == model.function:
        wanted |= {(block.address, block.count) for block in blocks_of(model)}
    return [
        SimData(address, values=image(function, address, count), datatype=DataType.REGISTERS)
        for address, count in sorted(wanted)
    ]
