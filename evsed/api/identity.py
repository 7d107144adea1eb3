"""What the API has to know about its surroundings, all of it from the configuration."""

from typing import Literal

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """Which EVSE this is. id is the EVSE's number, evse_id its name for the roaming world."""

    module_id: str = "evse"
    evse_id: str = "DE*PNX*E1234567*1"
    id: int = 1
    connector_id: int = 1
    connector_type: Literal["sType2", "cType2"] = "sType2"
    phases: int = 3
    max_current_a: float = 32.0

    @property
    def socket(self) -> bool:
        return self.connector_type == "sType2"


class Rules(msgspec.Struct, frozen=True):
    """What is refused. own_topics are those that we serve: no reply may go there."""

    max_payload_bytes: int = 65536
    reply_prefixes: tuple[str, ...] = ()  # empty: any topic
    own_topics: frozenset[str] = frozenset()
