"""What a support bundle must not tell, and how it is taken out.

Twice: known secrets wherever they stand, and whatever stands where secrets stand.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evsed.appliance.files import read_text
from evsed.appliance.places import Places
from evsed.config.check import printable
from evsed.config.keys import KEYS, literal
from evsed.config.load import LoadedConfig
from evsed.config.sources import Problem
from evsed.config.tokens import TokenFileError, read_token_file

HIDDEN = "[secret]"
MIN_CHARACTERS = 4  # a shorter one would be found in every second word

SETTINGS = frozenset(name for name, key in KEYS.items() if key.secret)
# Of the JSON that evsed tells: who charged here is nobody's business.
FIELDS = frozenset(
    (
        "id_token",
        "token",
        "token_name",
        "parent_id",
        "parent_id_token",
        "id_tag",
        "password",
        "meter_public_key",
    )
)
# Where a secret stands in a text, whatever it is: group 1 stays.
PATTERNS = (
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(
        r"((?:password|passwd|passphrase|secret|psk)[\"']?\s*[=:]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;]+)",
        re.I,
    ),
    re.compile(r"(\"(?:id_token|token|token_name|parent_id|value)\"\s*:\s*)\"[^\"\n]*\""),
    re.compile(r"(\b(?:card|token)s? )[0-9A-Fa-f]{8,}\b"),
    re.compile(r"(\$7\$\d+\$)\S+"),  # a hash of mosquitto_passwd
)


class Secrets:
    def __init__(self, values: Iterable[str]) -> None:
        """values: secrets that are known."""
        known = sorted({value for value in values if len(value) >= MIN_CHARACTERS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None

    def out_of(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern in PATTERNS:
            text = pattern.sub(lambda found: f"{found[1]}{HIDDEN}", text)
        return text

    def out_of_bytes(self, content: bytes) -> bytes:
        """Bytes that are no UTF-8 come back as they were."""
        return self.out_of(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def known_secrets(places: Places, loaded: LoadedConfig | None) -> Secrets:
    """Those of the configuration, its token file, and the passwords that lie in a file."""
    found = [read_text(places.mqtt_password).strip()]
    if loaded is not None:
        config = loaded.config
        found += [text for name in SETTINGS for text in _texts(_value(loaded, name))]
        found += [_first_line(places, config.mqtt.password_file), *_cards(config.auth.token_file)]
    return Secrets(found)


def without_secrets(value: Any) -> Any:
    """JSON with the values of FIELDS hidden, at any depth; an empty one stays, as it tells nothing."""
    if isinstance(value, dict):
        return {
            key: HIDDEN if key in FIELDS and entry else without_secrets(entry) for key, entry in value.items()
        }
    return [without_secrets(entry) for entry in value] if isinstance(value, list | tuple) else value


def settings_text(loaded: LoadedConfig) -> str:
    """Every setting with its origin, the secret ones hidden unless they are at their default."""
    lines = []
    for name, key in KEYS.items():
        value = _value(loaded, name)
        shown = literal(HIDDEN) if name in SETTINGS and value != key.default else literal(value)
        lines.append(f"{name} = {shown}  # {printable(loaded.origin(name))}\n")
    return "".join(lines)


def problem_text(problem: Problem) -> str:
    """An error of the configuration names the wrong value; that of a secret key is left out."""
    named = [name for name in SETTINGS if name in problem.text]
    return f"{problem.where}: {', '.join(named)}: {HIDDEN}" if named else str(problem)


def _value(loaded: LoadedConfig, name: str) -> Any:
    key = KEYS[name]
    return getattr(getattr(loaded.config, key.table), key.field)


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(entry) for entry in value]


def _first_line(places: Places, file: str) -> str:
    return read_text(places.at(file.lstrip("/"))).partition("\n")[0] if file else ""


def _cards(file: str) -> list[str]:
    try:
        tokens = read_token_file(Path(file)) if file else ()
    except TokenFileError:
        return []
    return [text for token in tokens for text in (token.value, token.name, token.parent) if text]
