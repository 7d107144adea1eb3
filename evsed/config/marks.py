"""How a key of the schema is marked: its help, its bounds, and when a change of it may take effect.

Rule: a `safety` key takes effect at a restart only; a `soft` one also while charging goes on, at a reload
(evsed/gateway/reloading.py).
"""

from typing import Any

from msgspec import Meta


def safety(help_text: str, form: str = "", **bounds: Any) -> Meta:
    """A key that needs a restart. `form` says in words what a pattern asks."""
    return Meta(description=help_text, extra={"safety": True, "form": form}, **bounds)


def soft(help_text: str, form: str = "", secret: bool = False, **bounds: Any) -> Meta:
    """A key that may change while charging goes on. secret: its value is shown to nobody but its owner."""
    return Meta(description=help_text, extra={"safety": False, "form": form, "secret": secret}, **bounds)
