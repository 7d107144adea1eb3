"""Quantities as people write them: 10A, 6.9kW, 1h30m, 10kWh, a date."""

import argparse
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from evsed.evsectl import protocol as p

_NUMBER_AND_UNIT = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)", re.IGNORECASE | re.ASCII)
_DATE = "a date such as 2026-01-31, 2026-01-31T08:00 (local time) or 2026-01-31T08:00Z"


class Quantity(msgspec.Struct, frozen=True):
    """units: what each unit, in small letters, is worth in SI. From 0 to most, 0 only where zero is true."""

    example: str
    units: Mapping[str, float]
    most: float
    zero: bool = False

    def read(self, text: str) -> float:
        """Raises argparse.ArgumentTypeError."""
        value = self._sum(text)
        if not (value <= self.most and (self.zero or value > 0.0)):
            at_most = f"{'' if self.zero else 'above 0 and '}at most {self.most:g} in SI units"
            raise argparse.ArgumentTypeError(f"expected {self.example}, {at_most}, not {text!r}")
        return value

    def has_unit_of(self, text: str) -> bool:
        return not math.isnan(self._sum(text))

    def _sum(self, text: str) -> float:
        """Not a number if it is not this quantity."""
        parts = _NUMBER_AND_UNIT.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            return math.nan
        if len(parts) > 1 and self.units is not _TIME:
            return math.nan
        return sum(float(number) * self.units.get(unit.lower(), math.nan) for number, unit in parts)


_TIME: Mapping[str, float] = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# fmt: off
CURRENT  = Quantity("a current such as 10A",                {"a": 1.0},              p.MAX_LIMIT_A, True)
POWER    = Quantity("a power such as 6900W or 6.9kW",       {"w": 1.0, "kw": 1e3},   p.MAX_LIMIT_W, True)
ENERGY   = Quantity("an energy such as 10kWh or 500Wh",     {"wh": 1.0, "kwh": 1e3}, p.MAX_ENERGY_WH)
DURATION = Quantity("a duration such as 90s, 15m or 1h30m", _TIME,                   p.MAX_DURATION_S)
DELAY    = Quantity("a duration such as 0s, 90s or 10m",    _TIME,                   p.MAX_DELAY_S, True)
# fmt: on


def limit_args(text: str) -> p.LimitArgs:
    """A current or a power. Raises argparse.ArgumentTypeError."""
    if POWER.has_unit_of(text):
        return p.LimitArgs(power_w=POWER.read(text))
    if CURRENT.has_unit_of(text):
        return p.LimitArgs(limit_a=CURRENT.read(text))
    expected = f"{CURRENT.example}, {POWER.example}, or clear"
    raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")


def integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not (digits and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def money(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0.0 < amount <= p.MAX_MONEY:
        raise argparse.ArgumentTypeError(f"expected an amount above 0 up to {p.MAX_MONEY:g}, not {text!r}")
    return amount


def date_utc_s(text: str) -> float:
    """Without a time zone it is local time."""
    try:
        utc_s = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        utc_s = math.nan
    if not 0.0 <= utc_s <= p.MAX_UTC_S:
        raise argparse.ArgumentTypeError(f"expected {_DATE}, from 1970 on, not {text!r}")
    return utc_s


def token(text: str) -> str:
    if not (text.isprintable() and 1 <= len(text) <= p.MAX_TOKEN_CHARACTERS):
        raise argparse.ArgumentTypeError(f"expected 1..{p.MAX_TOKEN_CHARACTERS} printable characters")
    return text
