"""Settings, their sources and the directories. Imports msgspec and stdlib only, quickly."""

from evsed.config.cli import add_arguments, arguments_of, from_arguments, handle_config_verbs, print_config
from evsed.config.load import ConfigError, LoadedConfig, load
from evsed.config.paths import PathError, ensure_dir, runtime_dir, socket_path, state_dir
from evsed.config.schema import Config

__all__ = [
    "Config",
    "ConfigError",
    "LoadedConfig",
    "PathError",
    "add_arguments",
    "arguments_of",
    "ensure_dir",
    "from_arguments",
    "handle_config_verbs",
    "load",
    "print_config",
    "runtime_dir",
    "socket_path",
    "state_dir",
]
