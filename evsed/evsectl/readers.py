"""The verbs that only look: they print what they get, as words, JSON or CSV."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from evsed.evsectl import event_view, explain, sessions_view, status_view, why_view
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.faults import error_line
from evsed.evsectl.terminal import Line, Screen, laid_out, wants_colour

STREAMING = ("watch", "events")


def _status(connection: Connection, asked: argparse.Namespace) -> int:
    status = connection.ask("status").result
    if asked.json:
        _print_json(status)
    else:
        _print_lines(status_view.view(status))
    return _known_or_said(status)


def _why(connection: Connection, asked: argparse.Namespace) -> int:
    status = connection.ask("why").result
    if not status_view.is_known(status):
        return _known_or_said(status)
    if asked.json:
        told = msgspec.to_builtins(why_view.why(status))
        _print_json(told | {key: status.get(key) for key in ("state", "limit_a", "limit_source", "limits")})
    else:
        _print_lines(why_view.view(status))
    return Exit.OK


def _faults(connection: Connection, asked: argparse.Namespace) -> int:
    errors = connection.ask("faults").result
    if asked.json:
        _print_json(errors)
    else:
        print("\n".join(map(error_line, errors)) or "none")
    return _known_or_said(connection.ask("status").result)


def _sessions(connection: Connection, asked: argparse.Namespace) -> int:
    sessions = connection.ask(asked.request.verb, asked.request.args).result
    if asked.json:
        _print_json(sessions)
    elif asked.csv:
        print(sessions_view.as_csv(sessions))
    else:
        print("\n".join(sessions_view.table(sessions)))
    return Exit.OK


def _watch(connection: Connection, asked: argparse.Namespace) -> int:
    items = connection.items("watch")
    if asked.json:
        return _print_all(items, _json)
    if not sys.stdout.isatty():
        return _print_all(items, _timed_line)
    with Screen(sys.stdout) as screen:
        for status in items:
            screen.show(status_view.view(status))
    return Exit.OK


def _events(connection: Connection, asked: argparse.Namespace) -> int:
    return _print_all(connection.items("events"), _json if asked.json else event_view.one_line)


def _get_evse(connection: Connection, asked: argparse.Namespace) -> int:
    _print_json(connection.ask("get-evse").result)
    return Exit.OK


def _explain(connection: Connection, asked: argparse.Namespace) -> int:
    found = connection.ask(asked.request.verb, asked.request.args).result
    told = explain.explain(found, asked.request.args.session)
    if asked.json:
        _print_json(found)
    else:
        print("\n".join(told))
    return Exit.OK


def _record(connection: Connection, asked: argparse.Namespace) -> int:
    folder = connection.ask("record").result["folder"]
    print(f"asked for; the recording of the last minute will be in {folder}")
    return Exit.OK


def _reload(connection: Connection, asked: argparse.Namespace) -> int:
    found = connection.ask("reload").result
    if found["why"]:
        raise Failure(Exit.REFUSED, f"nothing of the configuration is taken: {found['why']}")
    print(f"taken: {', '.join(found['changed']) or 'no key has changed'}; the gateway starts again with it")
    return Exit.OK


READ: dict[str, Callable[[Connection, argparse.Namespace], int]] = {
    "status": _status,
    "watch": _watch,
    "events": _events,
    "why": _why,
    "faults": _faults,
    "sessions": _sessions,
    "explain": _explain,
    "record": _record,
    "reload": _reload,
    "get-evse": _get_evse,
}


def _known_or_said(status: dict[str, Any]) -> int:
    """Only with control connected is it known how the EVSE is now."""
    if status_view.is_known(status):
        return Exit.OK
    print("evsectl: the control process is not connected; see `journalctl -u evsed`", file=sys.stderr)
    return Exit.UNREACHABLE


def _print_lines(lines: list[Line]) -> None:
    print("\n".join(laid_out(lines, wants_colour(sys.stdout, os.environ))))


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
