"""Configuration -> the numbers of the core."""

from typing import Any

from evsed.config.schema import Config
from evsed.config.tokens import known_tokens
from evsed.core.settings import AuthMode, Settings, SwitchMode


def settings_of(config: Config) -> Settings:
    """Raises TokenFileError if the token file has changed since the configuration was checked, and is bad."""
    evse = config.evse
    return Settings(
        max_current_a=evse.max_current_a,
        phases=evse.phases,
        socket=evse.connector_type == "sType2",
        has_ventilation=evse.has_ventilation,
        cable_ampacity_a=evse.cable_ampacity_a,
        connector_id=evse.connector_id,
        nominal_voltage_v=evse.nominal_voltage_v,
        fallback_a=config.limits.fallback_a,
        newer_enums=config.api.newer_enums,
        external_ready=config.api.external_ready_to_start_charging,
        derate_from_c=config.temperature.derate_from_c,
        derate_stop_c=config.temperature.stop_c,
        over_voltage_v=config.power_quality.over_voltage_v,
        under_voltage_v=config.power_quality.under_voltage_v,
        voltage_timeout_s=config.power_quality.timeout_s,
        **_of_auth(config),
        **_of_timing(config),
        **_of_phases(config),
        **_of_session(config),
        **_of_supervision(config),
    )


def _of_auth(config: Config) -> dict[str, Any]:
    auth = config.auth
    return {
        "auth_mode": AuthMode(auth.mode),
        "tokens": known_tokens(auth.tokens, auth.token_file),
        "master_pass_group": auth.master_pass_group,
        "connection_timeout_s": auth.connection_timeout_s,
    }


def _of_timing(config: Config) -> dict[str, Any]:
    core = config.core
    return {
        "reclose_min_s": core.reclose_min_s,
        "state_f_s": core.state_f_s,
        "wake_up": core.wake_up,
        "ev_stop_s": core.ev_stop_s,
        "replug_s": core.replug_s,
        "rcd_test_every_s": core.rcd_test_every_h * 3600.0,
    }


def _of_phases(config: Config) -> dict[str, Any]:
    phases = config.phases
    return {
        "phase_switching": config.evse.phase_switching and config.evse.phases == 3,
        "switch_mode": SwitchMode(phases.mode),
        "switch_delay_s": phases.delay_s,
        "switch_in_f": phases.cp_state == "F",
        "switch_power_hysteresis_w": phases.power_hysteresis_w,
        "switch_time_hysteresis_s": phases.time_hysteresis_s,
        "switch_max_n": phases.max_switches_n,
    }


def _of_session(config: Config) -> dict[str, Any]:
    session, delay = config.session, config.random_delay
    return {
        "resume_after_power_loss": session.resume_after_power_loss,
        "restart_delay_s": session.restart_delay_max_s,
        "session_energy_wh": session.energy_limit_kwh * 1000.0,
        "session_duration_s": session.duration_limit_min * 60.0,
        "session_cost": session.cost_limit,
        "price_per_kwh": session.price_per_kwh,
        "random_delay": delay.enabled,
        "random_delay_max_s": float(delay.max_duration_s),
        "random_delay_at_any_change": delay.at_any_change,
    }


def _of_supervision(config: Config) -> dict[str, Any]:
    over = config.over_current
    return {
        "over_current_tolerance": over.tolerance_percent / 100.0,
        "over_current_noise_a": over.noise_a,
        "over_current_timeout_s": over.timeout_s,
        "meter_silent_s": config.meter.silent_s,
    }
