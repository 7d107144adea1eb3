"""The schema read as a table: KEYS has one row for each key, for checks, texts and the shipped file."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from evsed.config.schema import Config

Scalar = bool | int | float | str
Value = Scalar | tuple[str, ...]

# by the suffix of the name
UNITS = {"a": "A", "s": "s", "ms": "ms", "mv": "mV", "percent": "%", "bytes": "bytes"}
EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list of texts",
}


class Key(msgspec.Struct, frozen=True):
    """One key. `kind` is a word of EXPECTED; `item` holds the bounds of a list's elements."""

    name: str
    kind: str
    default: Value
    help: str
    safety: bool
    form: str
    secret: bool
    type: Any
    meta: Meta
    choices: tuple[Scalar, ...] = ()
    item: Meta | None = None

    @property
    def table(self) -> str:
        return self.name.partition(".")[0]

    @property
    def field(self) -> str:
        return self.name.partition(".")[2]

    @property
    def unit(self) -> str:
        return UNITS.get(self.field.rpartition("_")[2], "") if "_" in self.field else ""

    @property
    def allowed(self) -> str:
        """The allowed values in words: 'a number, 6..80 A'."""
        if self.choices:
            return " or ".join(literal(choice) for choice in self.choices)
        bounds = [_range(self.meta, self.unit), _length(self.item or self.meta, self.kind), self.form]
        return ", ".join([EXPECTED[self.kind], *filter(None, bounds)])


def literal(value: object) -> str:
    """`value` as TOML writes it; texts must be printable, so that JSON's escapes are TOML's."""
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()


def value_of(config: Config, key: Key) -> Value:
    value: Value = getattr(getattr(config, key.table), key.field)
    return value


def _range(meta: Meta, unit: str) -> str:
    if meta.ge is None or meta.le is None:
        return ""
    return f"{_plain(meta.ge)}..{_plain(meta.le)} {unit}".rstrip()


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _length(meta: Meta, kind: str) -> str:
    if meta.max_length is not None:
        return f"{meta.min_length or 0}..{meta.max_length} characters" + (" each" if kind == "list" else "")
    return "not empty" if meta.min_length else ""


def _kind(inner: Any, default: Value) -> str:
    if get_origin(inner) is Literal:
        return type(default).__name__
    return "list" if get_origin(inner) is tuple else str(inner.__name__)


def _key(table: str, field: str, annotation: Any, default: Value) -> Key:
    inner, meta = get_args(annotation)
    is_list = get_origin(inner) is tuple
    return Key(
        name=f"{table}.{field}",
        kind=_kind(inner, default),
        default=default,
        help=meta.description,
        safety=meta.extra["safety"],
        form=meta.extra["form"],
        secret=meta.extra.get("secret", False),
        type=annotation,
        meta=meta,
        choices=get_args(inner) if get_origin(inner) is Literal else (),
        item=get_args(get_args(inner)[0])[1] if is_list else None,
    )


def keys_of(table: str, struct: type[msgspec.Struct]) -> list[Key]:
    """A row for each field of the struct of a table."""
    fields = zip(struct.__struct_fields__, struct.__struct_defaults__, strict=True)
    return [_key(table, field, struct.__annotations__[field], default) for field, default in fields]


TABLES: dict[str, type[msgspec.Struct]] = {
    name: Config.__annotations__[name] for name in Config.__struct_fields__
}
KEYS: dict[str, Key] = {key.name: key for name, struct in TABLES.items() for key in keys_of(name, struct)}


class Vocabulary(msgspec.Struct, frozen=True):
    """Which tables and keys a file may have."""

    tables: tuple[str, ...]
    keys: Mapping[str, Key]


EVSED = Vocabulary(tuple(TABLES), KEYS)
