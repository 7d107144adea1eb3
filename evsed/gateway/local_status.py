"""The charger's snapshot as evsectl gets it: JSON in SI units.

Rule: a monotonic instant means nothing to a reader; it goes out as the seconds from now until then.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from evsed.api.encoding import timestamp
from evsed.api.wire_extensions import ErrorObject
from evsed.core.availability import winner_of
from evsed.core.commands import AvailabilityRow, EnableState, Reservation
from evsed.core.faults import BY_NAME
from evsed.core.inputs import LimitRow, Snapshot
from evsed.core.settings import KnownToken

Item = dict[str, Any]


class Names:
    """Card holders by their tokens, which are compared without regard to case."""

    def __init__(self, tokens: Iterable[KnownToken] = ()) -> None:
        self._names = {token.value.casefold(): token.name for token in tokens if token.name}

    def of(self, token: str) -> str:
        """Empty for a token that nobody has named."""
        return self._names.get(token.casefold(), "")


def charger_item(now: Snapshot, now_s: float, names: Names) -> Item:
    """What belongs to the charger in the answer to status."""
    meter, reservation, delay = now.meter, now.reservation, now.random_delay
    shown = without_tag(now) | {
        "limits": [_limit_item(row, now_s) for row in now.limits],
        "token_name": names.of(now.id_token),
        "reservation": None if reservation is None else _reservation_item(reservation, now_s, names),
        "temperatures": [without_tag(temperature) for temperature in now.temperatures],
        "rails": None if now.rails is None else without_tag(now.rails),
    }
    del shown["meter"]
    if delay is not None:
        del shown["random_delay"]["started_at_s"]
    if meter is not None:
        shown |= {
            "power_w": meter.power_w,
            "current_a": list(meter.current_a),
            "voltage_v": list(meter.voltage_v),
            "energy_import_wh": meter.energy_import_wh,
        }
    return shown


def error_items(told: Iterable[ErrorObject], since_utc_s: Mapping[str, float] | None) -> list[Item]:
    """The active errors as they are now, although the broker has perhaps not been told yet.

    told: what MQTT clients know. since_utc_s: control's faults and since when; None while it is away, and
    then what has been told last is all that is known.
    """
    known = {error.sub_type: error for error in told}
    if since_utc_s is None:
        return [msgspec.to_builtins(error) for error in known.values()]
    faults = [
        msgspec.to_builtins(known[name]) if name in known else _untold(name, at_utc_s)
        for name, at_utc_s in since_utc_s.items()
    ]
    return faults + [msgspec.to_builtins(error) for name, error in known.items() if name not in BY_NAME]


def _untold(name: str, at_utc_s: float) -> Item:
    fault = BY_NAME[name]
    return {
        "type": fault.mrec,
        "sub_type": name,
        "description": fault.text,
        "message": fault.text,
        "severity": fault.severity,
        "timestamp": timestamp(at_utc_s),
    }


def disabled_by(rows: tuple[AvailabilityRow, ...]) -> Item | None:
    """Whose wish it is that the EVSE is disabled; None if it is enabled."""
    winner = winner_of(rows)
    if winner.enable_state is not EnableState.DISABLE:
        return None
    return {"source": winner.enable_source.value, "priority": winner.enable_priority}


def without_tag(struct: msgspec.Struct) -> Item:
    item: Item = msgspec.to_builtins(struct)
    item.pop("type", None)
    return item


def _limit_item(row: LimitRow, now_s: float) -> Item:
    item = without_tag(row)
    del item["ends_at_s"]
    return item | {"ends_in_s": _left_s(row.ends_at_s, now_s)}


def _reservation_item(reservation: Reservation, now_s: float, names: Names) -> Item:
    expiry_utc_s = reservation.expiry_utc_s
    return {
        "reservation_id": reservation.reservation_id,
        "id_token": reservation.id_token,
        "token_name": names.of(reservation.id_token),
        "parent_id": reservation.parent_id,
        "expires_in_s": _left_s(reservation.expires_at_s, now_s),
        "expiry": None if expiry_utc_s is None else timestamp(expiry_utc_s),
    }


def _left_s(end_s: float | None, now_s: float) -> float | None:
    return None if end_s is None else round(max(0.0, end_s - now_s), 1)
