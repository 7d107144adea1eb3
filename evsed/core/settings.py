"""The numbers the core works with, already checked by the configuration."""

from enum import Enum

import msgspec


class AuthMode(Enum):
    EXTERNAL = "external"  # wait for an authorize_response
    FREE = "free"  # every EV is served
    TOKENS = "tokens"  # a list of tokens


class Settings(msgspec.Struct, frozen=True):
    max_current_a: float = 32.0
    phases: int = 3
    socket: bool = True  # a socket has a lock and a proximity contact, a tethered cable neither
    has_ventilation: bool = True
    cable_ampacity_a: float = 32.0  # of a tethered cable
    connector_id: int = 1
    auth_mode: AuthMode = AuthMode.EXTERNAL
    tokens: tuple[str, ...] = ()
    connection_timeout_s: float = 60.0
    reclose_min_s: float = 2.0
    state_f_s: float = 0.3
    wake_up: bool = True
    ev_stop_s: float = 0.0  # 0 = never
    fallback_a: float = 6.0
    over_current_tolerance: float = 0.10  # fraction of the offered current
    over_current_noise_a: float = 0.5
    over_current_timeout_s: float = 7.0
    meter_silent_s: float = 10.0
    newer_enums: bool = False
