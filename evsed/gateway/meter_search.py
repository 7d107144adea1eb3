"""`evsectl meter probe|scan`: who answers on the meter's line; on the meter's own thread."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from evsed.config.schema_hardware import MeterConfig
from evsed.gateway.meter_poller import MeterPoller
from hal.board_model import MeterLine
from hal.drivers.meter_scan import Found, factory_lines, scan
from hal.interfaces import Clock, Meter
from hal.meter_model import SerialDefaults, load_meter_model

SCAN_LIMIT_S = 240.0
FOUND_MAX_N = 32


class MeterSearch:
    """line: where the meter hangs. The driver lets go of the port while somebody else is looked for."""

    def __init__(
        self, config: MeterConfig, line: MeterLine, poller: MeterPoller, meter: Meter, clock: Clock
    ) -> None:
        self._config, self._line, self._poller, self._meter, self._clock = config, line, poller, meter, clock

    def probe(self) -> "asyncio.Future[list[dict[str, Any]]]":
        """The configured address on the configured serial line."""
        serial = self._configured()
        return self._poller.ask(lambda: self._found((serial,), (serial.device_id,)))

    def scan(self) -> "asyncio.Future[list[dict[str, Any]]]":
        """Every address with every factory setting, for at most SCAN_LIMIT_S."""
        return self._poller.ask(lambda: self._found(factory_lines(), ()))

    def _configured(self) -> SerialDefaults:
        serial = load_meter_model(self._config.model).serial
        return msgspec.structs.replace(
            serial,
            device_id=self._config.device_id or serial.device_id,
            baudrate=self._config.baudrate or serial.baudrate,
        )

    def _found(self, lines: Sequence[SerialDefaults], device_ids: Sequence[int]) -> list[dict[str, Any]]:
        self._meter.close()
        until_s = self._clock.now_s() + SCAN_LIMIT_S
        found = scan(self._line.port, lines, device_ids, self._line.rs485, until_s, self._clock.now_s)
        return [_item(one) for one in islice(found, FOUND_MAX_N)]


def _item(found: Found) -> dict[str, Any]:
    item: dict[str, Any] = msgspec.to_builtins(found)
    return item
