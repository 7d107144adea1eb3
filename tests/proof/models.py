"""The models: each a part of the alphabet, small enough for a fixpoint. One more is a row."""

from typing import Any

from evsed.core import commands as c
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import StopReason
from tests.bench import TOKEN
from tests.proof.explore import Change, Model

TICK, WAIT = Change("tick"), Change("wait", wait=True)
TIME = (TICK, WAIT)

SHORT = {"switch_delay_s": 1.0, "replug_s": 1.0, "wake_up": False}


def env(**values: Any) -> tuple[Change, ...]:
    """A change for each value of each part of the world: env(cp="ABC") or env(rcd=(False, True))."""
    return tuple(Change(f"{name}={value}", {name: value}) for name, all_ in values.items() for value in all_)


def ask(*commands: c.Command) -> tuple[Change, ...]:
    return tuple(Change(_told(command), command=command) for command in commands)


def _told(command: c.Command) -> str:
    if isinstance(command, c.SetLimit):
        return f"limit {command.limit_a:g} A"
    return type(command).__name__


def availability(state: c.EnableState) -> c.EnableDisable:
    return c.EnableDisable(c.AvailabilityRow(c.EnableSource.LOCAL_API, state, 100))


def limits(*amperes: float) -> tuple[Change, ...]:
    return ask(*(c.SetLimit("test", limit_a) for limit_a in amperes))


ACCEPT = c.AuthorizeResponse(TOKEN, accepted=True)
WITHDRAW, STOP = c.WithdrawAuthorization(), c.StopTransaction(StopReason.REMOTE)
PAUSE, RESUME = c.PauseCharging(), c.ResumeCharging()
DISABLE, ENABLE = availability(c.EnableState.DISABLE), availability(c.EnableState.ENABLE)
ONE_PHASE, THREE_PHASES = c.SwitchPhases(False), c.SwitchPhases(True)
BOTH, THREE = (False, True), (None, False, True)


def model(name: str, *changes: tuple[Change, ...], slow_store: bool = False, **settings: Any) -> Model:
    every = tuple(change for group in (TIME, *changes) for change in group)
    return Model(name, Settings(**{**SHORT, **settings}), every, slow_store)


FREE = {"auth_mode": AuthMode.FREE}

# fmt: off
MODELS = (
    model("session",       env(cp="ABC"), ask(ACCEPT, WITHDRAW, STOP)),
    model("tethered",      env(cp="ABC"), ask(ACCEPT, STOP), socket=False),
    model("states",        env(cp="ABCDEF?"), **FREE, socket=False),
    model("no fan",        env(cp="ABCD"), **FREE, socket=False, has_ventilation=False),
    model("pause",         env(cp="ABC"), ask(PAUSE, RESUME), **FREE, socket=False),
    model("limits",        env(cp="ABC"), limits(0.0, 5.9, 6.0, 32.0), **FREE, socket=False),
    model("limits, pause", env(cp="BC"),  limits(0.0, 32.0), ask(PAUSE, RESUME), **FREE, socket=False),
    model("mirror",        env(cp="ABC", mirror=THREE), **FREE, socket=False),
    model("diode",         env(cp="ABC", diode=BOTH), **FREE, socket=False),
    model("trips",         env(cp="ABC", rcd=BOTH, stop=BOTH), **FREE, socket=False),
    model("store",         env(cp="ABC", stores=(True,)), **FREE, socket=False, slow_store=True),
    model("availability",  env(cp="ABC"), ask(DISABLE, ENABLE), **FREE, socket=False),
    model("unlock",        env(cp="ABC"), ask(c.ForceUnlock(), ACCEPT)),
    model("bolt",          env(cp="ABC", switch=THREE), **FREE),
    model("bolt, mirror",  env(cp="AC", mirror=THREE), ask(c.ForceUnlock()), **FREE),
    model("phases",        env(cp="ABC"), ask(ONE_PHASE, THREE_PHASES), **FREE, socket=False, phase_switching=True),
    model("phases, mirror", env(cp="AC", mirror=THREE), ask(ONE_PHASE, THREE_PHASES), **FREE, socket=False, phase_switching=True),
    model("replug",        env(cp="ABC"), ask(c.Replug(), STOP), **FREE, socket=False),
    model("fault",         env(cp="ABC"), ask(c.SetFaulted(True), c.SetFaulted(False)), **FREE, socket=False),
    model("planned stop",  env(cp="ABC"), ask(c.PlannedStop(), ACCEPT), socket=False),
    model("wake-up",       env(cp="ABC"), **FREE, socket=False, wake_up=True),
)
# fmt: on
