"""The gateway's status in words, for people.

Rule: any value may be missing or null; then its words are left out, and a line without words shows "-".
"""

from collections.abc import Callable, Mapping
from typing import Any

from evsed.config.check import printable
from evsed.core.states import EvseState
from evsed.evsectl import words
from evsed.evsectl.faults import described
from evsed.evsectl.terminal import Colour, Line

Status = Mapping[str, Any]
_UUID_SHOWN = 8  # characters, enough to find it in the journal

# fmt: off
STATES: dict[EvseState, tuple[str, Colour]] = {
    EvseState.BOOTING:                    ("waiting for what the store knows",                Colour.YELLOW),
    EvseState.DISABLED:                   ("nobody may charge until it is enabled",           Colour.YELLOW),
    EvseState.IDLE:                       ("no EV connected",                                 Colour.PLAIN),
    EvseState.WAITING_FOR_AUTHENTICATION: ("EV connected, waiting for an authorization",      Colour.CYAN),
    EvseState.PREPARE_CHARGING:           ("authorized, waiting for the EV to request power", Colour.CYAN),
    EvseState.WAITING_FOR_ENERGY:         ("the limits leave less than 6 A",                  Colour.YELLOW),
    EvseState.CHARGING:                   ("the EV may take power",                           Colour.GREEN),
    EvseState.CHARGING_PAUSED_EV:         ("the EV takes no power at the moment",             Colour.CYAN),
    EvseState.CHARGING_PAUSED_EVSE:       ("the EVSE holds power back",                       Colour.YELLOW),
    EvseState.WAKE_UP_F:                  ("waking a sleeping EV",                            Colour.CYAN),
    EvseState.WAKE_UP_X1:                 ("waking a sleeping EV",                            Colour.CYAN),
    EvseState.SWITCHING_PHASES:           ("changing the number of phases",                   Colour.CYAN),
    EvseState.REPLUG:                     ("showing the EV an unplugged cable",               Colour.CYAN),
    EvseState.STOPPING_CHARGING:          ("waiting for the EV to stop drawing current",      Colour.YELLOW),
    EvseState.FINISHED:                   ("over until the EV is unplugged",                  Colour.CYAN),
}
FLAGS = {
    "enabled":          ("enabled",          "disabled"),
    "authorized":       ("authorized",       ""),
    "paused":           ("paused by the EVSE", ""),
    "contactor_closed": ("contactor closed", "contactor open"),
    "mirror_closed":    ("mirror closed",    "mirror open"),
    "locked":           ("locked",           "unlocked"),
    "in_transaction":   ("transaction",      "no transaction"),
}
# fmt: on
WITHOUT_PWM: dict[float | None, str] = {1.0: "no PWM (X1)", 0.0: "no PWM (state F)"}
_STATES_BY_NAME = {state.value: told for state, told in STATES.items()}


def view(status: Status) -> list[Line]:
    """About a dozen lines, and those of what is there only sometimes."""
    always = [line(status) for line in _LINES]
    sometimes = [line(status) for line in _SOMETIMES]
    return always[:_OWN_LINES_FROM] + [line for line in sometimes if line.text] + always[_OWN_LINES_FROM:]


def one_line(status: Status) -> str:
    """The same in one line, for a log."""
    parts = [
        str(status.get("state") or "unknown"),
        _pilot(status).text,
        _number(status, "offered_a", "offered {:.1f} A"),
        _number(status, "power_w", "{:.0f} W"),
        _number(status, "session_energy_wh", "{:.0f} Wh"),
        f"faults {', '.join(status['faults'])}" if status.get("faults") else "",
        "" if control_connected(status) else "control not connected",
    ]
    return printable(words.joined(parts))


def control_connected(status: Status) -> bool:
    control = status.get("control")
    return not (isinstance(control, Mapping) and control.get("connected") is False)


def is_known(status: Status) -> bool:
    """Whether it tells how the EVSE is now."""
    return bool(status.get("state")) and control_connected(status)


def _state(status: Status) -> Line:
    state = str(status.get("state") or "unknown")
    told, colour = _STATES_BY_NAME.get(state, ("", Colour.PLAIN))
    if status.get("waits_for_external_ready"):
        told = "waiting for the external ready"
    flags = _flags(status, "enabled", "authorized", "paused")
    text = f"{state}: {told}" if told else state
    return Line("State", f"{text} ({flags})" if flags else text, colour)


def _pilot(status: Status) -> Line:
    plateaus = (_number(status, key, "{:+.1f} V") for key in ("cp_high_v", "cp_low_v"))
    volts = " / ".join(dict.fromkeys(filter(None, plateaus)))  # a static pilot has one voltage
    duty = status.get("duty")
    told = _number(status, "duty", "duty {:.1%}").replace("%", " %")
    return Line("Pilot", words.joined([_text(status, "cp"), volts, WITHOUT_PWM.get(duty, told)]))


