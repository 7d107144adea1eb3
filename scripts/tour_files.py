"""What the tour leaves behind: the messages, which reply answers what, and one example of each topic."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evsed.api.asyncapi import Topic, all_topics
from evsed.api.older import OLDER
from evsed.api.topics import V1
from scripts.tour_client import Exchange, Message

INTERFACES = (V1, OLDER.interface)
MODULE_ID = "evse"
LONG_CHARACTERS_N = 4000  # a reply over this, the AsyncAPI document, is told by its beginning
EXAMPLE_CHARACTERS_N = 1500  # the longest example of a topic up to this is the most telling one

# The names that EVerest's documents have for requests of interface 1; all others are send_<name>.
REQUESTS = frozenset(
    {
        "enable_disable",
        "external_ready_to_start_charging",
        "force_unlock",
        "get_evse",
        "pause_charging",
        "reserve",
        "resume_charging",
        "stop_transaction",
    }
)
# The variables whose m2e/<var>/get EVerest's documents do not have.
NOT_ASKED_FOR = frozenset(
    {
        "active_errors",
        "car_manufacturer",
        "control_health",  # only we have it
        "error_cleared",
        "error_raised",
        "heartbeat",
        "iso15118_certificate_request",
        "limits",
        "online",
        "provided_token",
        "ready",
        "software",
        "telemetry",
        "waiting_for_external_ready",
    }
)
# Whose documented reply forbids "Off", a value of the variable: a YAML reader took it for false.
MISREAD = frozenset({"dc_mode"})
WITHOUT_NAME = frozenset({"get_asyncapi"})  # only we have it

Examples = dict[str, dict[str, Any]]


def topics_by_address() -> dict[str, Topic]:
    return {topic.address.format(module_id=MODULE_ID): topic for topic in all_topics(INTERFACES)}


def capture_lines(messages: Sequence[Message]) -> str:
    bodies = [{"topic": m.topic, "payload": "" if m.payload is None else m.payload} for m in messages]
    return "".join(json.dumps(body) + "\n" for body in bodies)


def replies(exchanges: Sequence[Exchange]) -> dict[str, str]:
    """Reply topic to the name that EVerest's documents have for the operation, where they have one."""
    named = {exchange.reply_topic: upstream_name(exchange.topic) for exchange in exchanges}
    return {topic: name for topic, name in named.items() if name}


def upstream_name(topic: str) -> str:
    """ "" without one."""
    name = topic.partition("/m2e/")[2]
    variable, _, getter = name.partition("/")
    if getter:
        return "" if variable in NOT_ASKED_FOR | MISREAD else f"send_request_get_{variable}"
    if name in WITHOUT_NAME:
        return ""
    newer = topic.startswith("everest_api/1/")
    return f"send_request_{name}" if newer and name in REQUESTS else f"send_{name}"


def examples(messages: Sequence[Message], exchanges: Sequence[Exchange]) -> Examples:
    """By address: {"payload": ...} and, of a request, {"reply": ...}."""
    found: Examples = {}
    for address, topic in topics_by_address().items():
        asked = [exchange for exchange in exchanges if exchange.topic == address]
        told = [message.payload for message in messages if message.topic == address]
        if asked:
            found[topic.address] = {"payload": asked[-1].body, "reply": _abridged(asked[-1].reply)}
        elif told:
            found[topic.address] = {"payload": _telling(told)}
    return found


def _telling(payloads: list[Any]) -> Any:
    """The longest that is short enough to be read."""
    short = [payload for payload in payloads if len(json.dumps(payload)) <= EXAMPLE_CHARACTERS_N]
    return max(short or payloads[:1], key=lambda payload: len(json.dumps(payload)))


def _abridged(value: Any) -> Any:
    if not isinstance(value, dict) or len(json.dumps(value)) <= LONG_CHARACTERS_N:
        return value
    return {key: entry if isinstance(entry, str) else "..." for key, entry in value.items()}


def write(folder: Path, messages: Sequence[Message], exchanges: Sequence[Exchange]) -> None:
    """CAPTURE.jsonl, REPLIES.json and EXAMPLES.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CAPTURE.jsonl").write_text(capture_lines(messages))
    (folder / "REPLIES.json").write_text(json.dumps(replies(exchanges), indent=1) + "\n")
    found = examples(messages, exchanges)
    (folder / "EXAMPLES.json").write_text(json.dumps(found, indent=1) + "\n")
