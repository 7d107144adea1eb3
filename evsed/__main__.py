"""The evsed command: checks the configuration, then runs control, gateway and, for sim, the world."""

import argparse
import os
import signal
import sys

from evsed import __version__
from evsed.config import (
    ConfigError,
    PathError,
    add_arguments,
    arguments_of,
    ensure_dir,
    from_arguments,
    handle_config_verbs,
    runtime_dir,
)
from evsed.launcher import AlreadyRunning, Launcher, RunLock
from evsed.sim.client import SimError, start_or_attach

_NO_BOARD = "evsed: no board is named: give --board sim for the simulated one, or set board.name"
_EPILOG = "Exit codes: 0 stopped as asked, 1 cannot run (says why), 2 wrong usage or configuration."


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="evsed",
        description="An AC charging point (IEC 61851-1) with the EVerest MQTT API.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"evsed {__version__}")
    add_arguments(parser)
    args = parser.parse_args()
    try:
        return _run(args)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (AlreadyRunning, PathError, SimError) as error:
        print(f"evsed: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    loaded = from_arguments(args)
    done = handle_config_verbs(args, loaded)
    if done is not None:
        return done
    if not loaded.config.board.name:
        print(_NO_BOARD, file=sys.stderr)
        return 2
    run_dir = ensure_dir(runtime_dir(os.environ, os.getuid()))
    lock = RunLock(run_dir)
    try:
        if loaded.config.board.name == "sim":
            start_or_attach(run_dir, loaded.config, arguments_of(args))
        launcher = Launcher(run_dir, arguments_of(args))
        _stop_on_signals(launcher)
        return launcher.run()
    finally:
        lock.release()


def _stop_on_signals(launcher: Launcher) -> None:
    def ask(signum: int, frame: object) -> None:
        launcher.stop_requested = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGHUP, ask)  # the terminal is gone


if __name__ == "__main__":
    sys.exit(main())
