"""The API as an AsyncAPI 3.0 document, made of the tables of operations and variables and of their types.

Rule 1: nothing of the API is written down here a second time: addresses, texts, QoS, shapes, bounds are read.
Rule 2: it is told as the client's application sees it, as EVerest's own documents do: `send` to the charger,
`receive` from it. Names of operations begin with these words; those of an older interface with its version.
Rule 3: what cannot be null on the wire is not null in a schema, though an unset field of a struct is None.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

import msgspec

from evsed.api.arguments import Headers, OptionalRequest, Request
from evsed.api.operations import Interface, Operation, Variable
from evsed.api.topics import OPERATION_QOS, REPLY_QOS, getter

Json = dict[str, Any]

MODULE_ID_DEFAULT = "evse"
BROKER_DEFAULT = "127.0.0.1:1883"
REPLY_TO = "$message.payload#/headers/replyTo"  # where a request says to which topic its reply goes
MAY_BE_NULL = frozenset({"headers", "replyTo"})  # arguments.py, rule 3
DESCRIPTION = (
    "MQTT interface of one EV supply equipment. Every message is UTF-8 JSON. A request carries the topic of "
    "its reply in headers.replyTo and gets the bare value there; without one it is carried out all the same. "
    "There is no error reply: what cannot be understood is not carried out and not answered. "
    "Unknown keys are ignored. Times are UTC (RFC 3339)."
)

_VERSION = re.compile(r"^everest_api/(\d+)/")
_QUALIFIED = re.compile(r"[\w.]+\.(\w+\.\w+)")  # package and modules before the last one


class Topic(msgspec.Struct, frozen=True):
    """One address of an interface. reply is a type, None: there is none. qos and retain are the sender's."""

    name: str  # of the channel, unique in the document
    operation: str  # its operationId
    address: str  # with {module_id} in it
    sends: bool  # the client does
    body: Any  # type of the message; None: any body
    reply: Any
    qos: int
    retain: bool
    help: str


def topics(interface: Interface, newest: bool = True) -> tuple[Topic, ...]:
    """Every address of it: what may be sent, what may be read, what may be asked for its last value."""
    tag = "" if newest else f"v{_version(interface)}_"
    sent = [_sent(row, interface, tag) for row in interface.operations]
    read = [_read(row, interface, tag) for row in interface.variables]
    asked = [_asked(row, interface, tag) for row in interface.variables if interface.gettable]
    return (*sent, *read, *asked)


def all_topics(interfaces: Sequence[Interface]) -> tuple[Topic, ...]:
    """The first interface is the newest."""
    return tuple(topic for n, one in enumerate(interfaces) for topic in topics(one, newest=n == 0))


def document(interfaces: Sequence[Interface], version: str) -> Json:
    """The first interface is the newest. version is evsed's."""
    found = all_topics(interfaces)
    schemas = _Schemas(found)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "evsed: EV supply equipment",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": BROKER_DEFAULT, "protocol": "mqtt"}},
        "channels": {**{topic.name: _channel(topic) for topic in found}, "replies": _reply_channel(found)},
        "operations": {topic.operation: _operation(topic) for topic in found},
        "components": {
            "parameters": {"module_id": _MODULE_ID},
            "messages": dict(_messages(found, schemas)),
            "schemas": schemas.components,
        },
    }


def reply_schemas(interfaces: Sequence[Interface]) -> dict[str, Json]:
    """By operationId: a whole JSON Schema of the reply's value."""
    found = all_topics(interfaces)
    schemas = _Schemas(found)
    definitions = {"components": {"schemas": schemas.components}}
    return {
        topic.operation: {**schemas.reply(topic), **definitions} for topic in found if topic.reply is not None
    }


# Topics.


def _version(interface: Interface) -> str:
    match = _VERSION.match(interface.prefix)
    assert match is not None, f"{interface.prefix}: everest_api/VERSION/ expected"
    return match[1]


def _sent(row: Operation, interface: Interface, tag: str) -> Topic:
    verb = "send" if row.reply_type is None else "send_request"
    return Topic(
        name=f"{tag}{row.name}",
        operation=f"{tag}{verb}_{row.name}",
        address=f"{interface.prefix}/{row.address}",
        sends=True,
        body=row.body,
        reply=row.reply_type,
        qos=OPERATION_QOS,
        retain=False,
        help=row.help,
    )


def _read(row: Variable, interface: Interface, tag: str) -> Topic:
    return Topic(
        name=f"{tag}e2m_{row.name}",
        operation=f"{tag}receive_{row.name}",
        address=f"{interface.prefix}/{row.address}",
        sends=False,
        body=row.type,
        reply=None,
        qos=row.qos,
        retain=row.retain,
        help=row.help,
    )


