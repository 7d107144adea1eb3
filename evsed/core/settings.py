"""The numbers the core works with, already checked by the configuration."""

from enum import Enum

import msgspec


class AuthMode(Enum):
    EXTERNAL = "external"  # wait for an authorize_response
    FREE = "free"  # every EV is served
    TOKENS = "tokens"  # a list of tokens


class SwitchMode(Enum):
    """When the charger itself changes the number of phases to follow a limit in watts."""

    NEVER = "never"
    ONEWAY = "oneway"  # from three to one only
    BOTH = "both"


class KnownToken(msgspec.Struct, frozen=True):
    """A row of auth.tokens or of the token file. parent "": it belongs to no group."""

    value: str
    name: str = ""
    parent: str = ""


class Settings(msgspec.Struct, frozen=True):
    max_current_a: float = 32.0
    hardware_current_a: float = 80.0  # what the board itself carries
    phases: int = 3
    socket: bool = True  # a socket has a lock and a proximity contact, a tethered cable neither
    has_ventilation: bool = True
    cable_ampacity_a: float = 32.0  # of a tethered cable
    connector_id: int = 1
    auth_mode: AuthMode = AuthMode.EXTERNAL
    tokens: tuple[KnownToken, ...] = ()
    master_pass_group: str = ""  # parent id of tokens that may stop every transaction and start none
    connection_timeout_s: float = 60.0
    reclose_min_s: float = 2.0
    state_f_s: float = 0.3
    wake_up: bool = True
    ev_stop_s: float = 0.0  # 0 = never
    replug_s: float = 4.0
    fallback_a: float = 6.0
    nominal_voltage_v: float = 230.0  # what turns watts into amperes
    over_current_tolerance: float = 0.10  # fraction of the offered current
    over_current_noise_a: float = 0.5
    over_current_timeout_s: float = 7.0
    meter_silent_s: float = 10.0
    newer_enums: bool = False
    external_ready: bool = False  # wait for external_ready_to_start_charging
    phase_switching: bool = False  # the board can, and the installation wants it
    switch_mode: SwitchMode = SwitchMode.NEVER
    switch_delay_s: float = 10.0
    switch_in_f: bool = False  # state F while switching, not X1
    switch_power_hysteresis_w: float = 200.0
    switch_time_hysteresis_s: float = 600.0
    switch_max_n: int = 0  # a session; 0 = any number
    random_delay: bool = False
    random_delay_max_s: float = 600.0
    random_delay_at_any_change: bool = True
    session_energy_wh: float = 0.0  # 0 = no limit
    session_duration_s: float = 0.0
    session_cost: float = 0.0
    price_per_kwh: float = 0.0
    over_voltage_v: float = 253.0
    under_voltage_v: float = 195.5
    voltage_timeout_s: float = 10.0
    rail_tolerance_v: float = 1.0  # of the +12 V and -12 V rails
    resume_after_power_loss: bool = False
    restart_delay_s: float = 0.0  # longest; 0 = none
    has_rcd_test: bool = False  # the board can drive the test winding
    rcd_test_every_s: float = 86400.0  # 0 = by command only
    derate_from_c: float = 70.0
    derate_stop_c: float = 85.0


# What may change while charging goes on: the keys that the configuration marks as soft.
SOFT = (
    "auth_mode",
    "connection_timeout_s",
    "ev_stop_s",
    "master_pass_group",
    "meter_silent_s",
    "newer_enums",
    "price_per_kwh",
    "random_delay",
    "random_delay_at_any_change",
    "random_delay_max_s",
    "replug_s",
    "resume_after_power_loss",
    "session_cost",
    "session_duration_s",
    "session_energy_wh",
    "switch_max_n",
    "switch_mode",
    "switch_power_hysteresis_w",
    "switch_time_hysteresis_s",
    "tokens",
    "wake_up",
)


def with_soft(current: Settings, wanted: Settings) -> Settings:
    """current, but for what may change while charging goes on."""
    return msgspec.structs.replace(current, **{name: getattr(wanted, name) for name in SOFT})
