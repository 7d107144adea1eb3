"""The simulated meters that sign, with a key that anybody may read here: what they sign proves nothing."""

import datetime as dt
from collections.abc import Callable

import msgspec

from evsed.clock import utc_s
from hal.meter_model import MeterModel
from hal.meter_signing import RecordSigning, SnapshotSigning
from hal.ocmf import P256_KEY_PREFIX, joined
from hal.sim.p256 import public_point, sign
from hal.sim.signed_meter import CLOCK_SET, SimRecordMeter, SimSnapshotMeter
from hal.types import MeterReading

SECRET = 0x51D0_0D0E_5157_0000_AB1E_0000_7E57_0000_4B1D_0000_0F0F_0000_1234_5678_9ABC_DEF1
OCMF_TIME = "%Y-%m-%dT%H:%M:%S,000+0000"

SignedSim = SimSnapshotMeter | SimRecordMeter


def signed_meter(model: MeterModel, reading: Callable[[], MeterReading]) -> SignedSim | None:
    """The meter's holding registers, beside what it measures; None for a model that signs nothing."""
    key = public_point(SECRET)
    match model.signing:
        case SnapshotSigning():
            record = _Snapshots(model.name, reading).record
            return SimSnapshotMeter(model, reading(), P256_KEY_PREFIX + key, record)
        case RecordSigning() as signing:
            meter = SimRecordMeter(model, reading(), key, _signature)
            meter.write(signing.synchronised, [CLOCK_SET])  # its own clock runs: ours may not be synchronised
            return meter
    return None


def _signature(payload: bytes) -> bytes:
    return sign(SECRET, payload)


class _Snapshots:
    """The records of a meter that signs each end of the transaction by itself."""

    def __init__(self, name: str, reading: Callable[[], MeterReading]) -> None:
        self._name, self._reading = name, reading
        self._pagination = 0

    def record(self, mark: str, identification: str) -> bytes:
        """mark: B or E."""
        self._pagination += 1
        reading = self._reading()
        value = {
            "TM": f"{dt.datetime.fromtimestamp(utc_s(), dt.UTC).strftime(OCMF_TIME)} I",
            "TX": mark,
            "RV": round(reading.energy_import_wh),
            "RI": "1-0:1.8.0*198",
            "RU": "Wh",
            "ST": "G",
        }
        payload = msgspec.json.encode(
            {
                "FV": "1.0",
                "GI": f"{self._name} (simulated)",
                "GS": reading.meter_id,
                "PG": f"T{self._pagination}",
                "MS": reading.meter_id,
                "IS": bool(identification),
                "IT": "UNDEFINED",
                "ID": identification,
                "RD": [value],
            }
        )
        return joined(payload, _signature(payload))
