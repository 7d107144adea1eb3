"""docs/api.md: every topic with its help, QoS, shape, reply and an example out of a run, and every type."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evsed.api.asyncapi import Topic, all_topics
from evsed.api.operations import Interface
from scripts.tour_files import INTERFACES, Examples

Json = dict[str, Any]
INTRODUCTION = Path(__file__).parent / "introduction.md"
NO_EXAMPLE = "(not seen on the tour)"
ROW_CHARACTERS_N = 100  # of an example in a table
_BOUNDS = {
    "minimum": ">= {}",
    "maximum": "<= {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "pattern": "`{}`",
    "format": "{}",
}


def text(document: Json, examples: Examples) -> str:
    return "\n".join(_lines(document, examples)).rstrip() + "\n"


def _lines(document: Json, examples: Examples) -> Iterator[str]:
    yield INTRODUCTION.read_text()
    for interface in INTERFACES:
        yield from _interface(interface, document, examples)
    yield "## Types\n"
    yield "What is not named as required may be missing; it is then left out, never null.\n"
    for name, schema in sorted(document["components"]["schemas"].items(), key=lambda pair: pair[0].lower()):
        yield from _type(name, schema)


def _interface(interface: Interface, document: Json, examples: Examples) -> Iterator[str]:
    found = [topic for topic in all_topics(INTERFACES) if topic.address.startswith(f"{interface.prefix}/")]
    gets = [topic for topic in found if topic.address.endswith("/get")]
    yield f"## {interface.prefix}\n"
    yield from _section("From the charger (e2m)", [t for t in found if not t.sends], document, examples)
    asked = [t for t in found if t.sends and t not in gets]
    yield from _section("To the charger (m2e)", asked, document, examples)
    if gets:
        yield from _last_values(gets, examples)


def _section(title: str, found: Sequence[Topic], document: Json, examples: Examples) -> Iterator[str]:
    yield f"### {title}\n"
    for topic in found:
        yield from _topic(topic, document, examples.get(topic.address, {}))


def _topic(topic: Topic, document: Json, example: Json) -> Iterator[str]:
    messages = document["components"]["messages"]
    yield f"#### {_tail(topic)}\n"
    yield f"{topic.help}\n"
    yield f"- direction: {'client to charger' if topic.sends else 'charger to client'}"
    yield f"- {_delivery(topic)}"
    yield f"- payload: {shape(messages[topic.name]['payload'])}"
    if topic.reply is not None:
        yield f"- reply: {shape(messages[topic.name + '_reply']['payload'])}"
    yield ""
    yield _code(example.get("payload", NO_EXAMPLE) if example else NO_EXAMPLE)
    if "reply" in example:
        yield "Reply:\n"
        yield _code(example["reply"])


def _tail(topic: Topic) -> str:
    """The address below the prefix."""
    return topic.address.partition("{module_id}/")[2]


def _delivery(topic: Topic) -> str:
    """A client may send at any QoS: we take it at most at that of our subscription."""
    if topic.sends:
        return f"QoS: up to {topic.qos}"
    return f"QoS: {topic.qos}, {'retained' if topic.retain else 'not retained'}"


def _code(value: Any) -> str:
    if value is None:
        return "(an empty message)\n"
    if value == NO_EXAMPLE:
        return f"{NO_EXAMPLE}\n"
    return f"```json\n{json.dumps(value, indent=1, ensure_ascii=False)}\n```\n"


def _last_values(found: Sequence[Topic], examples: Examples) -> Iterator[str]:
    yield "### Last values (m2e/.../get)\n"
    yield "A request without an argument; the reply is the last value, or null before the first.\n"
    yield "| topic | replied on the tour |\n|---|---|"
    for topic in found:
        example = examples.get(topic.address)
        yield f"| {_tail(topic)} | {_clipped(example['reply']) if example else NO_EXAMPLE} |"
    yield ""


def _clipped(value: Any) -> str:
    told = json.dumps(value, ensure_ascii=False)
    short = told if len(told) <= ROW_CHARACTERS_N else f"{told[: ROW_CHARACTERS_N - 3]}..."
    return f"`{short.replace('|', '/')}`"


# Types.


def _type(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield f"{schema['description']}\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    elif schema.get("properties"):
        yield from _fields(schema)
    else:
        yield f"{shape({key: v for key, v in schema.items() if key != 'title'})}\n"


def _fields(schema: Json) -> Iterator[str]:
    yield "| field | type | required |\n|---|---|---|"
    for field, kind in schema["properties"].items():
        yield f"| {field} | {shape(kind)} | {'yes' if field in schema.get('required', ()) else ''} |"
    yield ""


def shape(schema: Json) -> str:
    """A schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(shape(choice) for choice in schema["anyOf"])
    if "properties" in schema:
        return _members(schema)
    if schema.get("type") == "array":
        return f"array of {shape(schema.get('items', {}))}{_bounds(schema)}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return f"{schema.get('type', schema.get('description', 'any'))}{_bounds(schema)}"


def _members(schema: Json) -> str:
    return "{" + ", ".join(f"{field}: {shape(kind)}" for field, kind in schema["properties"].items()) + "}"


def _bounds(schema: Json) -> str:
    """Those of 64 bits are left out: that is what any integer may be."""
    told = [
        form.format(schema[key])
        for key, form in _BOUNDS.items()
        if key in schema and schema[key] not in (-(2**63), 2**63 - 1)
    ]
    return f" ({', '.join(told)})" if told else ""


def _anchor(heading: str) -> str:
    """As the common viewers of Markdown make it."""
    return "".join(sign for sign in heading.lower() if sign.isalnum() or sign in "-_")
