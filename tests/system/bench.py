"""A real mosquitto and a client of it for tests, and waiting: polling with a generous deadline."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import paho.mqtt.client as paho

DEADLINE_S = 20.0  # ten times what the slowest of these waits takes
POLL_S = 0.01
MOSQUITTO_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])

Found = TypeVar("Found")


def eventually(find: Callable[[], Found], what: str = "", within_s: float = DEADLINE_S) -> Found:
    """The first true value that `find` gives; fails the test at the deadline."""
    give_up_s = time.monotonic() + within_s
    while not (found := find()):
        assert time.monotonic() < give_up_s, f"not within {within_s:g} s: {what or find}"
        time.sleep(POLL_S)
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """mosquitto with files of its own below `directory`; it keeps its port and persistent sessions."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory / f"mosquitto-{self.port}"
        self._directory.mkdir()
        self._config = self._directory / "mosquitto.conf"
        self._config.write_text(self._config_text())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        mosquitto = shutil.which("mosquitto", path=MOSQUITTO_PATH)
        assert mosquitto, "mosquitto is not installed; scripts/setup installs it"
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen([mosquitto, "-c", self._config], stdout=log, stderr=log)
        eventually(self._up, "mosquitto listens")

    def stop(self) -> None:
        """Idempotent; clients see the connection break."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def signal(self, signum: signal.Signals) -> None:
        assert self._process is not None, "mosquitto does not run"
        self._process.send_signal(signum)

    def _up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "log").read_text()
        return listens(self.port)

    def _config_text(self) -> str:
        return (
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "set_tcp_nodelay true\n"
            f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"  # root would become a user who may not write here
            "max_queued_messages 0\n"
            "persistence true\n"
            f"persistence_location {self._directory}/\n"
        )


class Probe:
    """A client of a broker: everything that came on the subscribed topics, in order, from a thread."""

    def __init__(self, port: int, client_id: str = "", clean_session: bool = True) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, clean_session=clean_session)
        self._client.on_message = lambda client, data, message: self.messages.append(
            (message.topic, message.payload)
        )
        self._client.on_subscribe = lambda *args: self._subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic, qos)
        assert self._subscribed.wait(DEADLINE_S), f"no SUBACK for {topic}"

    def publish(self, topic: str, payload: str | bytes, qos: int = 1) -> None:
        self._client.publish(topic, payload, qos).wait_for_publish(DEADLINE_S)

    def payloads(self, topic: str) -> list[bytes]:
        """What has come on this topic so far."""
        return [payload for name, payload in list(self.messages) if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
