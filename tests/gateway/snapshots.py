"""Snapshots of an imagined charger."""

from typing import Any

import msgspec

from evsed.core.inputs import Snapshot
from tests.bench import Bench

IDLE: Snapshot = Bench(restored=False, settle_s=0.0).charger.snapshot()


def snapshot(**changes: Any) -> Snapshot:
    return msgspec.structs.replace(IDLE, **changes)
