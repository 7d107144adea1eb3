"""Where a reply may go. A reply topic comes from a stranger, so it must neither feed our own topics nor
make the broker drop our connection.
"""

import re
from collections.abc import Callable

from evsed.api.identity import Rules

MAX_TOPIC_BYTES = 65535  # MQTT 3.1.1, 1.5.3
MAX_SLASHES = 200  # mosquitto closes the connection of whoever publishes to a deeper topic

# MQTT 3.1.1, 1.5.3: control characters and non-characters; mosquitto closes the connection at any of them.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)


def problem_of(topic: str, rules: Rules) -> str | None:
    """What stands against publishing a reply there, None if nothing does."""
    return next((text for broken, text in _PROBLEMS if broken(topic, rules)), None)


_PROBLEMS: tuple[tuple[Callable[[str, Rules], bool], str], ...] = (
    (lambda topic, rules: topic in rules.own_topics, "is a topic of this API"),
    (lambda topic, rules: topic.startswith("$"), "starts with $"),
    (lambda topic, rules: "+" in topic or "#" in topic, "has a wildcard"),
    (lambda topic, rules: _FORBIDDEN.search(topic) is not None, "has a character that MQTT forbids"),
    (lambda topic, rules: topic.count("/") > MAX_SLASHES, f"has more than {MAX_SLASHES} slashes"),
    (lambda topic, rules: len(topic.encode()) > MAX_TOPIC_BYTES, f"is over {MAX_TOPIC_BYTES} bytes"),
    (
        lambda topic, rules: bool(rules.reply_prefixes) and not topic.startswith(rules.reply_prefixes),
        "lies outside mqtt.reply_prefixes",
    ),
)
