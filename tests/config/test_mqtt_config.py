from pathlib import Path

import pytest

from evsed.config import ConfigError, load
from evsed.mqtt import MqttSettings
from evsed.mqtt_config import mqtt_settings


def settings_with(password_file: Path) -> MqttSettings:
    sets = ["mqtt.username=evse", f"mqtt.password_file={password_file}"]
    return mqtt_settings(load([], sets, "sim").config, "me")


def test_without_a_password_file_none_is_sent() -> None:
    config = load([], ["mqtt.host=broker", "mqtt.port=1884", "mqtt.keepalive_s=9"], "sim").config
    assert mqtt_settings(config, "me") == MqttSettings("broker", 1884, "", "", 9, "me")


@pytest.mark.parametrize("content", [b"se cret", b"se cret\n", b"se cret\r\nsecond line\n"])
def test_the_password_is_the_first_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    assert settings_with(tmp_path / "password").password == "se cret"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"\nsecret", "empty"), (b"\xff\n", "UTF-8"), (b"x" * 70000, "longer than")],
)
def test_an_unusable_password_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^mqtt.password_file: .*password.* {why}"):
        settings_with(tmp_path / "password")


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"password_file: .*nowhere cannot be read \(No such file"):
        settings_with(tmp_path / "nowhere")
