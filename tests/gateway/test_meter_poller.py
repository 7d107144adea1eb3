"""The meter's thread, and what every model's registers are in the API."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from evsed.api.identity import Identity
from evsed.api.router import Router
from evsed.gateway.meter_poller import MeterPoller, SignedRecords
from hal.drivers.meter_signed import open_meter
from hal.errors import DeviceFailed
from hal.meter_model import load_meter_model, shipped_models
from hal.sim.modbus_server import PtyMeterServer, register_image
from hal.types import MeterReading, Missing, SignedStart, SignedValue
from tests.hal.meter_bench import FAST_BAUD, served
from tests.hal.test_meter_models import READING, told_by

START = SignedStart("DE*1", "u1", "LOCAL", "x")
DEADLINE_S = 10.0
# What a client reads of READING, by the quantity that a model must have for it.
WIRE = {
    "energy_import_wh": {"energy_Wh_import": {"total": 1234500.0}},
    "energy_export_wh": {"energy_Wh_export": {"total": 500.0}},
    "power_w": {"power_W": {"total": 10350.0}},
    "power_phase_w": {"power_W": {"L1": 3450.0, "L2": 3440.0, "L3": 3460.0}},
    "voltage_v": {"voltage_V": {"L1": 230.5, "L2": 229.0, "L3": 231.0}},
    "current_a": {"current_A": {"L1": 15.0, "L2": 15.5, "L3": 14.5}},
    "frequency_hz": {"frequency_Hz": {"L1": 50.0}},
}


class SlowMeter:
    """A signed meter whose signature takes until the test allows it."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.may_sign, self.closed = threading.Event(), threading.Event()
        self.fails = False

    def read(self) -> MeterReading | Missing:
        self.story.append("read")
        return MeterReading(1.0, 5.0)

    def start(self, record: SignedStart) -> SignedValue | None:
        assert self.may_sign.wait(DEADLINE_S)
        self.story.append(f"start {record.transaction_id}")
        if self.fails:
            raise DeviceFailed("timeout: no answer")
        return None

    def stop(self, transaction_id: str) -> SignedValue:
        return SignedValue("OCMF")

    def public_key(self) -> str | Missing:
        return "3059"

    def close(self) -> None:
        self.closed.set()


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(story(), DEADLINE_S)

    asyncio.run(whole())


def test_a_signature_is_waited_for_without_the_loop_and_readings_go_on_after_it() -> None:
    async def story() -> None:
        meter, taken = SlowMeter(), asyncio.Queue[MeterReading | Missing]()
        poller = MeterPoller(meter, 0.01)
        records = SignedRecords(poller, meter)
        poller.start(taken.put_nowait)
        await taken.get()
        started = records.begin(START)
        await asyncio.sleep(0)
        assert not started.done()
        meter.may_sign.set()
        assert await started is None
        while not taken.empty():
            taken.get_nowait()
        await taken.get()
        assert (await records.end("u1")).data == "OCMF"
        assert await records.public_key() == "3059"
        poller.close()

    run(story)


def test_a_reading_that_is_wanted_soon_does_not_wait_for_its_time() -> None:
    async def story() -> None:
        meter, taken = SlowMeter(), asyncio.Queue[MeterReading | Missing]()
        poller = MeterPoller(meter, 60.0)
        poller.start(taken.put_nowait)
        for _ in range(3):
            await taken.get()
            poller.read_soon()
        await taken.get()
        poller.close()

    run(story)


def test_what_the_meter_refuses_is_the_futures_error() -> None:
    async def story() -> None:
        meter = SlowMeter()
        meter.fails = True
        meter.may_sign.set()
        poller = MeterPoller(meter, 60.0)
        poller.start(lambda reading: None)
        with pytest.raises(DeviceFailed, match="no answer"):
            await SignedRecords(poller, meter).begin(START)
        poller.close()

    run(story)


def test_after_its_stop_a_poller_reads_no_more_but_still_signs() -> None:
    async def story() -> None:
        meter = SlowMeter()
        meter.may_sign.set()
        taken: list[MeterReading | Missing] = []
        poller = MeterPoller(meter, 0.001)
        poller.start(taken.append)
        poller.stop()
        await SignedRecords(poller, meter).begin(START)
        read_n = meter.story.count("read")
        await asyncio.sleep(0.05)
        assert meter.story.count("read") == read_n
        assert len(taken) <= 1
        poller.close()
        assert await asyncio.to_thread(meter.closed.wait, DEADLINE_S)

    run(story)


def wire_of(reading: MeterReading) -> dict[str, dict[str, float]]:
    """The numbers that a client must read, as far as the model has them."""
    wanted: dict[str, dict[str, float]] = {}
    for quantity, told in WIRE.items():
        value = getattr(reading, quantity)
        if value is None or value == ():
            continue
        lines_n = len(value) if isinstance(value, tuple) else 3
        for name, numbers in told.items():
            wanted.setdefault(name, {}).update(list(numbers.items())[:lines_n])
    return wanted


@pytest.mark.parametrize("name", shipped_models())
def test_a_client_reads_what_the_meter_holds(name: str, tmp_path: Path) -> None:
    model = load_meter_model(name)
    server = PtyMeterServer(
        tmp_path / "meter", register_image(model, READING), model.serial.device_id, FAST_BAUD
    )

    async def story() -> None:
        taken = asyncio.Queue[MeterReading | Missing]()
        poller = MeterPoller(open_meter(model, tmp_path / "meter", lambda: None, None, FAST_BAUD), 60.0)
        poller.start(taken.put_nowait)
        reading = await taken.get()
        poller.close()
        assert isinstance(reading, MeterReading), reading
        (publication,) = Router(Identity()).powermeter(reading, 1_700_000_000.0)
        told = json.loads(publication.payload)
        assert told.pop("timestamp") == "2023-11-14T22:13:20.000Z"
        assert told.pop("meter_id", "") == told_by(model).meter_id
        wanted = wire_of(told_by(model))
        assert told.keys() == wanted.keys()
        assert {n: pytest.approx(v, rel=1e-7) for n, v in wanted.items()} == told

    with served(server):
        run(story)