def _offer(status: Status) -> Line:
    phases_n = status.get("phases")
    on = "" if phases_n is None else f" on {words.phases(phases_n)}"
    source = _text(status, "limit_source")
    limit = _number(status, "limit_a", "limit {:.1f} A") + (f" by {source}" if source else "")
    others = [row for row in status.get("limits") or () if row.get("source") != source]
    told = "; ".join(f"{row.get('source')} {words.ceilings(row)}" for row in others)
    offered = _number(status, "offered_a", "{:.1f} A") + on
    return Line("Offer", words.joined([offered, limit, f"others: {told}" if told else ""]))


def _power_path(status: Status) -> Line:
    return Line("Power path", _flags(status, "contactor_closed", "mirror_closed"))


def _connector(status: Status) -> Line:
    ampacity = _text(status, "ampacity").removeprefix("A_").partition("_")[0]
    cable = {"": "", "None": "no cable"}.get(ampacity, f"cable for {ampacity} A")
    return Line("Connector", words.joined([cable, _flags(status, "locked")]))


def _power(status: Status) -> Line:
    power = _number(status, "power_w", "{:.0f} W")
    return Line(
        "Power",
        words.joined(
            [power, _phases(status, "current_a", ".1f", "A"), _phases(status, "voltage_v", ".0f", "V")]
        ),
    )


def _meter(status: Status) -> Line:
    meter_wh = status.get("energy_import_wh")
    return Line("Meter", "" if meter_wh is None else f"{meter_wh / 1000:.3f} kWh")


def _session(status: Status) -> Line:
    uuid = _text(status, "session_uuid")
    if not uuid:
        return Line("Session", "none")
    energy_wh, duration_s = status.get("session_energy_wh"), status.get("session_duration_s")
    token = _text(status, "id_token")
    return Line(
        "Session",
        words.joined([
            "" if energy_wh is None else f"{energy_wh / 1000:.3f} kWh",
            "" if duration_s is None else f"since {words.duration(duration_s)}",
            _flags(status, "in_transaction"),
            f"token {words.holder(token, status.get('token_name'))}" if token else "",
            f"uuid {uuid[:_UUID_SHOWN]}",
        ]),
    )  # fmt: skip


def _reservation(status: Status) -> Line:
    reserved = status.get("reservation")
    return Line("Reserved", words.reservation(reserved) if reserved else "", Colour.CYAN)


def _random_delay(status: Status) -> Line:
    delay = status.get("random_delay")
    return Line("Delay", words.random_delay(delay) or "random delay on, none running" if delay else "")


def _temperatures(status: Status) -> Line:
    read = status.get("temperatures") or ()
    return Line("Temperature", ", ".join(f"{t.get('location')} {t.get('temperature_c'):.0f} C" for t in read))


def _faults(status: Status) -> Line:
    names = status.get("faults")
    if not names:
        return Line("Faults", "" if names is None else "none")
    return Line("Faults", ", ".join(described(name) for name in names), Colour.RED)


def _control(status: Status) -> Line:
    control = status.get("control") or {}
    text = words.joined([
        _link(control),
        _number(control, "pid", "pid {}"),
        _number(control, "ticks_n", "{} ticks"),
        _number(control, "overruns_n", "{} overrun"),
        _number(control, "late_max_ms", "at most {:.1f} ms late"),
        _lost(control, "dropped_events_n", "{} events dropped"),
    ])  # fmt: skip
    return Line("Control", text, Colour.PLAIN if control_connected(status) else Colour.RED)


def _mqtt(status: Status) -> Line:
    mqtt = status.get("mqtt") or {}
    text = words.joined([
        _link(mqtt) + _number(mqtt, "host", " {}") + _number(mqtt, "port", ":{}"),
        _lost(mqtt, "bad_requests_n", "{} bad requests"),
        _lost(mqtt, "unpublished_n", "{} not yet published"),
    ])  # fmt: skip
    return Line("MQTT", text, Colour.YELLOW if mqtt.get("connected") is False else Colour.PLAIN)


def _evsed(status: Status) -> Line:
    return Line("evsed", words.joined([_text(status, "version"), _number(status, "board", "board {}")]))


_LINES: tuple[Callable[[Status], Line], ...] = (
    _state,
    _pilot,
    _offer,
    _connector,
    _power_path,
    _power,
    _meter,
    _session,
    _faults,
    _control,
    _mqtt,
    _evsed,
)
_OWN_LINES_FROM = _LINES.index(_faults)
_SOMETIMES: tuple[Callable[[Status], Line], ...] = (_reservation, _random_delay, _temperatures)


def _text(status: Status, key: str) -> str:
    value = status.get(key)
    return "" if value is None else str(value)


def _number(status: Status, key: str, form: str) -> str:
    value = status.get(key)
    return "" if value is None else form.format(value)


def _lost(status: Status, key: str, form: str) -> str:
    """A count that is worth a word only when it is not 0."""
    return _number(status, key, form) if status.get(key) else ""


def _flags(status: Status, *keys: str) -> str:
    present = [key for key in keys if status.get(key) is not None]
    return words.joined([FLAGS[key][0] if status[key] else FLAGS[key][1] for key in present])


def _link(status: Status) -> str:
    connected = status.get("connected")
    return "" if connected is None else "connected" if connected else "not connected"


def _phases(status: Status, key: str, form: str, unit: str) -> str:
    values = status.get(key)
    return f"{' / '.join(format(value, form) for value in values)} {unit}" if values else ""
