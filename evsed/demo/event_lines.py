"""Session events and the world's trace in words, one row each.

Rule: what comes over MQTT may be anything; what is not understood is shown as it is, never refused.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from evsed.clock import utc_of, utc_s
from evsed.config.check import printable
from evsed.demo.rows import BOLD, DIM, Row, Span
from evsed.evsectl.terminal import Colour

EVENT_COLUMNS = 21

STATIC = {1.0: "PWM off", 0.0: "pilot at -12 V"}
# fmt: off
WORDS: dict[str, tuple[str, Colour]] = {
    "Enabled":              ("may charge",                                         Colour.PLAIN),
    "Disabled":             ("may not charge",                                     Colour.YELLOW),
    "SessionStarted":       ("a session is open",                                  Colour.CYAN),
    "AuthRequired":         ("waiting for authorize_response",                     Colour.YELLOW),
    "Authorized":           ("the token is accepted",                              Colour.CYAN),
    "Deauthorized":         ("the authorization is withdrawn",                     Colour.YELLOW),
    "TransactionStarted":   ("billing begins",                                      Colour.CYAN),
    "PrepareCharging":      ("the EV may ask for power",                           Colour.CYAN),
    "ChargingStarted":      ("the EV asks for power",                              Colour.GREEN),
    "ChargingPausedEV":     ("the EV wants no power at the moment",                Colour.CYAN),
    "ChargingPausedEVSE":   ("the EVSE holds power back",                          Colour.YELLOW),
    "ChargingResumed":      ("the EV wants power again",                           Colour.GREEN),
    "WaitingForEnergy":     ("the limits leave less than 6 A",                     Colour.YELLOW),
    "StoppingCharging":     ("charging ends",                                      Colour.CYAN),
    "ChargingFinished":     ("no power flows any more",                            Colour.CYAN),
    "TransactionFinished":  ("billing ends",                                       Colour.CYAN),
    "SessionFinished":      ("the session is over",                                Colour.GREEN),
    "PluginTimeout":        ("no authorization came in time",                       Colour.RED),
    "SessionResumed":       ("a session from before the restart",                  Colour.YELLOW),
}
TRACE: dict[str, Callable[[Any], str]] = {
    "cp":        lambda letter: f"control pilot in state {letter}",
    "duty":      lambda duty: STATIC.get(duty) or f"PWM duty {duty * 100:.1f} %",
    "contactor": lambda closed: "contactor closed" if closed else "contactor open",
    "lock":      lambda locked: "plug locked" if locked else "plug unlocked",
    "rcd":       lambda tripped: "RCD tripped" if tripped else "RCD reset",
    "rcd_test":  lambda on: "RCD self-test: test current on" if on else "RCD self-test: test current off",
}
SELF_TEST = {True: "RCD self-test: it trips, as it must", False: "RCD self-test: it resets, passed"}
# fmt: on


class TimedRow(msgspec.Struct, frozen=True):
    at_utc_s: float
    row: Row


def said(text: str, style: str = DIM) -> TimedRow:
    """What we did ourselves, now."""
    return _timed(utc_s(), (Span(printable(text), style),))


def event(payload: Mapping[str, Any]) -> TimedRow:
    """A session_event."""
    name = str(payload.get("event", "?"))
    words, colour = WORDS.get(name, ("", Colour.PLAIN))
    told = ", ".join(filter(None, [words, *_details(payload)]))
    name_span = Span(f"{printable(name):<{EVENT_COLUMNS}}", BOLD + colour.value)
    return _timed(_utc_s(payload.get("timestamp")), (name_span, Span(printable(told))))


class TraceLines:
    """Changes of physical lines; a residual current device that trips in its own test is no accident."""

    def __init__(self) -> None:
        self._testing = self._own_trip = False

    def row(self, payload: Mapping[str, Any]) -> TimedRow | None:
        """None for those that say nothing to a newcomer."""
        line, value = str(payload.get("line")), payload.get("value")
        words = self._rcd_words(line, bool(value)) or TRACE.get(line)
        if words is None:
            return None
        text = f"{'':{EVENT_COLUMNS}}{words(value)}"
        return _timed(utc_of(float(payload["t"])), (Span(printable(text), DIM),))

    def _rcd_words(self, line: str, on: bool) -> Callable[[Any], str] | None:
        """A trip while test current flows is the test's, and so is the reset after it."""
        if line == "rcd_test":
            self._testing = on
        if line != "rcd":
            return None
        own = self._testing if on else self._own_trip
        self._own_trip = own and on
        return SELF_TEST.__getitem__ if own else None


def _timed(at_utc_s: float, spans: Row) -> TimedRow:
    """Whole milliseconds, as events have them: else a cause could come after its effect."""
    at_utc_s = int(at_utc_s * 1000) / 1000
    clock = time.strftime("%H:%M:%S", time.localtime(at_utc_s))
    stamp = f"{clock}.{round(at_utc_s * 1000) % 1000:03}  "
    return TimedRow(at_utc_s, (Span(stamp, DIM), *spans))


def _utc_s(timestamp: object) -> float:
    try:
        return datetime.fromisoformat(str(timestamp)).timestamp()
    except ValueError:
        return utc_s()


def _details(payload: Mapping[str, Any]) -> list[str]:
    started, finished = payload.get("session_started"), payload.get("transaction_finished")
    paid = payload.get("transaction_started")
    return [
        f"{started.get('reason')}" if isinstance(started, Mapping) else "",
        f"token {_at(paid, 'id_tag', 'id_token', 'value')}" if isinstance(paid, Mapping) else "",
        f"{finished.get('reason')}" if isinstance(finished, Mapping) else "",
    ]


def _at(value: object, *path: str) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
