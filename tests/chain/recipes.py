"""How each row of FAULTS is raised and cleared in the world, and what session_info says meanwhile."""

from enum import Enum

import msgspec

_DRAW = "draw_power_regulated 16,3"


class Stage(Enum):
    """Where the story begins."""

    IDLE = "nobody is there"
    CHARGING = "power flows"


class Recipe(msgspec.Struct, frozen=True):
    """provoke, undo: scripts of the EV. asks: what somebody
    asks after each of them, an operation or evsectl's words.

    session: what session_info says while it is active. ev_leaves: it clears only once the EV has left.
    """

    fault: str
    stage: Stage
    provoke: str
    undo: str
    session: str
    ev_leaves: bool = False
    restart: bool = False  # clears only at a restart of control
    asks: tuple[str, str] | None = None


IDLE, DRAWS = Stage.IDLE, Stage.CHARGING

# fmt: off
SETTINGS = ("auth.mode=free", "evse.has_ventilation=false", "power_quality.timeout_s=1", "meter.silent_s=2", "meter.poll_s=0.25", "over_current.timeout_s=6")

# One list a charging point; the lists run side by side.
LANES = (
    (
        Recipe("over_current",         DRAWS, "over_current 10",        "over_current 0",       "Finished", ev_leaves=True),
        Recipe("rcd",                  DRAWS, "rcd_current 30",         "rcd_current 0",        "Finished", ev_leaves=True),
        Recipe("emergency_stop",       DRAWS, "estop 1",                "estop 0",              "Finished", ev_leaves=True),
        Recipe("diode",                DRAWS, "diode_fail",             "unplug",               "ChargingPausedEVSE"),
        Recipe("pilot",                DRAWS, "cp F",                   _DRAW,                  "ChargingPausedEVSE"),
    ),
    (
        Recipe("proximity",            DRAWS, "pp open",                "pp 220",               "ChargingPausedEVSE"),
        Recipe("ventilation",          DRAWS, "cp D",                   "sleep 0",              "ChargingPausedEVSE", ev_leaves=True),
        Recipe("lock_opened",          DRAWS, "lock_forced 1",          "lock_forced 0",        "ChargingPausedEVSE"),
        Recipe("lock",                 IDLE,  f"lock_jam 1;iec_wait_pwr_ready;{_DRAW}", "lock_jam 0", "Preparing"),
        Recipe("unlock",               DRAWS, "lock_jam 1;pause;sleep 0.3;unplug", "lock_jam 0", "Unplugged"),
        Recipe("contactor_not_closed", IDLE,  f"contactor_stuck_open 1;iec_wait_pwr_ready;{_DRAW}", "contactor_stuck_open 0", "ChargingPausedEVSE", ev_leaves=True),
        Recipe("contactor_welded",     DRAWS, "contactor_weld 1;sleep 0.1;pause;sleep 0.5;unplug", "contactor_weld 0", "Unplugged", restart=True),
    ),
    (
        Recipe("over_voltage",         DRAWS, "mains 262",              "mains 230",            "Finished", ev_leaves=True),
        Recipe("under_voltage",        DRAWS, "mains 180",              "mains 230",            "Finished", ev_leaves=True),
        Recipe("rails",                DRAWS, "rail 12V,9",             "rail 12V,12",          "ChargingPausedEVSE"),
        Recipe("over_temperature",     DRAWS, "plug_temperature 120",   "plug_temperature 25",  "ChargingPausedEVSE"),
        Recipe("meter_silent",         DRAWS, "meter_silent 1",         "meter_silent 0",       "Charging"),
        Recipe("set_faulted",          DRAWS, "sleep 0",                "sleep 0",              "ChargingPausedEVSE", asks=("m2e/set_faulted", "m2e/clear_faulted")),
        Recipe("rcd_self_test",        IDLE,  "rcd_stuck 1",            "rcd_stuck 0",          "Unplugged", asks=("rcd test", "rcd test")),
        Recipe("lock_self_test",       IDLE,  "lock_jam 1",             "lock_jam 0",           "Unplugged", asks=("lock test", "lock test")),
    ),
)
# fmt: on
RECIPES = {recipe.fault: recipe for lane in LANES for recipe in lane}
