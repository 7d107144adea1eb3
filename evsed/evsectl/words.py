"""Values in words, for every view.

Rule: any value may be missing or null; then its words are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

_CEILINGS = (("limit_a", "A"), ("power_w", "W"))


def joined(parts: Sequence[str]) -> str:
    return ", ".join(filter(None, parts))


def number(value: float) -> str:
    """With one decimal where it has one."""
    return f"{value:.1f}".removesuffix(".0")


def duration(duration_s: float) -> str:
    minutes, seconds = divmod(int(duration_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def phases(phases_n: int) -> str:
    return f"{phases_n} phase" if phases_n == 1 else f"{phases_n} phases"


def holder(token: object, name: object) -> str:
    """A token and, where it is known, whose it is."""
    return f"{token} ({name})" if name else str(token)


def ceilings(row: Row) -> str:
    """What a row of the limit table allows, until when, and what no number says."""
    told = [f"{number(row[key])} {unit}" for key, unit in _CEILINGS if row.get(key) is not None]
    phases_n, ends_in_s = row.get("phases"), row.get("ends_in_s")
    return joined([
        *told,
        "" if phases_n is None else phases(phases_n),
        str(row.get("text") or ""),
        "" if ends_in_s is None else f"for another {duration(ends_in_s)}",
    ])  # fmt: skip


def reservation(reserved: Row) -> str:
    """Number, for whom, and for how long."""
    token, parent, left_s = (reserved.get(key) for key in ("id_token", "parent_id", "expires_in_s"))
    return joined([
        f"number {reserved.get('reservation_id')}",
        f"for token {holder(token, reserved.get('token_name'))}" if token else "for whoever comes",
        f"or group {parent}" if parent else "",
        "until cancelled" if left_s is None else f"for another {duration(left_s)}",
    ])  # fmt: skip


def random_delay(delay: Row) -> str:
    """Empty while none is running."""
    left_s, after_a = delay.get("countdown_s"), delay.get("after_a")
    if not left_s:
        return ""
    return f"{left_s} s left" + ("" if after_a is None else f", then {number(after_a)} A")
