"""What the appliance asks evsed, over the local socket."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from evsed.config import runtime_dir
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Failure
from evsed.sockets import control_path

Status = Mapping[str, Any]
Ask = Callable[[str], Any]  # the result of a verb; raises ChargerAway
LIMIT_S = 5.0
_PLUGGED = ("B", "C", "D")  # what the pilot shows of an EV


class ChargerAway(Exception):
    """evsed does not answer; the text says why."""


def ask(verb: str) -> Any:
    """Raises ChargerAway."""
    try:
        with Connection(control_path(runtime_dir(os.environ, os.getuid())), LIMIT_S) as connection:
            return connection.ask(verb).result
    except Failure as failure:
        raise ChargerAway(str(failure)) from failure


def ev_plugged(status: Status) -> bool | None:
    """None: control is away, so nobody knows."""
    if "cp" not in status:
        return None
    return status["cp"] in _PLUGGED or bool(status.get("session_uuid"))


def why_not_now(ask: Ask) -> str:
    """Why the charger cannot be taken away from its user; "" if it can. An unknown EV counts as one."""
    try:
        plugged = ev_plugged(ask("status"))
    except ChargerAway as away:
        return f"it is not known whether an EV is plugged: {away}"
    if plugged is None:
        return "it is not known whether an EV is plugged: the control process is away"
    return "an EV is plugged; wait until it has left" if plugged else ""
