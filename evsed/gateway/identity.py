"""Configuration -> who we are and what we refuse, in the API's terms."""

from evsed.api.identity import Identity, Rules
from evsed.config.schema import Config


def identity_of(config: Config) -> Identity:
    evse = config.evse
    return Identity(
        module_id=config.api.module_id,
        evse_id=evse.evse_id,
        id=evse.id,
        connector_id=evse.connector_id,
        connector_type=evse.connector_type,
        phases=evse.phases,
        max_current_a=evse.max_current_a,
        phase_switching=evse.phase_switching and evse.phases == 3,
    )


def rules_of(config: Config) -> Rules:
    return Rules(
        config.mqtt.max_payload_bytes,
        tuple(config.mqtt.reply_prefixes),
        external_keepalive_s=config.limits.external_keepalive_s,
        price_per_kwh=config.session.price_per_kwh,
    )
