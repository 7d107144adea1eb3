"""evsed-sim: the composition root of the simulated world's process."""

import argparse
import asyncio
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from evsed.clock import SystemClock
from evsed.config import (
    ConfigError,
    LoadedConfig,
    PathError,
    add_arguments,
    ensure_dir,
    from_arguments,
    handle_config_verbs,
    runtime_dir,
)
from evsed.sim.instance import Instance, InstanceBusy
from evsed.sim.process import SimProcess, tell
from evsed.sim.settings import Settings, checked
from evsed.sockets import world_path

FIFO_PRIORITY = 1  # before every ordinary program, behind control


def main() -> NoReturn:
    parser = argparse.ArgumentParser(
        prog="evsed-sim", description="Simulated world of evsed: EV, mains, meter."
    )
    add_arguments(parser)
    code = _main(parser.parse_args())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread may still be connecting to a broker for seconds, and would be waited for


def _main(args: argparse.Namespace) -> int:
    try:
        loaded = from_arguments(args)
        code = handle_config_verbs(args, loaded)
        return _serve(loaded) if code is None else code
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (InstanceBusy, PathError, OSError) as error:
        tell(str(error))
        return 1


def wait_for_no_program() -> None:
    """The world does not stand still because a machine is busy; where that is not allowed, it may.

    A contactor that had not moved in time was a fault of control's before, on a machine with much to do.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(FIFO_PRIORITY))


def _serve(loaded: LoadedConfig) -> int:
    settings = checked(loaded.config, f"evsed-sim-{secrets.token_hex(4)}")
    run_dir = ensure_dir(runtime_dir(os.environ, os.getuid()))
    world_path(run_dir)  # refuses a path that is too long before anything is touched
    clock = SystemClock()
    wait_for_no_program()
    with Instance(run_dir, clock):
        asyncio.run(_run(run_dir, settings, clock))
    return 0


async def _run(run_dir: Path, settings: Settings, clock: SystemClock) -> None:
    await SimProcess(run_dir, settings, clock).run()


if __name__ == "__main__":
    main()
