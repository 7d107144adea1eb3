"""The models: each a part of the alphabet, small enough for a fixpoint. One more is a row."""

from typing import Any

from evsed.core import commands as c
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import StopReason
from tests.bench import TOKEN
from tests.proof.explore import Change, Model

TICK, WAIT = Change("tick"), Change("wait", wait=True)
TIME = (TICK, WAIT)
BOTH, THREE = (False, True), (None, False, True)

NEVER_S = 1e9
SHORT = {"switch_delay_s": 1.0, "replug_s": 1.0, "wake_up": False, "meter_silent_s": NEVER_S}


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
UNLOCK, REPLUG = c.ForceUnlock(), c.Replug()
PAUSE, RESUME = c.PauseCharging(), c.ResumeCharging()
DISABLE, ENABLE = availability(c.EnableState.DISABLE), availability(c.EnableState.ENABLE)
ONE_PHASE, THREE_PHASES = c.SwitchPhases(False), c.SwitchPhases(True)


def model(name: str, *changes: tuple[Change, ...], slow_store: bool = False, **settings: Any) -> Model:
    every = tuple(change for group in (TIME, *changes) for change in group)
    return Model(name, Settings(**{**SHORT, **settings}), every, slow_store)


FREE = {"auth_mode": AuthMode.FREE}

CABLE = {"auth_mode": AuthMode.FREE, "socket": False}  # a tethered cable, free for everybody
TWO_CABLE = {**CABLE, "phase_switching": True}
FAULTED, WELL = c.SetFaulted(True), c.SetFaulted(False)

# fmt: off
MODELS = (
    model("session",        env(cp="ABC"), ask(ACCEPT, STOP)),
    model("withdrawal",     env(cp="ABC"), ask(ACCEPT, WITHDRAW), socket=False),
    model("short",          env(cp="ACE"), **CABLE),
    model("stuck low",      env(cp="ACF"), **CABLE),
    model("blind",          env(cp="AC?"), **CABLE),
    model("fan",            env(cp="ACD"), **CABLE),
    model("no fan",         env(cp="ACD"), **CABLE, has_ventilation=False),
    model("pause",          env(cp="ABC"), ask(PAUSE, RESUME), **CABLE),
    model("limits",         env(cp="ABC"), limits(0.0, 5.9, 6.0, 32.0), **CABLE),
    model("limits, pause",  env(cp="AC"), limits(0.0, 32.0), ask(PAUSE, RESUME), **CABLE),
    model("mirror",         env(cp="ABC", mirror=THREE), **CABLE),
    model("diode",          env(cp="ABC", diode=BOTH), **CABLE),
    model("trips",          env(cp="ABC", rcd=BOTH, stop=BOTH), **CABLE),
    model("store",          env(cp="ABC", stores=(True,)), slow_store=True, **CABLE),
    model("availability",   env(cp="ABC"), ask(DISABLE, ENABLE), **CABLE),
    model("silent meter",   env(cp="ABC"), limits(0.0, 32.0), **CABLE, meter_silent_s=10.0),
    model("unlock",         env(cp="ABC"), ask(UNLOCK), **FREE),
    model("bolt",           env(cp="AC", switch=THREE), **FREE),
    model("bolt, mirror",   env(cp="AC", mirror=(None, True)), ask(UNLOCK), **FREE),
    model("phases",         env(cp="ABC"), ask(ONE_PHASE, THREE_PHASES), **TWO_CABLE),
    model("phases, mirror", env(cp="AC", mirror=(None, False)), ask(ONE_PHASE, THREE_PHASES), **TWO_CABLE),
    model("replug",         env(cp="ABC"), ask(REPLUG, STOP), **CABLE),
    model("fault",          env(cp="ABC"), ask(FAULTED, WELL), **CABLE),
    model("planned stop",   env(cp="ABC"), ask(c.PlannedStop(), ACCEPT), socket=False),
    model("wake-up",        env(cp="ABC"), **CABLE, wake_up=True),
)
# fmt: on
