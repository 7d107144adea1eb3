"""A client that knows nothing of the API: addresses, shapes and replies come from an AsyncAPI document.

It knows AsyncAPI 3.0 and JSON Schema only. module_id is what every client has to be told.
"""

import itertools
import json
from typing import Any

import jsonschema

from tests.system.bench import eventually
from tests.system.evse_process import Listener, Message

Json = dict[str, Any]
A_TIME = "2099-12-31T23:59:59Z"


class DocumentClient:
    def __init__(self, port: int, module_id: str, document: Json) -> None:
        self._document, self._module_id = document, module_id
        self._numbers = itertools.count()
        received = [name for name, op in self.operations.items() if op["action"] == "receive"]
        self._schemas = {self.address(name): self._payload(name) for name in received}
        self.listener = Listener(port, 1, [*self._schemas, "document-client/#"])
        self._looked_n = 0

    @property
    def operations(self) -> Json:
        operations: Json = self._document["operations"]
        return operations

    def requests(self) -> list[str]:
        """Operations that are answered."""
        return [name for name, operation in self.operations.items() if "reply" in operation]

    def address(self, operation: str) -> str:
        channel = self._resolved(self.operations[operation]["channel"])
        return str(channel["address"]).replace("{module_id}", self._module_id)

    def send(self, operation: str, body: object) -> None:
        """Refuses what the document does not allow."""
        _check(self._payload(operation), body, operation)
        self.listener.publish(self.address(operation), json.dumps(body))

    def request(self, operation: str, argument: object = None) -> Any:
        """The reply, checked. Without an argument one is made up, if the document wants one."""
        body = self._example(self._payload(operation)) if argument is None else {"payload": argument}
        topic = f"document-client/{next(self._numbers)}"
        self.send(operation, _with(body, self._reply_path(operation), topic))
        reply = eventually(lambda: self.listener.of(topic), f"a reply to {operation}")[0].json
        _check(self._reply(operation), reply, f"reply of {operation}")
        return reply

    def choices(self, type_name: str) -> list[str]:
        """Of an enum of the document."""
        values: list[str] = self._document["components"]["schemas"][type_name]["enum"]
        return values

    def until(self, operation: str, field: str, value: object) -> Json:
        """The next message of what is received with this value in that field."""
        address = self.address(operation)

        def found() -> list[Message]:
            later = list(enumerate(self.listener.messages))[self._looked_n :]
            return [
                (n, message)
                for n, message in later
                if message.topic == address and message.json[field] == value
            ]

        n, message = eventually(found, f"{operation}: {field} is {value}")[0]
        self._looked_n = n + 1
        told: Json = message.json
        return told

    def check_all(self) -> dict[str, int]:
        """Every message that has come keeps to its schema; how many there were of each address."""
        counts: dict[str, int] = {}
        for message in list(self.listener.messages):
            if message.topic in self._schemas:
                _check(self._schemas[message.topic], message.json, message.topic)
                counts[message.topic] = counts.get(message.topic, 0) + 1
        return counts

    def close(self) -> None:
        self.listener.close()

    # The document.

    def _resolved(self, node: Json) -> Any:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def _payload(self, operation: str) -> Json:
        return self._schema(self.operations[operation]["messages"][0])

    def _reply(self, operation: str) -> Json:
        return self._schema(self.operations[operation]["reply"]["messages"][0])

    def _schema(self, message: Json) -> Json:
        """Of the message's payload, complete in itself."""
        return {**self._resolved(message)["payload"], "components": self._document["components"]}

    def _reply_path(self, operation: str) -> list[str]:
        """Where in the request its reply topic goes."""
        location = self.operations[operation]["reply"]["address"]["location"]
        assert location.startswith("$message.payload#/"), location
        return str(location).removeprefix("$message.payload#/").split("/")

    def _example(self, schema: Json) -> Any:
        """A value that the schema allows, as small as it gets."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._example(schema["anyOf"][0])
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            fields = schema.get("properties", {})
            return {name: self._example(fields[name]) for name in schema.get("required", ())}
        if kind == "array":
            return [self._example(schema["items"])] * schema.get("minItems", 0)
        return _scalar(schema)


def _scalar(schema: Json) -> Any:
    if schema["type"] == "string":
        return A_TIME if schema.get("format") == "date-time" else "x" * max(1, schema.get("minLength", 0))
    if schema["type"] == "boolean":
        return True
    return max(1, schema.get("minimum", 1))


def _with(body: Any, path: list[str], value: str) -> Any:
    """body with the value at that path."""
    if not path:
        return value
    inside = body.get(path[0]) or {}
    return {**body, path[0]: _with(inside, path[1:], value)}


def _check(schema: Json, value: object, what: str) -> None:
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    problems = [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(value)
    ]
    assert not problems, f"{what}: {problems} in {json.dumps(value)[:500]}"
