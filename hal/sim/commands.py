"""The command language of the simulated EV: one row a command, and parse().

Rule 1: a list is taken whole or not at all; the error names command, position and what is expected.
Rule 2: a row only calls the world's own methods, the same that a test calls.
Rule 3: rows of the EV are undone at the end of a list, rows of the station stay as told.
"""

import math
from collections.abc import Callable
from enum import Enum

import msgspec

from hal.sim.cable import checked_ampacity_a
from hal.sim.card import checked_uid
from hal.sim.circuit import DUTY_DIGITAL_MIN, DUTY_MAX, DUTY_MIN, LETTERS
from hal.sim.world import RAILS, World

Value = float | int | str | bool
Act = Callable[..., None]


class ScriptError(ValueError):
    """The text for the error topic: what was wrong, where, and what is expected."""


class Argument(msgspec.Struct, frozen=True):
    """One argument: what it is called in an error, and how it is read (ValueError if it cannot be)."""

    expected: str
    read: Callable[[str], Value]


class Kind(Enum):
    ACT = "act"  # done at once
    SLEEP = "sleep"  # argument 0 in seconds
    WAIT = "wait"  # act, then wait until the row's condition holds
    PLUGIN = "plugin"  # stands for the configured plug-in list
    REFUSED = "refused"


def _nothing(world: World, *values: Value) -> None:
    """For rows that the runner carries out by their kind."""


def _at_once(world: World) -> bool:
    return True


class Row(msgspec.Struct, frozen=True):
    name: str
    arguments: tuple[Argument, ...] = ()
    act: Act = _nothing
    kind: Kind = Kind.ACT
    until: Callable[[World], bool] = _at_once
    refusal: str = ""


class Command(msgspec.Struct, frozen=True):
    row: Row
    values: tuple[Value, ...] = ()


def _number(low: float, high: float) -> Callable[[str], Value]:
    def read(text: str) -> float:
        number = float(text)
        if not low <= number <= high:  # also refuses nan
            raise ValueError(text)
        return number

    return read


def _choice(choices: dict[str, Value]) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        if text not in choices:
            raise ValueError(text)
        return choices[text]

    return read


def _ohm(text: str) -> float:
    if text == "open":
        return math.inf
    ohm = float(text)
    if not 0.0 <= ohm <= 1e6:
        raise ValueError(text)
    return ohm


def _ampacity(text: str) -> int:
    return checked_ampacity_a(float(text))


def _uid(text: str) -> str:
    return "" if text == "none" else checked_uid(text)


def _offered(low_duty: float) -> Callable[[World], bool]:
    def offered(world: World) -> bool:
        return world.cable.connected and low_duty <= world.pilot_duty() <= DUTY_MAX

    return offered


def _unplugged(world: World) -> bool:
    return not world.cable.connected


def _draw_regulated(world: World, current_a: float, phases: int) -> None:
    world.plug_in()
    world.ev.request_power(current_a, phases)


def _draw_fixed(world: World, current_a: float, phases: int) -> None:
    world.plug_in()
    world.ev.request_power_fixed(current_a, phases)


# fmt: off
SECONDS  = Argument("seconds 0 to 86400", _number(0.0, 86400.0))
CURRENT  = Argument("current 0 to 100 A", _number(0.0, 100.0))
PHASES   = Argument("phases 1 or 3", _choice({"1": 1, "3": 3}))
RESIDUAL = Argument("residual current 0 to 1000 mA", _number(0.0, 1000.0))
PERCENT  = Argument("percent 0 to 100", _number(0.0, 100.0))
STATE    = Argument(f"state {', '.join(LETTERS)}", _choice({letter: letter for letter in LETTERS}))
OHM      = Argument("ohm 0 to 1e6 or open", _ohm)
AMPACITY = Argument("ampacity 13, 20, 32 or 63 A", _ampacity)
FLAG     = Argument("0 or 1", _choice({"0": False, "1": True}))
VOLTAGE  = Argument("voltage 0 to 300 V", _number(0.0, 300.0))
CELSIUS  = Argument("temperature -50 to 150 C", _number(-50.0, 150.0))
NOISE    = Argument("noise 0 to 5000 mV", _number(0.0, 5000.0))
UID      = Argument("UID of 8, 14 or 20 hexadecimal digits or none", _uid)
RAIL     = Argument(f"rail {', '.join(RAILS)}", _choice({rail: rail for rail in RAILS}))
RAIL_V   = Argument("voltage -20 to 20 V", _number(-20.0, 20.0))

NO_REAL_PLUG = "there is no real plug on the simulator; use iec_wait_pwr_ready"
NO_ISO = "there is no ISO 15118 on this EVSE; use iec_wait_pwr_ready and draw_power_regulated"

