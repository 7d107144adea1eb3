"""Configuration -> the numbers of the core."""

from evsed.config import Config
from evsed.core.settings import AuthMode, Settings


def settings_of(config: Config) -> Settings:
    evse, auth, over = config.evse, config.auth, config.over_current
    return Settings(
        max_current_a=evse.max_current_a,
        phases=evse.phases,
        socket=evse.connector_type == "sType2",
        has_ventilation=evse.has_ventilation,
        cable_ampacity_a=evse.cable_ampacity_a,
        connector_id=evse.connector_id,
        auth_mode=AuthMode(auth.mode),
        tokens=tuple(auth.tokens),
        connection_timeout_s=auth.connection_timeout_s,
        reclose_min_s=config.core.reclose_min_s,
        state_f_s=config.core.state_f_s,
        wake_up=config.core.wake_up,
        ev_stop_s=config.core.ev_stop_s,
        fallback_a=config.limits.fallback_a,
        over_current_tolerance=over.tolerance_percent / 100.0,
        over_current_noise_a=over.noise_a,
        over_current_timeout_s=over.timeout_s,
        meter_silent_s=config.meter.silent_s,
        newer_enums=config.api.newer_enums,
    )
