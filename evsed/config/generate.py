"""The text of the shipped /usr/lib/evsed/evsed.toml, made from the schema."""

from textwrap import wrap

from evsed.config.keys import KEYS, TABLES, Key, literal

WIDTH = 110  # columns
HEAD = """\
Every key of evsed, at its default. Made by scripts/gen-config and replaced by updates: do not edit.
Your own settings, only what differs, go into /etc/evsed/evsed.toml or /etc/evsed/evsed.toml.d/*.toml.
`evsectl reload` takes a change while charging goes on; [restart] marks what needs a restart of evsed and
evsed-gateway. Check a change with: evsed --check-config"""


def toml_text() -> str:
    """Every key set to its default; above it its help, its allowed values, and [restart] if needed."""
    return "\n\n".join([_comment(HEAD), *map(_table_text, TABLES)])


def _table_text(table: str) -> str:
    return f"{_comment(TABLES[table].__doc__ or '')}[{table}]\n{_keys_text(table)}"


def _keys_text(table: str) -> str:
    return "\n".join(_key_text(key) for key in KEYS.values() if key.table == table)


def _key_text(key: Key) -> str:
    restart = " [restart]" if key.safety else ""
    return _comment(f"{key.help}\nValue: {key.allowed}.{restart}") + f"{key.field} = {literal(key.default)}\n"


def _comment(text: str) -> str:
    wrapped = (wrap(paragraph, WIDTH - 2, break_on_hyphens=False) for paragraph in text.splitlines())
    return "".join(f"# {line}\n" for lines in wrapped for line in lines)
