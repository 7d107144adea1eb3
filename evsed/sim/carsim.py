"""The EV command topics: what a message on each of them does to the script runner."""

from collections.abc import Callable

from hal.sim.script import ScriptError, ScriptRunner


def topic(connector_id: int, tail: str) -> str:
    return f"everest_external/nodered/{connector_id}/carsim/{tail}"


def _enable(runner: ScriptRunner, text: str) -> None:
    if text not in ("true", "false"):
        raise ScriptError(f"expected true or false, got {text[:40]!r}; nothing was executed")
    runner.enable(text == "true")


# fmt: off
COMMANDS: dict[str, Callable[[ScriptRunner, str], None]] = {
    "cmd/enable":                   _enable,
    "cmd/execute_charging_session": ScriptRunner.execute,
    "cmd/modify_charging_session":  ScriptRunner.modify,
}
# fmt: on


def take(runner: ScriptRunner, max_payload_bytes: int, tail: str, payload: bytes) -> str:
    """Carry out a message on the topic with this tail; why it was refused, or empty."""
    if len(payload) > max_payload_bytes:
        return f"{tail}: {len(payload)} bytes, at most {max_payload_bytes} (mqtt.max_payload_bytes)"
    try:
        COMMANDS[tail](runner, payload.decode().strip())
    except UnicodeDecodeError:
        return f"{tail}: the payload is not UTF-8 text; nothing was executed"
    except ScriptError as error:
        return f"{tail}: {error}"
    return ""
