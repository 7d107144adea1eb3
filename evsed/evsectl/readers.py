"""The verbs that only look: status, watch, events, get-evse."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from evsed.evsectl import event_view, status_view
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit
from evsed.evsectl.terminal import Screen, laid_out, wants_colour

STREAMING = ("watch", "events")


def _status(connection: Connection, as_json: bool) -> int:
    status = connection.ask("status").result
    if as_json:
        _print_json(status)
    else:
        lines = laid_out(status_view.view(status), wants_colour(sys.stdout, os.environ))
        print("\n".join(lines))
    if status_view.is_known(status):
        return Exit.OK
    print("evsectl: the control process is not connected; see `journalctl -u evsed`", file=sys.stderr)
    return Exit.UNREACHABLE


def _watch(connection: Connection, as_json: bool) -> int:
    items = connection.items("watch")
    if as_json:
        return _print_all(items, _json)
    if not sys.stdout.isatty():
        return _print_all(items, _timed_line)
    with Screen(sys.stdout) as screen:
        for status in items:
            screen.show(status_view.view(status))
    return Exit.OK


def _events(connection: Connection, as_json: bool) -> int:
    return _print_all(connection.items("events"), _json if as_json else event_view.one_line)


def _get_evse(connection: Connection, as_json: bool) -> int:
    _print_json(connection.ask("get-evse").result)
    return Exit.OK


READ: dict[str, Callable[[Connection, bool], int]] = {
    "status": _status,
    "watch": _watch,
    "events": _events,
    "get-evse": _get_evse,
}


def _print_all(items: Iterator[dict[str, Any]], told: Callable[[dict[str, Any]], str]) -> int:
    for item in items:
        print(told(item), flush=True)
    return Exit.OK


def _timed_line(status: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{now}  {status_view.one_line(status)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _print_json(value: object) -> None:
    print(msgspec.json.format(_json(value)))
