"""What is said on the world's socket: one JSON object a line, a request and its answer."""

import os

import msgspec

from evsed.config import Config
from evsed.config.schema import EvseConfig, MqttConfig
from evsed.config.schema_hardware import MeterConfig, SimConfig

LINE_MAX_BYTES = 65536


class Attach(msgspec.Struct, frozen=True):
    """The settings of a new evsed, as far as they concern the world. Paths are absolute."""

    mqtt: MqttConfig
    sim: SimConfig
    meter: MeterConfig
    connector_type: str
    connector_id: int


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    attach: Attach | None = None
    stop: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """kept: settings that differ from those asked for, because they only count at the start of a world."""

    ok: bool
    pid: int = 0
    why: str = ""
    kept: tuple[str, ...] = ()


def attach_of(config: Config) -> Attach:
    """The world may have another working directory, so relative paths become absolute."""
    mqtt, meter = config.mqtt, config.meter
    if mqtt.password_file:
        mqtt = msgspec.structs.replace(mqtt, password_file=os.path.abspath(mqtt.password_file))
    if "/" in meter.model or meter.model.endswith(".toml"):
        meter = msgspec.structs.replace(meter, model=os.path.abspath(meter.model))
    return Attach(mqtt, config.sim, meter, config.evse.connector_type, config.evse.connector_id)


def config_of(attach: Attach, evse: EvseConfig) -> Config:
    """The inverse; what Attach does not tell of the EVSE is taken from `evse`."""
    evse = msgspec.structs.replace(evse, connector_id=attach.connector_id)
    return Config(mqtt=attach.mqtt, sim=attach.sim, meter=attach.meter, evse=evse)
