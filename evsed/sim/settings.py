"""Settings of the world, checked whole before any of them is taken over."""

import msgspec

from evsed.config import Config, ConfigError
from evsed.config.schema_hardware import MeterConfig
from evsed.config.sources import Problem
from evsed.mqtt import MqttSettings
from evsed.mqtt_config import mqtt_settings
from hal.meter_model import MeterModel, MeterModelError, load_meter_model
from hal.sim.cable import checked_ampacity_a
from hal.sim.lines import ConnectorType

CONNECTORS = {"sType2": ConnectorType.SOCKET, "cType2": ConnectorType.CABLE}


class MeterSettings(msgspec.Struct, frozen=True):
    model: MeterModel
    device_id: int
    baudrate: int


class Settings(msgspec.Struct, frozen=True):
    config: Config
    mqtt: MqttSettings
    meter: MeterSettings
    cable_ampacity_a: int


def checked(config: Config, client_id: str) -> Settings:
    """Raises ConfigError naming the key."""
    return Settings(
        config=config,
        mqtt=mqtt_settings(config, client_id),
        meter=_meter(config.meter),
        cable_ampacity_a=_ampacity_a(config.sim.cable_ampacity_a),
    )


def _meter(wanted: MeterConfig) -> MeterSettings:
    model = _model(wanted.model)
    serial = model.serial
    return MeterSettings(model, wanted.device_id or serial.device_id, wanted.baudrate or serial.baudrate)


def _model(name: str) -> MeterModel:
    try:
        return load_meter_model(name)
    except MeterModelError as error:
        raise ConfigError([Problem("meter.model", str(error))]) from error


def _ampacity_a(ampacity_a: float) -> int:
    try:
        return checked_ampacity_a(ampacity_a)
    except ValueError as error:
        raise ConfigError([Problem("sim.cable_ampacity_a", str(error))]) from error


def kept_settings(running: Config, wanted: Config) -> tuple[str, ...]:
    """Keys that only count at the start of a world and that `wanted` would have otherwise."""
    names = ("seed", "cable_ampacity_a")
    return tuple(f"sim.{name}" for name in names if getattr(running.sim, name) != getattr(wanted.sim, name))
