"""Looks for meters on a line, for the installer: who answers at which baud rate, and what it is.

Rule 1: only reads; whatever hangs on the line is left as it is.
Rule 2: bounded: duration_s() tells what silence costs, and until_s ends a scan between two addresses.
Rule 3: a model is certain only by a register that identifies it; else all that read plausibly are named.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from hal.drivers.modbus_line import BITS_PER_CHAR, ModbusLine, NoAnswer
from hal.drivers.serial_port import Rs485
from hal.errors import DeviceFailed
from hal.meter_model import (
    Identity,
    MeterModel,
    SerialDefaults,
    blocks_of,
    identity_of,
    load_meter_model,
    reading_of,
    shipped_models,
)
from hal.types import MeterReading

SCAN_TIMEOUT_S = 0.1  # meters answer within that
KNOCK = (3, 0, 2)  # function, address, count: whoever is there answers, be it with an exception
KNOCK_BYTES = 8 + 5 + 4
ADDRESSES = range(1, 248)  # Modbus over serial line 2.2
MAINS_V, MAINS_HZ = (
    (80.0, 300.0),
    (45.0, 65.0),
)  # one of both tells a reading from registers that mean other things


class Found(msgspec.Struct, frozen=True):
    """Somebody answers. models is empty if no model file fits, or if only garbage came."""

    device_id: int
    serial: SerialDefaults
    models: tuple[str, ...] = ()
    certain: bool = False
    meter_id: str = ""
    garbage: bool = (
        False  # bytes without a right CRC: other parity or baud rate, or two units with one address
    )


def factory_lines() -> tuple[SerialDefaults, ...]:
    """Each baud rate and parity that a shipped model leaves the factory with."""
    serials = (load_meter_model(name).serial for name in shipped_models())
    return tuple(dict.fromkeys(msgspec.structs.replace(serial, device_id=1) for serial in serials))


def addresses() -> list[int]:
    """All, those of the factories first."""
    first = {load_meter_model(name).serial.device_id: None for name in shipped_models()}
    return list(first | dict.fromkeys(ADDRESSES))


def duration_s(lines: Iterable[SerialDefaults], device_ids: Sequence[int]) -> float:
    """How long a scan takes at most where nobody answers."""
    each_s = sum(SCAN_TIMEOUT_S + KNOCK_BYTES * BITS_PER_CHAR / line.baudrate for line in lines)
    return each_s * len(device_ids)


def scan(
    port: str | Path,
    lines: Sequence[SerialDefaults] = (),
    device_ids: Sequence[int] = (),
    rs485: Rs485 | None = None,
    until_s: float | None = None,
    now_s: Callable[[], float] = time.monotonic,
) -> Iterator[Found]:
    """Everybody who answers, as found. No lines, no device_ids: all. Raises HalError if the port fails."""
    for serial in lines or factory_lines():
        for device_id in device_ids or addresses():
            if until_s is not None and now_s() >= until_s:
                return
            found = probe(port, device_id, serial, rs485)
            if found is not None:
                yield found


def probe(
    port: str | Path, device_id: int, serial: SerialDefaults, rs485: Rs485 | None = None
) -> Found | None:
    """Who answers there; None: nobody. Raises HalError for trouble with the port."""
    with closing(ModbusLine(port, serial, rs485, KNOCK[2], SCAN_TIMEOUT_S, retries=0)) as line:
        try:
            line.read(device_id, *KNOCK)
        except NoAnswer as silence:
            return Found(device_id, serial, garbage=True) if silence.heard else None
        except DeviceFailed:
            pass  # an exception is an answer
    with closing(ModbusLine(port, serial, rs485, answer_timeout_s=SCAN_TIMEOUT_S)) as line:
        return _Unit(line, device_id).named(serial)


class _Unit:
    """A unit that answers, to be named."""

    def __init__(self, line: ModbusLine, device_id: int) -> None:
        self._line, self._device_id = line, device_id
        self._known: dict[Identity, int | str | None] = {}

    def named(self, serial: SerialDefaults) -> Found:
        models = {name: load_meter_model(name) for name in shipped_models()}
        certain = [name for name, model in models.items() if self._identifies(model)]
        names = certain or [name for name, model in models.items() if self._reads_plausibly(model)]
        meter_id = self._meter_id(models[names[0]]) if names else ""
        return Found(self._device_id, serial, tuple(names), bool(certain), meter_id)

    def _identifies(self, model: MeterModel) -> bool:
        if model.identification is None:
            return False
        told = self._identity(model.identification.register, model)
        return any(
            told.startswith(one) if isinstance(told, str) and isinstance(one, str) else told == one
            for one in model.identification.is_one_of
        )

    def _reads_plausibly(self, model: MeterModel) -> bool:
        """Models with an identification are not asked: they have just denied."""
        if model.identification is not None:
            return False
        words: dict[int, int] = {}
        try:
            for block in blocks_of(model):
                told = self._line.read(self._device_id, model.function, block.address, block.count)
                words.update(enumerate(told, block.address))
            return _shows_mains(reading_of(model, words, 0.0, ""))
        except DeviceFailed:
            return False

    def _meter_id(self, model: MeterModel) -> str:
        told = None if model.serial_number is None else self._identity(model.serial_number, model)
        return "" if told is None else str(told)

    def _identity(self, where: Identity, model: MeterModel) -> int | str | None:
        if where not in self._known:
            self._known[where] = self._ask(where, model)
        return self._known[where]

    def _ask(self, where: Identity, model: MeterModel) -> int | str | None:
        try:
            words = self._line.read(self._device_id, where.function, where.address, where.words)
            return identity_of(where, words, model.word_order)
        except (DeviceFailed, ValueError):
            return None


def _shows_mains(reading: MeterReading) -> bool:
    if reading.frequency_hz is not None and not MAINS_HZ[0] <= reading.frequency_hz <= MAINS_HZ[1]:
        return False
    if reading.voltage_v:
        return any(MAINS_V[0] <= volts <= MAINS_V[1] for volts in reading.voltage_v)
    return reading.frequency_hz is not None
