"""Faults in words."""

from evsed.config.check import printable
from evsed.core.faults import BY_NAME


def described(name: str) -> str:
    """The name and what it means; only the name of a fault that this version does not know."""
    return f"{name} ({BY_NAME[name].text})" if name in BY_NAME else printable(name)