def _asked(row: Variable, interface: Interface, tag: str) -> Topic:
    """A slash is no sign of a name in the document."""
    name, operation = f"{tag}get_last_{row.name}", f"{tag}send_request_get_last_{row.name}"
    return msgspec.structs.replace(_sent(getter(row), interface, tag), name=name, operation=operation)


# Their place in the document.

_MODULE_ID: Json = {"description": "Names the charger (api.module_id).", "default": MODULE_ID_DEFAULT}


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.address,
        "description": topic.help,
        "parameters": {"module_id": {"$ref": "#/components/parameters/module_id"}},
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
    }


def _reply_channel(found: Sequence[Topic]) -> Json:
    """No address: each request brings its own."""
    names = [_reply_name(topic) for topic in found if topic.reply is not None]
    return {
        "address": None,
        "description": "Where the replies go: the topic that the request names.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operation(topic: Topic) -> Json:
    body: Json = {
        "action": "send" if topic.sends else "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.help,
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retain, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.name}"}],
    }
    return body if topic.reply is None else {**body, "reply": _reply(topic)}


def _reply(topic: Topic) -> Json:
    return {
        "address": {"location": REPLY_TO, "description": f"Any topic of the client's; QoS {REPLY_QOS}."},
        "channel": {"$ref": "#/channels/replies"},
        "messages": [{"$ref": f"#/channels/replies/messages/{_reply_name(topic)}"}],
    }


def _messages(found: Sequence[Topic], schemas: "_Schemas") -> Iterator[tuple[str, Json]]:
    for topic in found:
        yield topic.name, {"name": topic.name, "payload": schemas.body(topic)}
        if topic.reply is not None:
            name = _reply_name(topic)
            yield name, {"name": name, "payload": schemas.reply(topic)}


def _reply_name(topic: Topic) -> str:
    return f"{topic.name}_reply"


# Shapes.


class _Schemas:
    """The JSON Schemas of all the types that topics name; components: of those types that have a name."""

    def __init__(self, found: Sequence[Topic]) -> None:
        told = [topic for topic in found if topic.body is not None]
        replied = [topic for topic in found if topic.reply is not None]
        types = [Headers, *(_argument(topic.body) for topic in told), *(topic.reply for topic in replied)]
        schemas, components = msgspec.json.schema_components(
            types, ref_template="#/components/schemas/{name}"
        )
        self._headers, *rest = (_tidy(schema) for schema in schemas)
        self._bodies = {topic.name: schema for topic, schema in zip(told, rest, strict=False)}
        self._replies = {topic.name: schema for topic, schema in zip(replied, rest[len(told) :], strict=True)}
        self.components: Json = {_short(name): _tidy(schema) for name, schema in components.items()}

    def body(self, topic: Topic) -> Json:
        """Of the whole message."""
        if topic.body is None:
            return {"description": "Any body, also an empty one: it is not read."}
        argument = self._bodies[topic.name]
        return _request(topic.body, argument, self._headers) if _is_request(topic.body) else argument

    def reply(self, topic: Topic) -> Json:
        schema: Json = self._replies[topic.name]
        return schema


def _is_request(body: Any) -> bool:
    return get_origin(body) in (Request, OptionalRequest)


def _argument(body: Any) -> Any:
    """What goes into the envelope where there is one; else the type of the message."""
    return get_args(body)[0] if _is_request(body) else body


def _request(body: Any, argument: Json, headers: Json) -> Json:
    required = ["payload"] if get_origin(body) is Request else []
    envelope = {"headers": {"anyOf": [headers, {"type": "null"}]}, "payload": argument}
    return {"type": "object", "properties": envelope, "required": required}


def _short(name: str) -> str:
    """Types of one name in two modules: the last module before it is enough."""
    return _QUALIFIED.sub(r"\1", name)


def _tidy(node: Any, key: str = "") -> Any:
    if isinstance(node, (list, tuple)):  # a tuple: the default of a field
        return [_tidy(entry) for entry in node]
    if not isinstance(node, Mapping):
        return node
    tidy = {name: _entry(name, value) for name, value in node.items()}
    if "enum" in tidy and all(isinstance(value, str) for value in tidy["enum"]):
        tidy = {"type": "string", **tidy}
    return tidy if key in MAY_BE_NULL else _without_null(tidy)


def _entry(name: str, value: Any) -> Any:
    if name == "properties":
        return {field: _tidy(schema, field) for field, schema in value.items()}
    if name == "$ref":
        head, _, last = value.rpartition("/")
        return f"{head}/{_short(last)}"
    if name == "description":
        return " ".join(value.split())
    return _tidy(value)


def _without_null(schema: Json) -> Json:
    """A field whose default is None is left out when unset; no other null comes from a default."""
    if "default" not in schema or schema["default"] is not None:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("default", "anyOf")}
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {**rest, **choices[0]}
    return {**rest, "anyOf": choices} if choices else rest
