"""The configuration's marks and the core's: what is soft here is soft there."""

from pathlib import Path

import msgspec
import pytest

from evsed.config.core_settings import settings_of
from evsed.config.keys import KEYS, Key
from evsed.config.schema import Config
from evsed.core.settings import SOFT, Settings

AT_THE_NEXT_OUTAGE = {"restart_delay_s"}  # of no use to a charger that runs


def other(key: Key, tmp_path: Path) -> object:
    """A value that is not the default."""
    if key.name == "auth.token_file":
        (tmp_path / "cards.toml").write_text('"04A2B3C4" = "Anna"\n')
        return str(tmp_path / "cards.toml")
    if key.choices:
        return next(choice for choice in key.choices if choice != key.default)
    if key.kind == "bool":
        return not key.default
    if key.kind in ("int", "float"):
        return key.meta.le if key.default != key.meta.le else key.meta.ge
    return ("04A2B3C5",) if key.kind == "list" else "other"


def changed_by(key: Key, tmp_path: Path) -> set[str]:
    """Fields of Settings that depend on the key."""
    before, replace = Config(), msgspec.structs.replace
    table = replace(getattr(before, key.table), **{key.field: other(key, tmp_path)})
    old, new = settings_of(before), settings_of(replace(before, **{key.table: table}))
    return {name for name in Settings.__struct_fields__ if getattr(new, name) != getattr(old, name)}


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_a_key_is_marked_as_the_core_takes_it(key: Key, tmp_path: Path) -> None:
    for field in changed_by(key, tmp_path) - AT_THE_NEXT_OUTAGE:
        assert (field not in SOFT) is key.safety, field


def test_every_soft_field_has_a_key_that_changes_it(tmp_path: Path) -> None:
    soft = [key for key in KEYS.values() if not key.safety]
    assert set().union(*(changed_by(key, tmp_path) for key in soft)) - AT_THE_NEXT_OUTAGE == set(SOFT)
