"""Faults in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from evsed.config.check import printable
from evsed.core.faults import BY_NAME, Clears

# What to do about a fault that clears ...
TO_DO = {
    Clears.AT_ONCE: "it clears by itself once the cause has gone",
    Clears.WHEN_EV_LEFT: "remove the cause, then unplug the EV",
    Clears.AT_RESTART: "let a qualified person look at it, then restart evsed",
}
_BY_HAND = {"set_faulted": "`evsectl clear-faulted` takes it back"}


def described(name: str) -> str:
    """The name and what it means; only the name of a fault that this version does not know."""
    return f"{name} ({BY_NAME[name].text})" if name in BY_NAME else printable(name)


def blocking(names: Sequence[str]) -> list[str]:
    """Those that forbid power; one that this version does not know may do so."""
    return [name for name in names if name not in BY_NAME or BY_NAME[name].reaction.blocks]


def to_do(name: str) -> str:
    known = BY_NAME.get(name)
    return _BY_HAND.get(name) or (TO_DO[known.clears] if known else "")


def error_line(error: Mapping[str, Any]) -> str:
    """An active error: since when, how bad, what it is, and its name for EVerest."""
    name = str(error.get("sub_type") or "-")
    words = [str(error.get("message") or "-"), to_do(name)]
    head = f"{error.get('timestamp', '-')}  {error.get('severity', '-'):<6}  {name:<20}"
    return printable(f"{head}  {'; '.join(filter(None, words))} [{error.get('type', '-')}]")