ROWS = (
    Row("sleep", (SECONDS,), kind=Kind.SLEEP),
    # the EV and its cable
    Row("iec_wait_pwr_ready",      act=World.plug_in, kind=Kind.WAIT, until=_offered(DUTY_MIN)),
    Row("iso_wait_pwm_is_running", act=World.plug_in, kind=Kind.WAIT, until=_offered(DUTY_DIGITAL_MIN)),
    Row("draw_power_regulated",    (CURRENT, PHASES), _draw_regulated),
    Row("draw_power_fixed",        (CURRENT, PHASES), _draw_fixed),
    Row("over_current",            (CURRENT,),        lambda w, a: w.ev.draw_above_offer(a)),
    Row("pause",                   (),                lambda w: w.ev.pause()),
    Row("unplug",                  (),                World.unplug, kind=Kind.WAIT, until=_unplugged),
    Row("error_e",                 (),                lambda w: w.ev.short_cp()),
    Row("diode_fail",              (),                lambda w: w.ev.short_diode()),
    Row("rcd_current",             (RESIDUAL,),       lambda w, ma: w.rcd.leak(ma)),
    Row("set_soc",                 (PERCENT,),        lambda w, percent: w.ev.set_soc(percent)),
    Row("cp",                      (STATE,),          lambda w, letter: w.ev.force_cp(letter)),
    Row("pp",                      (OHM,),            lambda w, ohm: w.cable.set_coding(ohm)),
    Row("cable_ampacity",          (AMPACITY,),       lambda w, a: w.cable.set_ampacity(a)),
    # the station
    Row("contactor_weld",          (FLAG,),           lambda w, on: w.contactor.weld(on)),
    Row("contactor_stuck_open",    (FLAG,),           lambda w, on: w.contactor.stick_open(on)),
    Row("lock_jam",                (FLAG,),           lambda w, on: w.lock.jam(on)),
    Row("lock_forced",             (FLAG,),           lambda w, on: w.lock.force_open(on)),
    Row("meter_silent",            (FLAG,),           World.silence_meter),
    Row("mains",                   (VOLTAGE,),        World.set_mains),
    Row("rail",                    (RAIL, RAIL_V),    World.set_rail),
    Row("temperature",             (CELSIUS,),        World.set_temperature),
    Row("plug_temperature",        (CELSIUS,),        World.set_plug_temperature),
    Row("rcd_stuck",               (FLAG,),           lambda w, on: w.rcd.stick(on)),
    Row("estop",                   (FLAG,),           World.press_emergency_stop),
    Row("stop_button",             (FLAG,),           World.press_stop_button),
    Row("token",                   (UID,),            World.show_token),
    Row("noise",                   (NOISE,),          lambda w, mv: w.set_noise(mv / 1000.0)),
    # lists and what we cannot do
    Row("plugin",                  kind=Kind.PLUGIN),
    Row("wait_for_real_plugin",    kind=Kind.REFUSED, refusal=NO_REAL_PLUG),
)
# fmt: on
ROW_OF = {row.name: row for row in ROWS}


def parse(text: str) -> list[Command]:
    """Commands separated by `;`, arguments after a space, separated by `,`; ScriptError rejects all."""
    pieces = [piece.strip() for piece in text.split(";")]
    if pieces[-1] == "":
        pieces.pop()  # a closing semicolon
    if not pieces:
        raise ScriptError("no command: expected a list such as 'sleep 1;iec_wait_pwr_ready'")
    return [_command(position, piece) for position, piece in enumerate(pieces, start=1)]


def _command(position: int, piece: str) -> Command:
    name, _, tail = piece.partition(" ")
    row = _row(position, name)
    words = [word.strip() for word in tail.split(",")] if tail.strip() else []
    if len(words) != len(row.arguments):
        raise _error(position, name, f"expected {_expected(row)}, got {len(words)}")
    values = tuple(
        _value(position, row, argument, word) for argument, word in zip(row.arguments, words, strict=True)
    )
    return Command(row, values)


def _row(position: int, name: str) -> Row:
    row = ROW_OF.get(name)
    if row is None and name.startswith("iso_"):
        raise _error(position, name, NO_ISO)
    if row is None:
        raise _error(position, name, f"unknown; expected one of {', '.join(ROW_OF)}")
    if row.kind is Kind.REFUSED:
        raise _error(position, name, row.refusal)
    return row


def _value(position: int, row: Row, argument: Argument, word: str) -> Value:
    try:
        return argument.read(word)
    except ValueError as error:
        raise _error(position, row.name, f"expected {argument.expected}, got {word!r}") from error


def _expected(row: Row) -> str:
    names = " and ".join(argument.expected for argument in row.arguments)
    return f"{len(row.arguments)} argument(s)" + (f" ({names})" if names else "")


def _error(position: int, name: str, problem: str) -> ScriptError:
    return ScriptError(f"command {position}, {name!r}: {problem}; nothing was executed")
