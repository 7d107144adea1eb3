"""What a measurement becomes: percentiles, a verdict against its target, a line of the table."""

import math
from collections.abc import Sequence

import msgspec

OK, MISSED, NO_TARGET = "ok", "MISSED", "-"


class Target(msgspec.Struct, frozen=True):
    """stat is a field of Row; its value must not exceed limit."""

    stat: str
    limit: float


class Row(msgspec.Struct, frozen=True):
    """One measured thing. The ratios are to reference, measured in the same run; None where there is none."""

    group: str
    what: str
    unit: str
    n: int
    p50: float
    p99: float
    p999: float
    max: float
    ratio_p50: float | None
    ratio_p99: float | None
    reference: str
    target: str
    verdict: str
    note: str


class Reference(msgspec.Struct, frozen=True):
    name: str
    values: tuple[float, ...]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: one of the values, never below the share asked for."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100.0) - 1)]


def row(
    group: str,
    what: str,
    unit: str,
    values: Sequence[float],
    targets: Sequence[Target] = (),
    reference: Reference | None = None,
    note: str = "",
) -> Row:
    """values in unit; ValueError if there are none."""
    if not values:
        raise ValueError(f"{what}: nothing was measured")
    p50, p99 = percentile(values, 50), percentile(values, 99)
    fresh = Row(
        group=group,
        what=what,
        unit=unit,
        n=len(values),
        p50=p50,
        p99=p99,
        p999=percentile(values, 99.9),
        max=max(values),
        ratio_p50=_ratio(p50, reference, 50),
        ratio_p99=_ratio(p99, reference, 99),
        reference=reference.name if reference else "",
        target=", ".join(_words(target, unit) for target in targets),
        verdict=NO_TARGET,
        note=note,
    )
    met = all(getattr(fresh, target.stat) <= target.limit for target in targets)
    return msgspec.structs.replace(fresh, verdict=(OK if met else MISSED) if targets else NO_TARGET)


def table(rows: Sequence[Row]) -> str:
    """As a person reads it; p99.9 only where there are enough values for it to differ from the maximum."""
    head = ("what", "unit", "p50", "p99", "p99.9", "max", "n", "x reference p50/p99", "target", "verdict")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    notes = [f"  {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([*(line.rstrip() for line in text), *(["notes:", *notes] if notes else [])])


def _cells(row: Row) -> tuple[str, ...]:
    single = row.n == 1
    ratio = f"{row.ratio_p50:.1f}/{row.ratio_p99:.1f} {row.reference}" if row.reference else ""
    if single and row.reference:
        ratio = f"{row.ratio_p50:.2f} {row.reference}"
    spread = ("", "", "") if single else (_number(row.p99), _p999(row), _number(row.max))
    return row.what, row.unit, _number(row.p50), *spread, str(row.n), ratio, row.target, row.verdict


def _p999(row: Row) -> str:
    return _number(row.p999) if row.n >= 1000 else ""


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _ratio(value: float, reference: Reference | None, percent: float) -> float | None:
    return value / percentile(reference.values, percent) if reference else None


def _words(target: Target, unit: str) -> str:
    if target.stat.startswith("ratio_"):
        return f"{target.stat.removeprefix('ratio_')} <= {target.limit:g} x reference"
    stat = {"p999": "p99.9"}.get(target.stat, target.stat)
    return f"{stat} <= {target.limit:g} {unit}"
