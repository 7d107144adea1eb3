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
    phase_switching: bool = False  # the number of phases can change while charging

    @property
    def socket(self) -> bool:
        return self.connector_type == "sType2"


class Rules(msgspec.Struct, frozen=True):
    """What is refused, and what a message that does not say it means.

    own_topics are those that we serve: no reply may go there.
    """

    max_payload_bytes: int = 65536
    reply_prefixes: tuple[str, ...] = ()  # empty: any topic
    own_topics: frozenset[str] = frozenset()
    external_keepalive_s: float = 0.0  # external limits lapse without a new message for this long; 0: never
    price_per_kwh: float = 0.0  # what a cost limit without a price counts with; 0: there is none
