"""One event in one line: when, what, of which session, and what belongs to it."""

from collections.abc import Mapping
from typing import Any

from evsed.config.check import printable

_UUID_SHOWN = 8  # characters, enough to find it in the journal
_EVENT_COLUMNS = 20  # the longest, TransactionFinished, and a space
_PARTS = (
    "session_started",
    "session_finished",
    "transaction_started",
    "transaction_finished",
    "charging_state_changed_event",
    "authorization_event",
)

# What is worth telling of an event or of its part, as a path, and how.
_DETAILS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("reason",), "reason {}"),
    (("id_tag", "id_token", "value"), "token {}"),
    (("meter_value", "energy_Wh_import", "total"), "meter {:.0f} Wh"),
    (("source", "enable_source"), "by {}"),
    (("source", "enable_priority"), "priority {}"),
    (("type",), "{}"),
    (("severity",), "severity {}"),
    (("description",), "{}"),
)


def one_line(event: Mapping[str, Any]) -> str:
    uuid = str(event.get("uuid") or "-")[:_UUID_SHOWN]
    head = f"{event.get('timestamp', '-')}  {event.get('event', '?'):<{_EVENT_COLUMNS}} {uuid:<{_UUID_SHOWN}}"
    return printable(f"{head}  {', '.join(_details(event))}".rstrip())


def _details(event: Mapping[str, Any]) -> list[str]:
    parts = [event, *(event[part] for part in _PARTS if isinstance(event.get(part), Mapping))]
    found = ((_at(part, path), form) for part in parts for path, form in _DETAILS)
    return [form.format(value) for value, form in found if value not in (None, "")]


def _at(part: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = part
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
