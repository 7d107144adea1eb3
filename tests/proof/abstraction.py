"""Which states of a charger count as the same, how one is saved and loaded, and when something falls due.

The key of a state is every slot of every machine of the core, with three exceptions:
  1. A time (a name in DEADLINES) is only as old as the deadlines that it has passed.
  2. What cannot change what happens next (IGNORED: counters for people, texts, readings of the last step) is
     left out; of a uuid only whether there is one.
  3. What the models never move (NOT_MOVED) is left out: meters, heat, random delay, self-tests.
A slot that stands in none of the tables and is a time makes completeness fail (test_exploration).
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from evsed.core.charger import Charger
from evsed.core.situation import Situation

# Seconds from the slot's time on after which something else may happen; 0: the slot is a time to come. A
# deadline that is a setting is that of the models.
# fmt: off
DEADLINES: dict[str, tuple[float, ...]] = {
    "entered_s":                 (0.3, 0.75, 1.0, 4.0),
    "f_until_s":                 (0.0,),
    "meter_since_s":             (10.0,),
    "offering_since_s":          (10.0, 30.0),
    "replug_since_s":            (1.0, 1.5),
    "to_resume_until_s":         (0.0,),
    "idle_f_since_s":            (),
    "limits._next_s":            (0.0,),
    "lock._since_s":             (0.6, 1.0, 5.0),
    "phases._changed_s":         (0.2,),
    "phases._enough_since_s":    (),
    "pilot._since_s":            (0.03, 0.1),
    "power._disagree_since_s":   (0.03, 0.25),
    "power._on_since_s":         (3.0,),
    "power._opened_at_s":        (0.1, 2.0),
    "power._ramp_since_s":       (6.0,),
    "session.auth_deadline_s":   (0.0,),
}
IGNORED = frozenset({
    "a_seen_s", "events", "now_s", "inputs", "settings", "draws_n", "last_uuid", "last_spare_uuid", "fresh",
    "meter", "limit_source", "pilot.reading", "pilot._power_states", "power.closings_n", "power.under_load_n",
    "power._reclose_min_s", "availability.winner", "availability.last_disable", "session.parent",
    "session.stop_id_tag", "limits.source", "limits.own_source", "limits.own_a", "limits._frequency_hz",
    "limits._voltage_v", "limits._phases_n", "limits._fallback_a", "phases.switches_n", "phases._settings",
    "session_limits._settings", "over_current._settings", "voltage._settings", "derating._settings",
})
NOT_MOVED = (
    "derating", "lock_test", "rcd_test", "over_current", "random_delay", "session_limits", "voltage",
    "proximity",
)
ONLY_WHETHER = frozenset({
    "session.uuid", "session.id_tag", "session.reservation", "reservation", "to_resume",
})
# fmt: on

COUNTED_N = 10  # no count in the core matters beyond this: bursts of the pilot, pulses of the lock

_VALUES = (int, float, str, bool, type(None), tuple, frozenset, Enum, msgspec.Struct)
_CONTAINERS = (list, dict, set)
_OF_CHARGER = ("_duty_changed_s", "_offering", "_outputs", "_temperatures")

Saved = tuple[tuple[Any, ...], ...]


def slots_of(value: object) -> tuple[str, ...]:
    return tuple(name for each in type(value).__mro__ for name in getattr(each, "__slots__", ()))


def machines(s: Situation) -> Iterator[tuple[str, object]]:
    """(its slot in the situation, object): the situation itself, then each machine in it."""
    yield "", s
    for name in slots_of(s):
        if _is_machine(getattr(s, name)):
            yield name, getattr(s, name)


def _is_machine(value: object) -> bool:
    return not isinstance(value, (*_VALUES, *_CONTAINERS))


class _Part(NamedTuple):
    """One machine, and its slots by how they go into the key; get reads some of them in one go."""

    machine: object
    names: tuple[str, ...]
    get: Callable[[object], tuple[Any, ...]]  # all of them
    plain: Callable[[object], tuple[Any, ...]]  # those that count as they are
    times: tuple[tuple[str, tuple[float, ...]], ...]
    counts: tuple[str, ...]
    whether: tuple[str, ...]
    contents: tuple[str, ...]
    mutable: tuple[str, ...]  # counted or not


class Plan:
    """For one charger, whose state it saves and loads: as tuples; to copy objects costs more than a step."""

    def __init__(self, charger: Charger) -> None:
        self.charger = charger
        s = charger._s
        self._parts = [_part_of(name, machine) for name, machine in machines(s)]

    def save(self) -> Saved:
        own = tuple(getattr(self.charger, name) for name in _OF_CHARGER)
        return (own, *(part.get(part.machine) for part in self._parts))

    def load(self, saved: Saved) -> None:
        """What is mutable is copied, so that the saved one stays as it is."""
        for name, value in zip(_OF_CHARGER, saved[0], strict=True):
            setattr(self.charger, name, value)
        for part, values in zip(self._parts, saved[1:], strict=True):
            machine = part.machine
            for name, value in zip(part.names, values, strict=True):
                setattr(machine, name, value)
            for name in part.mutable:
                setattr(machine, name, getattr(machine, name).copy())

    def key(self) -> tuple[Any, ...]:
        charger = self.charger
        s = charger._s
        now_s = s.now_s
        found: list[Any] = [
            charger._offering,
            now_s - charger._duty_changed_s >= 5.0,
            charger._outputs.cp_connected,
        ]
        if s.idle_f_since_s is not None:
            found.append(s.a_seen_s >= s.idle_f_since_s)
        found += [s.a_seen_s >= since_s for since_s in s.faults.values()]
        for part in self._parts:
            found.append(part.plain(part.machine))
            found += _abstract(part, now_s)
        return tuple(found)

    def due_s(self) -> float:
        """The next moment at which some deadline is passed; infinite if none is to come."""
        now_s = self.charger._s.now_s
        times = [self.charger._duty_changed_s + 5.0]
        for part in self._parts:
            for name, deadlines in part.times:
                since_s = getattr(part.machine, name)
                if since_s is not None:
                    times += [since_s + deadline_s for deadline_s in deadlines]
        return min((at_s for at_s in times if at_s > now_s + 1e-9), default=float("inf"))


def _part_of(owner: str, machine: object) -> _Part:
    names = tuple(n for n in slots_of(machine) if not _is_machine(getattr(machine, n)))
    assert not owner or names == slots_of(machine), f"{owner} has a machine of its own, which nobody saves"
    full = {name: f"{owner}.{name}" if owner else name for name in names}
    counted = [n for n in names if full[n] not in IGNORED and owner not in NOT_MOVED]
    times = tuple((n, DEADLINES[full[n]]) for n in counted if full[n] in DEADLINES)
    whether = tuple(n for n in counted if full[n] in ONLY_WHETHER)
    counts = tuple(n for n in counted if n.endswith("_n"))
    mutable = tuple(n for n in names if isinstance(getattr(machine, n), _CONTAINERS))
    contents = tuple(n for n in mutable if n in counted)
    special = {*(n for n, _ in times), *whether, *counts, *contents}
    plain = _reader(n for n in counted if n not in special)
    return _Part(machine, names, attrgetter(*names), plain, times, counts, whether, contents, mutable)


def _reader(names: Iterable[str]) -> Callable[[object], tuple[Any, ...]]:
    """attrgetter gives a tuple only of two and more."""
    return attrgetter(*names, "__class__", "__class__")


def _abstract(part: _Part, now_s: float) -> Iterator[Any]:
    machine = part.machine
    for name, deadlines in part.times:
        since_s = getattr(machine, name)
        yield None if since_s is None else sum(now_s - since_s >= d - 1e-9 for d in deadlines)
    for name in part.whether:
        yield bool(getattr(machine, name))
    for name in part.counts:
        yield min(getattr(machine, name), COUNTED_N)
    for name in part.contents:
        yield _contents(getattr(machine, name), only_names=name == "faults")


def _contents(value: Any, only_names: bool) -> frozenset[Any]:
    return frozenset(value.items() if isinstance(value, dict) and not only_names else value)
