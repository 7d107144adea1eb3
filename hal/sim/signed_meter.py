"""Meters that sign, for tests: the registers of a Bauer BSM-WS36A and of an Iskra WM3M4C, as they behave.

The signature is made by whoever builds the meter, so that no key and no cryptography is in here.
"""

from collections.abc import Callable

import msgspec

from hal.meter_model import MeterModel
from hal.meter_numbers import encode_text
from hal.meter_signing import RecordSigning, Snapshot, SnapshotSigning
from hal.sim.modbus_server import Registers, register_image
from hal.types import MeterReading

Sign = Callable[[bytes], bytes]  # payload -> DER

VALID, INVALID, UPDATING = 0, 1, 2
IDLE, ACTIVE, ACTIVE_AFTER_POWER_FAILURE = 0, 1, 2
CLOCK_SET = 2
SIGNED, CLOCK_NOT_SET, INVALID_STATE, INVALID_FORMAT = 15, 128, 131, 252


class _SignedMeter:
    """Holding registers that can be written, beside the measured ones."""

    def __init__(self, model: MeterModel, reading: MeterReading) -> None:
        self._model = model
        self.show(reading)
        self.holding: dict[int, int] = {}
        self.written: list[int] = []  # addresses, in order

    def show(self, reading: MeterReading) -> None:
        """What it measures from now on."""
        self._energy_wh = reading.energy_import_wh
        self._image: Registers = register_image(self._model, reading)

    def registers(self, function: int, address: int, count: int) -> list[int] | None:
        wanted = range(address, address + count)
        if function == 3 and all(at in self.holding for at in wanted):
            return [self.holding[at] for at in wanted]
        return self._image(function, address, count)

    def write(self, address: int, words: list[int]) -> bool:
        if not all(at in self.holding for at in range(address, address + len(words))):
            return False
        self.written.append(address)
        self._keep(address, words)
        return True

    def _keep(self, address: int, words: list[int] | tuple[int, ...]) -> None:
        self.holding.update(enumerate(words, address))

    def _text(self, address: int, size: int) -> bytes:
        words = (self.holding[at] for at in range(address, address + (size + 1) // 2))
        return b"".join(word.to_bytes(2, "big") for word in words)[:size]


class SimSnapshotMeter(_SignedMeter):
    """Bauer. `record(mark, identification)` makes the text, mark B or E; a snapshot takes `busy` polls."""

    def __init__(
        self,
        model: MeterModel,
        reading: MeterReading,
        key_der: bytes,
        record: Callable[[str, str], bytes],
        busy: int = 2,
    ) -> None:
        super().__init__(model, reading)
        assert isinstance(model.signing, SnapshotSigning)
        self._signing, self._record, self._busy = model.signing, record, busy
        self._left = 0
        self.outcome = VALID  # of the next snapshot
        for field in (self._signing.identification, self._signing.evse_id):
            self._keep(field.address, [0] * field.count)
        self._keep(self._signing.time, [0, 0, 0])
        key = self._signing.public_key
        self._keep(key.address, (len(key_der), *encode_text(key_der, key.count - 1)))
        for snapshot in (self._signing.start, self._signing.end):
            self._keep(snapshot.ocmf.address, [0] * snapshot.ocmf.count)
            self._keep(snapshot.status, [INVALID])
            self._keep(snapshot.ocmf_status, [INVALID])

    def registers(self, function: int, address: int, count: int) -> list[int] | None:
        words = super().registers(function, address, count)
        for mark, snapshot in (("B", self._signing.start), ("E", self._signing.end)):
            if (function, address) == (3, snapshot.status) and words == [UPDATING]:
                self._left -= 1
                if self._left <= 0:
                    self._finish(mark, snapshot)
        return words

    def write(self, address: int, words: list[int]) -> bool:
        known = super().write(address, words)
        if address in (self._signing.start.status, self._signing.end.status):
            self._left = self._busy
        return known

    def _finish(self, mark: str, snapshot: Snapshot) -> None:
        self._keep(snapshot.status, [self.outcome])
        self._keep(snapshot.ocmf_status, [self.outcome])
        field = self._signing.identification
        record = self._record(mark, self._text(field.address, 2 * field.count).rstrip(b"\x00").decode())
        if self.outcome == VALID:
            self._keep(snapshot.ocmf.address, encode_text(record, snapshot.ocmf.count))


class SimRecordMeter(_SignedMeter):
    """Iskra."""

    def __init__(self, model: MeterModel, reading: MeterReading, key_point: bytes, sign: Sign) -> None:
        super().__init__(model, reading)
        assert isinstance(model.signing, RecordSigning)
        self._signing, self._sign = model.signing, sign
        self.deaf = False  # the next command is carried out, its answer lost
        self._begun_wh = 0.0
        for address in msgspec.structs.asdict(self._signing).values():
            if isinstance(address, int):
                self._keep(address, [0])
        self._keep(self._signing.time + 1, [0])
        for field in (self._signing.heading, self._signing.payload, self._signing.signature):
            self._keep(field.address, [0] * field.count)
        self._keep(self._signing.public_key.address, encode_text(key_point, len(key_point) // 2))

    def fail_power(self) -> None:
        """The meter forgets time and heading, and knows that a record is open."""
        self._keep(self._signing.state, [ACTIVE_AFTER_POWER_FAILURE])
        self._keep(self._signing.synchronised, [0])
        self._keep(self._signing.heading_length, [0])

    def write(self, address: int, words: list[int]) -> bool:
        known = super().write(address, words)
        if address == self._signing.command:
            self._keep(self._signing.status, [self._carry_out(chr(words[0] >> 8))])
        return known

    def _carry_out(self, command: str) -> int:
        """The status."""
        is_open = self.holding[self._signing.state] != IDLE
        if is_open == (command == "B"):
            return INVALID_STATE
        if not self.holding[self._signing.synchronised]:
            return CLOCK_NOT_SET
        if not self.holding[self._signing.heading_length]:
            return INVALID_FORMAT
        self._keep(self._signing.state, [ACTIVE if command == "B" else IDLE])
        if command == "B":
            self._begun_wh = self._energy_wh
        else:
            self._make_record()
        return SIGNED

    def _make_record(self) -> None:
        heading = self._text(self._signing.heading.address, self.holding[self._signing.heading_length])
        charged_kwh = (self._energy_wh - self._begun_wh) / 1000.0
        readings = f'"RD":[{{"TX":"B","RV":0.00}},{{"TX":"E","RV":{charged_kwh:.2f}}}]'
        payload = heading.replace(b'"RD":[]', readings.encode())
        signature = self._sign(payload)
        self._keep(self._signing.payload_length, [len(payload)])
        self._keep(self._signing.payload.address, encode_text(payload, self._signing.payload.count))
        self._keep(self._signing.signature_length, [len(signature)])
        self._keep(self._signing.signature.address, encode_text(signature, self._signing.signature.count))
