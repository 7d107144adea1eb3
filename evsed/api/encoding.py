"""Values to bytes: compact JSON, finite numbers, UTC times."""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Raises ValueError for a number that JSON has no spelling for; readings never hold one (HAL, rule 2)."""
    payload = _encoder.encode(value)
    if b"null" in payload:  # what msgspec makes of NaN and infinity
        _refuse_non_finite(msgspec.to_builtins(value), "$")
    return payload


def timestamp(utc_s: float) -> str:
    """RFC 3339 with milliseconds and Z."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"cannot send {path}: {value} is not a number that JSON knows")
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        _refuse_non_finite(entry, f"{path}.{key}")
