"""session_info as a fold over session events and meter readings.

Rule 1: nothing else goes in, so that a restarted gateway gets the same answer from the stored events: all
from the last SessionStarted on.
Rule 2: a transaction's energy is the difference of the readings in its two events; in between the newest
reading counts.
"""

import math
from collections.abc import Callable

import msgspec

from evsed.api.encoding import timestamp
from evsed.api.wire import InfoState, SessionInfo
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind, StopReason
from hal.types import MeterReading

NO_PROTOCOL = "Unknown"
BASIC_CHARGING = "IEC61851-1"


class _Tally(msgspec.Struct):
    """What is told about the running or last session. Times are UTC."""

    session_start_s: float | None = None
    session_end_s: float | None = None
    transaction_start_s: float | None = None
    transaction_end_s: float | None = None
    first: MeterReading | None = None  # of the transaction
    last: MeterReading | None = None
    power_w: float = 0.0

    @property
    def in_session(self) -> bool:
        return self.session_start_s is not None and self.session_end_s is None

    @property
    def in_transaction(self) -> bool:
        return self.transaction_start_s is not None and self.transaction_end_s is None


class SessionInfoProjector:
    def __init__(self) -> None:
        self._state = InfoState.UNKNOWN
        self._protocol = NO_PROTOCOL
        self._tally = _Tally()
        self._newest_at_s = -math.inf  # monotonic time of the newest reading seen

    def on_event(self, event: SessionEvent, at_utc_s: float) -> None:
        """at_utc_s is when it happened."""
        self._state = self._state_after(event)
        if event.kind in _MARKS:
            _MARKS[event.kind](self, event, at_utc_s)
        elif event.meter is not None:
            self.on_meter(event.meter)

    def on_meter(self, reading: MeterReading) -> None:
        """An event may bring a reading that is older than the newest; that one is passed over."""
        if reading.at_s < self._newest_at_s:
            return
        self._newest_at_s = reading.at_s
        self._note_power(reading)
        if self._tally.in_transaction:
            self._tally.first = self._tally.first or reading
            self._tally.last = reading

    def info(self, now_utc_s: float) -> SessionInfo:
        tally = self._tally
        return SessionInfo(
            state=self._state,
            charged_energy_wh=_gain_wh(tally, _import_wh),
            discharged_energy_wh=_gain_wh(tally, _export_wh),
            latest_total_w=round(tally.power_w),
            session_duration_s=_duration_s(tally.session_start_s, tally.session_end_s, now_utc_s) or 0,
            timestamp=timestamp(now_utc_s),
            selected_protocol=self._protocol,
            transaction_duration_s=_duration_s(tally.transaction_start_s, tally.transaction_end_s, now_utc_s),
            session_start_time=_optional_timestamp(tally.session_start_s),
            session_end_time=_optional_timestamp(tally.session_end_s),
            transaction_start_time=_optional_timestamp(tally.transaction_start_s),
            transaction_end_time=_optional_timestamp(tally.transaction_end_s),
        )

    def _state_after(self, event: SessionEvent) -> InfoState:
        for kind, holds, state in STATES:
            if kind is event.kind and holds(event, self._state, self._tally):
                return state
        return self._state

    def _note_power(self, reading: MeterReading) -> None:
        if reading.power_w is not None:
            self._tally.power_w = reading.power_w

    def _start_session(self, event: SessionEvent, at_utc_s: float) -> None:
        self._tally = _Tally(session_start_s=at_utc_s)
        self._protocol = BASIC_CHARGING

    def _resume_session(self, event: SessionEvent, at_utc_s: float) -> None:
        """After a restart of the machine monotonic time begins anew."""
        self._newest_at_s = -math.inf

    def _start_transaction(self, event: SessionEvent, at_utc_s: float) -> None:
        self._tally.transaction_start_s = at_utc_s
        self._tally.transaction_end_s = None
        self._tally.first = self._tally.last = event.meter

    def _finish_transaction(self, event: SessionEvent, at_utc_s: float) -> None:
        self._tally.transaction_end_s = at_utc_s
        self._tally.last = event.meter or self._tally.last
        self._protocol = NO_PROTOCOL

    def _finish_session(self, event: SessionEvent, at_utc_s: float) -> None:
        self._tally.session_end_s = at_utc_s
        self._protocol = NO_PROTOCOL


