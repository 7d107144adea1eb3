"""The live panel as a pure function of the gateway's status (what `evsectl watch` gets).

Rule: any value may be missing or null; then a "-" stands there.
"""

from collections.abc import Callable, Mapping
from typing import Any

from evsed.config.check import printable
from evsed.demo.rows import BOLD, DIM, Glyphs, Row, Span, cut, width
from evsed.evsectl.status_view import STATES
from evsed.evsectl.terminal import Colour

Status = Mapping[str, Any]
LABEL_COLUMNS = 12
VALUE_COLUMNS = 9
BAR_FULL_A = 32.0
_MAX_COLUMNS = 100
_WORDS = {state.value: words for state, words in STATES.items()}

# fmt: off
PILOT = {
    "A": "no EV",
    "B": "EV connected",
    "C": "EV requests power",
    "D": "EV wants ventilation too",
    "E": "shorted",
    "F": "EVSE not available",
}
# fmt: on


def panel(status: Status, title: str, footer: str, columns: int, glyphs: Glyphs) -> list[Row]:
    """Eleven rows, each at most `columns` wide."""
    wide = min(columns, _MAX_COLUMNS)
    rows = [
        _rule(title, wide, glyphs),
        _state(status, glyphs),
        _pilot(status, glyphs),
        _offer(status, glyphs),
        *(_phase(status, index, glyphs) for index in range(3)),
        _power(status, glyphs),
        _connector(status, glyphs),
        _faults(status),
        _rule(footer, wide, glyphs),
    ]
    return [cut(spans, columns) for spans in rows]


def _rule(text: str, columns: int, glyphs: Glyphs) -> Row:
    head = (Span(glyphs.rule * 2, DIM), Span(f" {printable(text)} "))
    return (*head, Span(glyphs.rule * (columns - width(head)), DIM))


def _state(status: Status, glyphs: Glyphs) -> Row:
    state = str(status.get("state") or "starting")
    words, colour = _WORDS.get(state, ("", Colour.YELLOW))
    style = colour.value
    return Span(f" {glyphs.dot} ", style), Span(state, BOLD + style), Span(f"  {words}", style)


def _pilot(status: Status, glyphs: Glyphs) -> Row:
    letter = str(status.get("cp") or "-")
    more = [_volts(status), _formed(status, "duty", _duty)]
    return _labelled("Pilot", letter, [PILOT.get(letter, ""), *more], glyphs)


def _offer(status: Status, glyphs: Glyphs) -> Row:
    offered_a = status.get("offered_a")
    value = "-" if offered_a is None else f"{offered_a:.1f} A"
    phases = _formed(status, "phases", lambda n: f"on {n} phase{'s' * (n != 1)}") if offered_a else ""
    limit = _formed(status, "limit_a", lambda limit_a: f"limit {limit_a:g} A")
    source = status.get("limit_source")
    binds = f"{limit} by {source}" if limit and source else limit
    return _labelled("Offer", value, [phases, binds], glyphs)


def _phase(status: Status, index: int, glyphs: Glyphs) -> Row:
    current_a = _item(status, "current_a", index)
    voltage_v = _item(status, "voltage_v", index)
    value = "-" if current_a is None else f"{current_a:.1f} A"
    filled = round(min(max((current_a or 0.0) / BAR_FULL_A, 0.0), 1.0) * BAR_FULL_A)
    return (
        Span(f" {f'Current L{index + 1}':<{LABEL_COLUMNS}}"),
        Span(f"{value:<{VALUE_COLUMNS}}", BOLD),
        Span(glyphs.full * filled, Colour.GREEN.value),
        Span(glyphs.empty * (round(BAR_FULL_A) - filled), DIM),
        Span("" if voltage_v is None else f"  {voltage_v:.0f} V"),
    )


def _power(status: Status, glyphs: Glyphs) -> Row:
    power_w = status.get("power_w")
    value = "-" if power_w is None else f"{power_w / 1000:.2f} kW"
    session = ""
    if status.get("session_uuid"):
        energy = _formed(status, "session_energy_wh", _energy)
        since = _formed(status, "session_duration_s", _duration)
        session = f"this session {energy or '-'} in {since or '-'}"
    return _labelled("Power", value, [session], glyphs)


def _connector(status: Status, glyphs: Glyphs) -> Row:
    closed, locked = status.get("contactor_closed"), status.get("locked")
    contactor = "-" if closed is None else "closed" if closed else "open"
    style = Colour.GREEN.value if closed else ""
    lock = "" if locked is None else "plug locked" if locked else "plug unlocked"
    authorized = "authorized" if status.get("authorized") else ""
    paused = "paused by the EVSE" if status.get("paused") else ""
    return _labelled("Contactor", contactor, [lock, authorized, paused], glyphs, style)


def _faults(status: Status) -> Row:
    names = status.get("faults")
    if names:
        return (
            Span(f" {'Faults':<{LABEL_COLUMNS}}"),
            Span(printable(", ".join(map(str, names))), Colour.RED.value),
        )
    return Span(f" {'Faults':<{LABEL_COLUMNS}}"), Span("-" if names is None else "none")


def _labelled(label: str, value: str, more: list[str], glyphs: Glyphs, style: str = "") -> Row:
    return (
        Span(f" {label:<{LABEL_COLUMNS}}"),
        Span(f"{printable(value):<{VALUE_COLUMNS}}", BOLD + style),
        Span(printable(glyphs.separator.join(filter(None, more)))),
    )


def _volts(status: Status) -> str:
    """The two levels of the PWM; one while the line is static."""
    levels = [status.get("cp_high_v"), status.get("cp_low_v")]
    if 0.0 < (status.get("duty") or 0.0) < 1.0:
        return " / ".join(f"{volts:+.1f} V" for volts in levels if volts is not None)
    return "" if levels[0] is None else f"{levels[0]:+.1f} V"


def _duty(duty: float) -> str:
    return "no PWM" if duty in (0.0, 1.0) else f"duty {duty * 100:.1f} %"


def _energy(energy_wh: float) -> str:
    return f"{energy_wh:.0f} Wh" if energy_wh < 1000 else f"{energy_wh / 1000:.3f} kWh"


def _duration(duration_s: float) -> str:
    minutes, seconds = divmod(int(duration_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _formed(status: Status, key: str, form: Callable[[Any], str]) -> str:
    value = status.get(key)
    return "" if value is None else form(value)


def _item(status: Status, key: str, index: int) -> float | None:
    values = status.get(key) or ()
    return values[index] if index < len(values) else None
