"""The API's two connections to the broker, and what is retained there.

Two, because a connection has one last will and two topics must turn false when we are gone: `online` is the
will of the connection that does the work, `ready` of one that does nothing else.
"""

from collections.abc import Callable

import msgspec

from evsed.api.router import Publication, Router
from evsed.gateway.latest import LatestValues
from evsed.mqtt import MqttConnection, MqttHandlers, MqttSettings, Will
from evsed.service import INFO, WARNING, JournalLine


class BrokerHandlers(msgspec.Struct, frozen=True):
    message: Callable[[str, bytes], None]
    connected: Callable[[], None]
    disconnected: Callable[[], None]
    published: Callable[[int], None]


class Broker:
    """Made on a running loop. A broker that is away is tried again for ever and told once in the journal."""

    def __init__(
        self,
        settings: MqttSettings,
        router: Router,
        latest: LatestValues,
        handlers: BrokerHandlers,
        journal: JournalLine,
    ) -> None:
        self._router, self._latest, self._handlers, self._journal = router, latest, handlers, journal
        self._where = f"{settings.host}:{settings.port}"
        self._told_away = False
        self._main = MqttConnection(
            settings,
            MqttHandlers(handlers.message, self._main_connected, self._main_gone, handlers.published),
            self._will("online"),
        )
        self._second = MqttConnection(
            msgspec.structs.replace(settings, client_id=f"{settings.client_id}-ready"),
            MqttHandlers(connected=self._second_connected),
            self._will("ready"),
        )
        self.ready = False

    @property
    def connected(self) -> bool:
        return self._main.connected

    def start(self) -> None:
        self._main.start()
        self._second.start()

    async def stop(self) -> None:
        """Say that we are gone, as the wills would, and leave."""
        if self.connected:
            self.set_ready(False)
            self._tell("online", False)
        await self._main.stop()
        await self._second.stop()

    def publish(self, publication: Publication) -> int:
        """The message id. Without a broker QoS 0 is dropped, the rest is sent once there is one."""
        p = publication
        self._latest.note(p)
        if p.qos == 0 and not self.connected:
            return 0
        return self._main.publish(p.topic, p.payload, p.qos, p.retain)

    def set_ready(self, ready: bool) -> None:
        self.ready = ready
        self._tell("ready", ready)

    def _tell(self, name: str, value: bool) -> None:
        for publication in self._router.publications(name, value):
            self.publish(publication)

    def _will(self, name: str) -> Will:
        gone, *_ = self._router.publications(name, False)
        return Will(gone.topic, gone.payload, 1, gone.retain)

    def _main_connected(self) -> None:
        self._told_away = False
        self._journal(INFO, f"MQTT: connected to {self._where}", {})
        self._main.subscribe(list(self._router.subscriptions()))
        self._tell("online", True)
        self._handlers.connected()

    def _main_gone(self, why: str) -> None:
        if not self._told_away:
            self._told_away = True
            self._journal(
                WARNING, f"MQTT: no broker at {self._where} ({why}); trying again, charging goes on", {}
            )
        self._handlers.disconnected()

    def _second_connected(self) -> None:
        if self.connected:
            self.set_ready(self.ready)  # its will may have said otherwise