_MARKS: dict[EventKind, Callable[[SessionInfoProjector, SessionEvent, float], None]] = {
    EventKind.SESSION_STARTED: SessionInfoProjector._start_session,
    EventKind.SESSION_RESUMED: SessionInfoProjector._resume_session,
    EventKind.TRANSACTION_STARTED: SessionInfoProjector._start_transaction,
    EventKind.TRANSACTION_FINISHED: SessionInfoProjector._finish_transaction,
    EventKind.SESSION_FINISHED: SessionInfoProjector._finish_session,
}


def _always(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return True


def _no_session(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return not tally.in_session


def _unplugged(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return state is InfoState.UNPLUGGED


def _reserved(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return state is InfoState.RESERVED


def _for_somebody(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return event.reservation is not None


def _ended_by_ev(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return event.ev_left


def _ended_locally(event: SessionEvent, state: InfoState, tally: _Tally) -> bool:
    return event.stop_reason is StopReason.LOCAL


# The first row that holds; an event without one leaves the state as it is.
# fmt: off
STATES: tuple[tuple[EventKind, Callable[[SessionEvent, InfoState, _Tally], bool], InfoState], ...] = (
    # event                         if              state
    (EventKind.ENABLED,              _for_somebody,  InfoState.RESERVED),
    (EventKind.ENABLED,              _no_session,    InfoState.UNPLUGGED),
    (EventKind.DISABLED,             _always,        InfoState.DISABLED),
    (EventKind.SESSION_STARTED,      _always,        InfoState.PREPARING),
    (EventKind.AUTH_REQUIRED,        _always,        InfoState.AUTH_REQUIRED),
    (EventKind.TRANSACTION_STARTED,  _always,        InfoState.PREPARING),
    (EventKind.PREPARE_CHARGING,     _always,        InfoState.PREPARING),
    (EventKind.CHARGING_STARTED,     _always,        InfoState.CHARGING),
    (EventKind.CHARGING_RESUMED,     _always,        InfoState.CHARGING),
    (EventKind.CHARGING_PAUSED_EV,   _always,        InfoState.CHARGING_PAUSED_EV),
    (EventKind.CHARGING_PAUSED_EVSE, _always,        InfoState.CHARGING_PAUSED_EVSE),
    (EventKind.WAITING_FOR_ENERGY,   _always,        InfoState.WAITING_FOR_ENERGY),
    (EventKind.STOPPING_CHARGING,    _ended_by_ev,   InfoState.FINISHED_EV),
    (EventKind.CHARGING_FINISHED,    _always,        InfoState.FINISHED),
    (EventKind.TRANSACTION_FINISHED, _ended_locally, InfoState.FINISHED_EVSE),
    (EventKind.TRANSACTION_FINISHED, _always,        InfoState.FINISHED),
    (EventKind.SESSION_FINISHED,     _for_somebody,  InfoState.RESERVED),
    (EventKind.SESSION_FINISHED,     _always,        InfoState.UNPLUGGED),
    (EventKind.PLUGIN_TIMEOUT,       _always,        InfoState.AUTH_TIMEOUT),
    (EventKind.RESERVATION_START,    _unplugged,     InfoState.RESERVED),
    (EventKind.RESERVATION_END,      _reserved,      InfoState.UNPLUGGED),
)
# fmt: on


def _import_wh(reading: MeterReading) -> float:
    return reading.energy_import_wh


def _export_wh(reading: MeterReading) -> float:
    return reading.energy_export_wh or 0.0


def _gain_wh(tally: _Tally, energy_of: Callable[[MeterReading], float]) -> int:
    if tally.first is None or tally.last is None:
        return 0
    return max(0, int(energy_of(tally.last) - energy_of(tally.first)))


def _duration_s(start_s: float | None, end_s: float | None, now_s: float) -> int | None:
    """Never negative, also where the clock was set back in between."""
    if start_s is None:
        return None
    return max(0, int((now_s if end_s is None else end_s) - start_s))


def _optional_timestamp(utc_s: float | None) -> str | None:
    return None if utc_s is None else timestamp(utc_s)
