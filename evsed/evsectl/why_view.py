"""Why is it not charging, or only with 10 A? WHY is the whole answer: the first row that holds.

Rule: any value of the status may be missing or null.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from evsed.core.limits import RANDOM_DELAY
from evsed.core.pilot_duty import MIN_CURRENT_A
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason as R
from evsed.evsectl import words
from evsed.evsectl.faults import blocking, described, to_do
from evsed.evsectl.protocol import ENABLE_PRIORITY
from evsed.evsectl.terminal import Colour, Line

Status = Mapping[str, Any]
_SOURCE_COLUMNS = 20
_LOOK_AT_GATEWAY = "if this lasts, see `journalctl -u evsed-gateway`"
_LOOK_AT_EV = "the EV may be full, or have a charge timer"
_NOISE_A, _CLOSE_ENOUGH = 0.5, 0.9  # an EV that takes this much of the offer takes what it is offered

# fmt: off
STOPPED = {
    R.EMERGENCY_STOP:               "the emergency stop was pressed",
    R.EV_DISCONNECTED:              "the EV was unplugged",
    R.HARD_RESET:                   "for a hard reset",
    R.LOCAL:                        "here at the charger",
    R.OTHER:                        "for a reason without a name",
    R.POWER_LOSS:                   "by a loss of power",
    R.REBOOT:                       "for a restart of evsed",
    R.REMOTE:                       "from afar",
    R.SOFT_RESET:                   "for a soft reset",
    R.UNLOCK_COMMAND:               "to unlock the connector",
    R.DE_AUTHORIZED:                "the authorization was withdrawn",
    R.ENERGY_LIMIT_REACHED:         "the energy limit of the session is reached",
    R.GROUND_FAULT:                 "the residual current device has tripped",
    R.LOCAL_OUT_OF_CREDIT:          "the cost limit of the session is reached",
    R.MASTER_PASS:                  "with a master pass",
    R.OVERCURRENT_FAULT:            "the EV took more current than it was offered",
    R.POWER_QUALITY:                "by bad power quality",
    R.SOC_LIMIT_REACHED:            "the wanted state of charge is reached",
    R.STOPPED_BY_EV:                "by the EV",
    R.TIME_LIMIT_REACHED:           "the time limit of the session is reached",
    R.TIMEOUT:                      "by a time-out",
    R.REQ_ENERGY_TRANSFER_REJECTED: "the wanted kind of energy transfer is not to be had",
    R.EVSE_DISABLED:                "the EVSE was disabled",
}
# fmt: on
_STOPPED_BY_NAME = {reason.value: text for reason, text in STOPPED.items()}


class Why(msgspec.Struct, frozen=True):
    """In words, and what a person can do about it, if anything."""

    why: str
    to_do: str = ""


Holds = Callable[[Status], bool]
Tell = Callable[[Status], Why]


def why(status: Status) -> Why:
    return next(tell(status) for holds, tell in WHY if holds(status))


def view(status: Status) -> list[Line]:
    told = why(status)
    charging = status.get("state") == S.CHARGING.value
    lines = [Line("Why", told.why, Colour.GREEN if charging else Colour.YELLOW)]
    if told.to_do:
        lines.append(Line("To do", told.to_do))
    rows = limit_rows(status)
    return lines + [Line("" if index else "Limits", row) for index, row in enumerate(rows)]


def limit_rows(status: Status) -> list[str]:
    """The limit table, the row that binds first and marked."""
    source = status.get("limit_source")
    rows = sorted(status.get("limits") or (), key=lambda row: row.get("source") != source)
    return [_limit_row(row, row.get("source") == source) for row in rows]


def _limit_row(row: Mapping[str, Any], binds: bool) -> str:
    return f"{'>' if binds else ' '} {row.get('source', '-')!s:<{_SOURCE_COLUMNS}} {words.ceilings(row)}"


def _in(*states: S) -> Holds:
    names = frozenset(state.value for state in states)
    return lambda status: status.get("state") in names


def _with(state: S, *keys: str) -> Holds:
    """In this state, and each of these is true."""
    return lambda status: status.get("state") == state.value and all(status.get(key) for key in keys)


def _just(text: str, advice: str = "") -> Tell:
    return lambda status: Why(text, advice)


def _tell(text: Callable[[Status], str], advice: str = "") -> Tell:
    return lambda status: Why(text(status), advice)


def _faulted(status: Status) -> bool:
    return bool(blocking(status.get("faults") or ()))


def _tell_fault(status: Status) -> Why:
    names = blocking(status.get("faults") or ())
    advice = dict.fromkeys(filter(None, map(to_do, names)))
    return Why(f"a fault forbids power: {', '.join(map(described, names))}", "; ".join(advice))


def _tell_disabled(status: Status) -> Why:
    by = status.get("disabled_by") or {}
    if not by:
        return Why("the EVSE is disabled", "`evsectl enable`")
    text = f"the EVSE is disabled by {by.get('source')}, priority {by.get('priority')}"
    weaker = by.get("source") == "LocalAPI" or by.get("priority", 0) > ENABLE_PRIORITY
    return Why(text, "`evsectl enable`" if weaker else "enable it where it was disabled")


def _reserved(status: Status) -> str:
    return f"reserved, {words.reservation(status['reservation'])}"


def _tell_finished(status: Status) -> Why:
    reason = str(status.get("stop_reason") or "")
    text = f": {_STOPPED_BY_NAME.get(reason, reason)}" if reason else ""
    return Why(
        f"the transaction has been stopped{text}", "unplug the EV and plug it in again, or `evsectl replug`"
    )


def _delayed_in(state: S) -> Holds:
    """The delay is what binds, not something that would do so without it."""
    return lambda s: _in(state)(s) and s.get("limit_source") == RANDOM_DELAY and bool(s.get("random_delay"))


def _delay(status: Status) -> str:
    return f"a random delay holds the limit back: {words.random_delay(status['random_delay'])}"


def _tell_no_energy(status: Status) -> Why:
    source, limit_a = status.get("limit_source"), status.get("limit_a")
    left = "" if limit_a is None else f": {source} leaves {limit_a:.1f} A"
    return Why(f"no energy{left}, an EV needs {MIN_CURRENT_A:g} A", "raise that limit, or wait until it ends")


def _lock_open(status: Status) -> bool:
    """A tethered cable has neither a lock nor an ampacity that is read."""
    plugged = status.get("ampacity") not in (None, "None")
    return _in(S.PREPARE_CHARGING)(status) and plugged and status.get("locked") is False


def _nothing_offered(status: Status) -> bool:
    return _in(S.PREPARE_CHARGING)(status) and status.get("offered_a") == 0.0


def _not_asked(status: Status) -> bool:
    return _in(S.PREPARE_CHARGING)(status) and status.get("cp") == "B"


def _offer(status: Status) -> str:
    offered_a, phases_n, source = (status.get(key) for key in ("offered_a", "phases", "limit_source"))
    on = "" if phases_n is None else f" on {words.phases(phases_n)}"
    by = f", set by {source}" if source else ""
    return f"{offered_a or 0.0:.1f} A{on}{by}"


def _takes_a(status: Status) -> float:
    return max(status.get("current_a") or (), default=0.0)


def _takes_less(status: Status) -> bool:
    offered_a = status.get("offered_a") or 0.0
    measured = bool(status.get("current_a"))
    return _in(S.CHARGING)(status) and measured and _takes_a(status) < offered_a * _CLOSE_ENOUGH - _NOISE_A


# fmt: off
WHY: tuple[tuple[Holds, Tell], ...] = (
    (_faulted,
     _tell_fault),
    (lambda s: s.get("enabled") is False,
     _tell_disabled),
    (_with(S.BOOTING, "waits_for_external_ready"),
     _just("waiting for the external ready", "`evsectl ready`, or the same over MQTT")),
    (_in(S.BOOTING),
     _just("starting: what the store knows has not been read yet", _LOOK_AT_GATEWAY)),
    (_in(S.DISABLED),
     _just("enabled again in a moment")),
    (_with(S.IDLE, "reservation"),
     _tell(lambda s: f"no EV is connected; {_reserved(s)}")),
    (_with(S.IDLE, "authorized"),
     _just("authorized, waiting for an EV", "plug it in")),
    (_in(S.IDLE),
     _just("no EV is connected", "plug one in")),
    (_with(S.WAITING_FOR_AUTHENTICATION, "authorized"),
     _just("authorized, but the cable does not say what it carries", "plug it in anew, or take another")),
    (_with(S.WAITING_FOR_AUTHENTICATION, "reservation"),
     _tell(lambda s: f"waiting for a token; {_reserved(s)}", "present it or `evsectl cancel-reservation`")),
    (_in(S.WAITING_FOR_AUTHENTICATION),
     _just("waiting for a token", "present a card, or `evsectl authorize TOKEN`")),
    (_in(S.STOPPING_CHARGING),
     _just("stopping: the EV is given time to stop drawing current")),
    (_in(S.FINISHED),
     _tell_finished),
    (_in(S.REPLUG),
     _just("the EV is shown an unplugged cable (replug) for a few seconds")),
    (_with(S.CHARGING_PAUSED_EVSE, "paused"),
     _just("paused by us", "`evsectl resume`, or resume_charging over MQTT")),
    (_in(S.CHARGING_PAUSED_EVSE),
     _just("the EVSE held power back and goes on in a moment")),
    (_in(S.SWITCHING_PHASES),
     _just("the number of phases is being switched; it goes on by itself")),
    (_delayed_in(S.WAITING_FOR_ENERGY),
     _tell(_delay, "`evsectl random-delay cancel` ends it at once")),
    (_in(S.WAITING_FOR_ENERGY),
     _tell_no_energy),
    (_in(S.WAKE_UP_F, S.WAKE_UP_X1),
     _just("the EV has ignored the offer and is being woken")),
    (_lock_open,
     _just("waiting until the connector is locked", "push the plug in fully")),
    (_nothing_offered,
     _just("waiting until the start of the transaction is on disk", _LOOK_AT_GATEWAY)),
    (_not_asked,
     _tell(lambda s: f"the EV is offered {_offer(s)}, and does not ask for power yet", _LOOK_AT_EV)),
    (_in(S.PREPARE_CHARGING),
     _just("the EV asks for power and gets it in a moment")),
    (_in(S.CHARGING_PAUSED_EV),
     _tell(lambda s: f"paused by the EV: it is offered {_offer(s)}, and takes nothing", _LOOK_AT_EV)),
    (_takes_less,
     _tell(lambda s: f"charging: the EV takes only {_takes_a(s):.1f} A of the offered {_offer(s)}")),
    (_delayed_in(S.CHARGING),
     _tell(lambda s: f"charging with up to {_offer(s)}; {_delay(s)}")),
    (_in(S.CHARGING),
     _tell(lambda s: f"charging with up to {_offer(s)}")),
    (lambda s: True,
     _tell(lambda s: f"it is in state {s.get('state') or 'unknown'}")),
)
# fmt: on
