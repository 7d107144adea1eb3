"""What the gateway itself tells evsectl, from a store that holds sessions and an availability table."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evsed.config.load import load
from evsed.core import commands as c
from evsed.core.events import AvailabilityChanged, SessionEvent
from evsed.core.inputs import Snapshot
from evsed.core.states import CpState, EventKind, StopReason
from evsed.core.tokens import local_token
from evsed.gateway.app import Gateway
from evsed.gateway.control_link import ControlAway
from evsed.gateway.local import Busy
from evsed.gateway.local_service import GatewayService
from evsed.gateway.store import Store
from evsed.link.channel import listen
from evsed.link.messages import NumberedEvent
from evsed.mqtt_config import mqtt_settings
from hal.board_record import BoardRecords
from hal.sim.eeprom import FACTORY, ByteMemory, factory_image
from hal.types import BoardRecord, Calibration, MeterReading
from tests.gateway.snapshots import snapshot

BEGAN_S = 1_767_312_000.0  # 2026-01-02
ROW = c.AvailabilityRow(c.EnableSource.CSMS, c.EnableState.DISABLE, 50)
ANNA = local_token("04A2B3C4")


def session(uuid: str) -> list[SessionEvent]:
    return [
        SessionEvent(EventKind.SESSION_STARTED, uuid),
        SessionEvent(EventKind.TRANSACTION_STARTED, uuid, MeterReading(1.0, 1000.0), id_tag=ANNA),
        SessionEvent(
            EventKind.TRANSACTION_FINISHED, uuid, MeterReading(2.0, 1500.0), stop_reason=StopReason.LOCAL
        ),
        SessionEvent(EventKind.SESSION_FINISHED, uuid),
    ]


def filled(path: Path) -> Store:
    store = Store(path)
    events = [AvailabilityChanged((ROW,)), *session("older"), *session("newer")]
    numbered = [(NumberedEvent(n, float(n), e), BEGAN_S + 60.0 * n) for n, e in enumerate(events, 1)]
    store.store("boot", numbered, True)
    return store


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(ControlAway) as why:
        ask()
    return str(why.value)


def told(tmp_path: Path) -> dict:
    """What the service says, gathered on a loop with the whole gateway put together, broker unstarted."""
    tokens = tmp_path / "tokens.toml"
    tokens.write_text('"04a2b3c4" = "Anna"\n')
    config = load([], [f"auth.token_file={tokens}"], "sim", tmp_path).config

    async def gather() -> dict:
        listening = listen(str(tmp_path / "link"))
        gateway = Gateway(
            config, filled(tmp_path / "s"), listening, mqtt_settings(config, "test"), lambda *line: None
        )
        service = GatewayService(config, gateway, None, None)
        found = {
            "all": service.sessions(0.0, 20),
            "one": service.sessions(0.0, 1),
            "later": service.sessions(BEGAN_S + 300.0, 20),
            "why": service.why(),
            "errors": service.errors(),
            "explain": service.explain("new"),
            "explain last": service.explain(""),
            "explain none": service.explain("77"),
            "record": refused(service.record),
        }
        await gateway.finish(0.1, 0.1)
        await gateway.close()
        listening.close()
        return found

    return asyncio.run(gather())


class OneAtATime(ByteMemory):
    """An EEPROM's bytes, where two writes at once would be noticed."""

    def __init__(self, cells: memoryview) -> None:
        super().__init__(lambda: cells)
        self._free = threading.Lock()

    def write(self, at: int, data: bytes) -> None:
        assert self._free.acquire(blocking=False), "two writes at once"
        try:
            for offset in range(0, len(data), 8):
                super().write(at + offset, data[offset : offset + 8])
                time.sleep(0.001)  # another thread comes in between
        finally:
            self._free.release()


def kept(tmp_path: Path, now: Snapshot | None, gains: tuple[float, ...] = (1.01,)) -> list[object]:
    """What keep_calibration says for each gain, all asked at once; the record's own at the end."""
    eeprom = BoardRecords(OneAtATime(memoryview(bytearray(factory_image()))))
    config = load([], [], "sim", tmp_path).config

    async def ask() -> list[object]:
        with closing(listen(str(tmp_path / "link"))) as listening:
            settings = mqtt_settings(config, "test")
            gateway = Gateway(config, filled(tmp_path / "s"), listening, settings, lambda *line: None)
            gateway.now = now
            service = GatewayService(config, gateway, None, None, eeprom)
            asked = (service.keep_calibration(gain, 0.0) for gain in gains)
            said = await asyncio.gather(*asked, return_exceptions=True)
            await gateway.close()
        return [str(one) if isinstance(one, Busy) else one for one in said]

    return [*asyncio.run(ask()), eeprom.read()]


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (None, "not while the control process is away"),
        (snapshot(cp=CpState.B), "not while an EV is there"),
        (snapshot(cp=CpState.A, session_uuid="one"), "not while an EV is there"),
    ],
)
def test_no_calibration_is_kept_with_an_ev_or_without_control(tmp_path, now, why):
    said, record = kept(tmp_path, now)
    assert why in said
    assert record == FACTORY


def test_calibrations_are_kept_one_at_a_time(tmp_path):
    *said, record = kept(tmp_path, snapshot(cp=CpState.A), (1.01, 1.02, 1.03))
    assert [one["serial_number"] for one in said] == [FACTORY.serial_number] * 3
    assert record == BoardRecord(FACTORY.serial_number, {"cp": Calibration(1.03, 0.0)})


def test_what_the_gateway_knows_by_itself(tmp_path):
    found = told(tmp_path)
    assert [one["uuid"] for one in found["all"]] == ["newer", "older"]
    assert [one["uuid"] for one in found["one"]] == ["newer"]
    assert [one["uuid"] for one in found["later"]] == ["newer"]
    assert found["all"][0]["token_name"] == "Anna"
    assert found["all"][0]["charged_energy_wh"] == 500.0
    assert found["all"][0]["reason"] == "Local"
    assert found["why"]["disabled_by"] == {"source": "CSMS", "priority": 50}
    assert found["why"]["stop_reason"] is None  # of a session that is over
    assert found["why"]["control"] == {"connected": False}
    assert found["errors"] == []


def test_what_the_gateway_knows_of_why_a_session_stopped(tmp_path):
    found = told(tmp_path)
    assert [one["uuid"] for one in found["explain"]["sessions"]] == ["newer"]
    assert found["explain last"] == found["explain"]
    assert found["explain"]["recording"] is None
    assert [one["event"] for one in found["explain"]["course"]] == ["TransactionFinished", "SessionFinished"]
    assert found["explain"]["course"][0]["stop_reason"] == "Local"
    assert found["explain none"] == {"sessions": [], "recording": None}


def test_without_control_nothing_can_be_recorded(tmp_path):
    assert "not connected" in told(tmp_path)["record"]
