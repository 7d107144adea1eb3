"""The token file: who may charge, with names. TOML, one line a token.

"04A2B3C4D5E680" = "Anna"
"04FFEE00112233" = {name = "Workshop", parent = "FLEET"}
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from evsed.config.sources import Problem
from evsed.core.settings import KnownToken

MAX_CHARACTERS = 36  # the contract's and OCPP's longest id token
EXAMPLE = '"04A2B3C4" = "Anna" or "04A2B3C4" = {name = "Anna", parent = "FAMILY"}'


class TokenFileError(Exception):
    """The text names file and token and says what is expected."""

    def __init__(self, where: Path, text: str) -> None:
        self.problem = Problem(str(where), text)
        super().__init__(str(self.problem))


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = ""
    parent: str = ""


def known_tokens(values: Iterable[str], token_file: str) -> tuple[KnownToken, ...]:
    """Those of auth.tokens and of auth.token_file; a token of both is the file's. Raises TokenFileError."""
    in_file = read_token_file(Path(token_file)) if token_file else ()
    named = {token.value.casefold() for token in in_file}
    return (*in_file, *(KnownToken(value) for value in values if value.casefold() not in named))


def read_token_file(path: Path) -> tuple[KnownToken, ...]:
    """Raises TokenFileError."""
    import tomllib  # only who has a token file pays for it

    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise TokenFileError(path, f"cannot be read ({error.strerror}); see auth.token_file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TokenFileError(path, f"{error}; a line is {EXAMPLE}") from error
    tokens = tuple(_token(path, value, row) for value, row in table.items())
    _refuse_twins(path, tokens)
    return tokens


def _token(path: Path, value: str, row: object) -> KnownToken:
    if not (value.isprintable() and 1 <= len(value) <= MAX_CHARACTERS):
        raise TokenFileError(
            path, f"token {value[:40]!r}: expected 1 to {MAX_CHARACTERS} printable characters"
        )
    if isinstance(row, str):
        return KnownToken(value, row)
    try:
        known = msgspec.convert(row, _Row)
    except msgspec.ValidationError as error:
        raise TokenFileError(path, f"token {value}: {error}; a line is {EXAMPLE}") from error
    return KnownToken(value, known.name, known.parent)


def _refuse_twins(path: Path, tokens: tuple[KnownToken, ...]) -> None:
    """Tokens are compared without regard to case, so that two spellings are one token."""
    seen: dict[str, str] = {}
    for token in tokens:
        twin = seen.setdefault(token.value.casefold(), token.value)
        if twin != token.value:
            raise TokenFileError(path, f"token {token.value} is there twice (as {twin}); remove one")
