"""The command line's share of the configuration, the same for every program of evsed."""

import argparse
import os
from pathlib import Path

from evsed.config.check import printable
from evsed.config.keys import KEYS, TABLES, Key, literal, value_of
from evsed.config.load import LoadedConfig, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --board, --set, --check-config, --print-config."""
    group = parser.add_argument_group("configuration")
    group.add_argument(
        "--config", metavar="FILE", action="append", default=[],
        help="read FILE instead of /etc/evsed/evsed.toml and its .d; may be given again, the later one wins",
    )  # fmt: skip
    group.add_argument("--board", metavar="NAME", help='the board to run on; "sim" is the simulated one')
    group.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="sets",
        help="one setting, such as mqtt.port=1884; wins over every file; may be given again",
    )  # fmt: skip
    verbs = group.add_mutually_exclusive_group()
    verbs.add_argument("--check-config", action="store_true", help="check the configuration and exit")
    verbs.add_argument("--print-config", action="store_true", help="print every setting and its origin, exit")


def from_arguments(args: argparse.Namespace) -> LoadedConfig:
    """Raises ConfigError."""
    return load([Path(file) for file in args.config], args.sets, args.board)


def arguments_of(args: argparse.Namespace) -> list[str]:
    """The same settings for a child process, which may have another working directory."""
    files = [f"--config={os.path.abspath(file)}" for file in args.config]
    board = [] if args.board is None else [f"--board={args.board}"]
    return [*files, *board, *(f"--set={setting}" for setting in args.sets)]


def handle_config_verbs(args: argparse.Namespace, loaded: LoadedConfig) -> int | None:
    """The exit code if --check-config or --print-config was asked for and is done, else None."""
    if args.print_config:
        print(print_config(loaded), end="")
    elif args.check_config:
        print("configuration ok")
    else:
        return None
    return 0


def print_config(loaded: LoadedConfig) -> str:
    """The whole configuration as TOML, each value with where it came from."""
    return "\n".join(_table_text(loaded, table) for table in TABLES)


def _table_text(loaded: LoadedConfig, table: str) -> str:
    keys = [key for key in KEYS.values() if key.table == table]
    return f"[{table}]\n" + "".join(_line(loaded, key) for key in keys)


def _line(loaded: LoadedConfig, key: Key) -> str:
    return f"{key.field} = {literal(value_of(loaded.config, key))}  # {printable(loaded.origin(key.name))}\n"
