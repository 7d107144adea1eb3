"""One event in one line: when, what, of which session, and what belongs to it."""

from collections.abc import Mapping
from typing import Any

from evsed.config.check import printable

_UUID_SHOWN = 8  # characters, enough to find it in the journal
_EVENT_COLUMNS = 20  # the longest, ChargingPausedEVSE and TransactionFinished, and a space

# fmt: off
_DETAILS: tuple[tuple[tuple[str, ...], str], ...] = (
    # where it stands                  how it is told
    (("start_reason",),                "reason {}"),
    (("stop_reason",),                 "reason {}"),
    (("id_tag", "id_token", "value"),  "token {}"),
    (("source", "enable_source"),      "by {}"),
    (("source", "enable_priority"),    "priority {}"),
    (("meter", "energy_import_wh"),    "meter {:.0f} Wh"),
)
# fmt: on


def one_line(event: Mapping[str, Any]) -> str:
    uuid = str(event.get("uuid") or "-")[:_UUID_SHOWN]
    head = f"{event.get('at', '-')}  {event.get('event', '?'):<{_EVENT_COLUMNS}} {uuid:<{_UUID_SHOWN}}"
    told = [form.format(value) for path, form in _DETAILS if (value := _at(event, path)) is not None]
    if event.get("ev_left"):
        told.append("ended by the EV")
    return printable(f"{head}  {', '.join(told)}".rstrip())


def _at(event: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = event
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
