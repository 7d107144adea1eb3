"""The last message of every variable, for m2e/<var>/get."""

from collections.abc import Iterable

from evsed.api.router import Publication

NEVER = b"null"


class LatestValues:
    """Knows the variables' topics and nothing else: a reply is no value."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self._payloads: dict[str, bytes] = {}

    def note(self, publication: Publication) -> None:
        """Also what no broker is there to take."""
        if publication.topic in self._topics:
            self._payloads[publication.topic] = publication.payload

    def of(self, topic: str) -> bytes:
        """The bytes as they were published; JSON null before the first."""
        return self._payloads.get(topic, NEVER)
