"""Which states of a charger count as the same, how one is copied, and when something in it falls due.

The key of a state is every slot of every machine of the core, with three exceptions:
  1. A time (a name in DEADLINES) is only as old as the deadlines that it has passed.
  2. What cannot change what happens next (IGNORED: counters for people, texts, readings of the last step) is
     left out; of a uuid only whether there is one.
  3. What the models never move (NOT_MOVED) is left out: meters, heat, random delay, self-tests.
A slot that stands in none of the tables and is a time makes completeness fail (test_exploration).
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

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

_SHARED = (int, float, str, bool, type(None), tuple, frozenset)


def _slots(kind: type) -> tuple[str, ...]:
    return tuple(name for each in kind.__mro__ for name in getattr(each, "__slots__", ()))


_SLOTS: dict[type, tuple[str, ...]] = {}


def slots_of(value: object) -> tuple[str, ...]:
    kind = type(value)
    found = _SLOTS.get(kind)
    if found is None:
        found = _SLOTS[kind] = _slots(kind)
    return found


def _copied(value: Any) -> Any:
    if isinstance(value, (*_SHARED, Enum, msgspec.Struct)):
        return value
    if isinstance(value, list | dict | set):
        return value.copy()
    fresh = object.__new__(type(value))
    for name in slots_of(value):
        setattr(fresh, name, _copied(getattr(value, name)))
    return fresh


def clone(charger: Charger) -> Charger:
    """One that goes its own way from here; tables and settings are shared."""
    fresh = object.__new__(type(charger))
    fresh.__dict__.update(charger.__dict__)
    fresh._s = _copied(charger._s)
    return fresh


def machines(s: Situation) -> Iterator[tuple[str, object]]:
    """(prefix of its slots' names, object): the situation itself, then each machine in it."""
    yield "", s
    for name in slots_of(s):
        value = getattr(s, name)
        if name not in NOT_MOVED and not isinstance(value, _SHARED) and _is_machine(value):
            yield f"{name}.", value


def _is_machine(value: object) -> bool:
    return not isinstance(value, Enum | msgspec.Struct | list | dict | set)


class Plan:
    """How the key of a charger is made: worked out once, as the machines are always the same."""

    def __init__(self, s: Situation) -> None:
        self._parts: list[tuple[str, list[tuple[str, str]]]] = []
        for prefix, machine in machines(s):
            names = [
                n
                for n in slots_of(machine)
                if prefix + n not in IGNORED and not (prefix == "" and n in _inner(s))
            ]
            self._parts.append((prefix.rstrip("."), [(n, prefix + n) for n in names]))

    def key(self, charger: Charger) -> tuple[Any, ...]:
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
        for owner, names in self._parts:
            machine = getattr(s, owner) if owner else s
            for name, full in names:
                found.append(_part(full, getattr(machine, name), now_s))
        return tuple(found)

    def due_s(self, charger: Charger) -> float:
        """The next moment at which some deadline is passed; infinite if none is to come."""
        s = charger._s
        times = [charger._duty_changed_s + 5.0]
        for owner, names in self._parts:
            machine = getattr(s, owner) if owner else s
            for name, full in names:
                since_s = getattr(machine, name)
                if full in DEADLINES and since_s is not None:
                    times += [since_s + deadline_s for deadline_s in DEADLINES[full]]
        return min((at_s for at_s in times if at_s > s.now_s + 1e-9), default=float("inf"))


def _inner(s: Situation) -> frozenset[str]:
    return frozenset(
        n
        for n in slots_of(s)
        if n in NOT_MOVED or (_is_machine(getattr(s, n)) and not isinstance(getattr(s, n), _SHARED))
    )


def _part(full: str, value: Any, now_s: float) -> Any:
    deadlines = DEADLINES.get(full)
    if deadlines is not None:
        return None if value is None else sum(now_s - value >= deadline_s - 1e-9 for deadline_s in deadlines)
    if full in ONLY_WHETHER:
        return bool(value)
    if full.endswith("_n"):
        return min(value, COUNTED_N)
    if isinstance(value, dict):
        return tuple(sorted((k, repr(v) if full != "faults" else "") for k, v in value.items()))
    if isinstance(value, set):
        return tuple(sorted(value))
    return value
