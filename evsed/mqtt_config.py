"""From the configuration to the settings of one MQTT connection; the password comes from its file."""

from pathlib import Path

from evsed.config import Config, ConfigError
from evsed.config.sources import Problem
from evsed.mqtt import MqttSettings

PASSWORD_MAX_BYTES = 65535  # MQTT 3.1.1, 1.5.3


def mqtt_settings(config: Config, client_id: str) -> MqttSettings:
    """Raises ConfigError if mqtt.password_file is set and holds no usable password."""
    mqtt = config.mqtt
    return MqttSettings(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password=_password(Path(mqtt.password_file)) if mqtt.password_file else "",
        keepalive_s=mqtt.keepalive_s,
        client_id=client_id,
    )


def _password(path: Path) -> str:
    """The first line without its end."""
    try:
        with path.open("rb") as file:
            password = file.readline(PASSWORD_MAX_BYTES + 1).rstrip(b"\r\n").decode()
    except OSError as error:
        raise _refused(f"{path} cannot be read ({error.strerror}); let this user read it") from error
    except UnicodeDecodeError as error:
        raise _refused(f"the first line of {path} is not UTF-8 text; save the file as UTF-8") from error
    if not password:
        raise _refused(f"the first line of {path} is empty; put the password there")
    if len(password.encode()) > PASSWORD_MAX_BYTES:
        raise _refused(f"the first line of {path} is longer than {PASSWORD_MAX_BYTES} bytes")
    return password


def _refused(text: str) -> ConfigError:
    return ConfigError([Problem("mqtt.password_file", text)])
