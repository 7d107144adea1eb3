"""The configuration: defaults, files and --set laid over each other, checked whole.

Precedence, weakest first: the schema's defaults, /usr/lib/evsed/evsed.toml, /etc/evsed/evsed.toml,
/etc/evsed/evsed.toml.d/*.toml by name, --set, --board. Files from --config stand in for both /etc places.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from evsed.config.check import Rule, broken_rules, problem_with, told
from evsed.config.keys import KEYS, Key
from evsed.config.schema import Config
from evsed.config.sources import Finding, Problem, Setting, from_file, from_set, parts_of
from evsed.config.tokens import TokenFileError, known_tokens

ROOT = Path("/")
PACKAGED = Path("usr/lib/evsed/evsed.toml")
LOCAL = Path("etc/evsed/evsed.toml")
LOCAL_PARTS = Path("etc/evsed/evsed.toml.d")
DEFAULT = "default"


class ConfigError(Exception):
    """The configuration is refused; the text has one line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class LoadedConfig(msgspec.Struct, frozen=True):
    """A checked configuration that knows where each value came from."""

    config: Config
    origins: Mapping[str, str]

    def origin(self, key: str) -> str:
        """'default', 'FILE:LINE', '--set' or '--board'; KeyError for a key that is not in the schema."""
        return self.origins.get(KEYS[key].name, DEFAULT)


def load(files: Sequence[Path], sets: Sequence[str], board: str | None, root: Path = ROOT) -> LoadedConfig:
    """Raises ConfigError with every problem. Of two --set for one key the later wins, as with files."""
    findings = [*_from_files(files, root), *(from_set(argument) for argument in sets)]
    if board is not None:
        findings.append(Setting("board.name", board, f"--board {board}", "--board"))
    return checked(findings)


def checked(findings: Sequence[Finding]) -> LoadedConfig:
    """Of two settings of one key the later wins. Raises ConfigError with every problem."""
    settings = [finding for finding in findings if isinstance(finding, Setting)]
    problems = [finding for finding in findings if isinstance(finding, Problem)]
    problems += bad_values(settings, KEYS)
    if problems:
        raise ConfigError(problems)
    return _built({setting.name: setting for setting in settings})


def _from_files(files: Sequence[Path], root: Path) -> list[Finding]:
    findings = from_file(root / PACKAGED, may_be_missing=True)
    if files:
        return findings + [finding for path in files for finding in from_file(path)]
    findings += from_file(root / LOCAL, may_be_missing=True)
    parts, unreadable = parts_of(root / LOCAL_PARTS)
    return findings + unreadable + [finding for path in parts for finding in from_file(path)]


def bad_values(settings: Sequence[Setting], keys: Mapping[str, Key]) -> list[Problem]:
    judged = [(setting, problem_with(keys[setting.name], setting.value)) for setting in settings]
    return [Problem(setting.where, f"{setting.name}: {text}") for setting, text in judged if text]


def _built(settings: Mapping[str, Setting]) -> LoadedConfig:
    tables: dict[str, dict[str, object]] = {}
    for setting in settings.values():
        key = KEYS[setting.name]
        tables.setdefault(key.table, {})[key.field] = setting.value
    config = msgspec.convert(tables, Config)
    origins = {name: setting.origin for name, setting in settings.items()}
    loaded = LoadedConfig(config, origins)
    if broken := broken_rules(config):
        raise ConfigError([_broken(rule, loaded, settings) for rule in broken])
    try:
        known_tokens(config.auth.tokens, config.auth.token_file)
    except TokenFileError as error:
        raise ConfigError([error.problem]) from error
    return loaded


def _broken(rule: Rule, loaded: LoadedConfig, settings: Mapping[str, Setting]) -> Problem:
    """Blames `rule.key` where it stands, or where the other key stands if it was never set."""
    blamed = settings.get(rule.key) or settings[rule.other]
    other = f"{rule.other} = {told(loaded.config, rule.other)} ({loaded.origin(rule.other)})"
    return Problem(blamed.where, f"{rule.key}: {told(loaded.config, rule.key)} {rule.text} {other}")
