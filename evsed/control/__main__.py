"""evsed-control: the composition root of the control process."""

import argparse
import os
import signal
import sys
from pathlib import Path

from evsed.clock import SystemClock
from evsed.config import ConfigError, PathError, add_arguments, ensure_dir, from_arguments, runtime_dir
from evsed.config.schema import Config
from evsed.control.handover import HandOver
from evsed.control.loop import Loop
from evsed.control.realtime import become_realtime
from evsed.control.sampling import Sampler
from evsed.control.settings import settings_of
from evsed.core.charger import Charger
from evsed.parent import die_with_parent
from evsed.service import Notifier
from evsed.sockets import link_path
from hal.boards import open_board
from hal.errors import HalError


def main() -> int:
    parser = argparse.ArgumentParser(prog="evsed-control", description="Control process of evsed.")
    add_arguments(parser)
    try:
        config = from_arguments(parser.parse_args()).config
        run_dir = ensure_dir(runtime_dir(os.environ, os.getuid()))
        loop = _build(config, run_dir)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (HalError, PathError) as error:
        print(f"evsed-control: {error}", file=sys.stderr)
        return 1
    loop.run()
    return 0


def _build(config: Config, run_dir: Path) -> Loop:
    die_with_parent(signal.SIGTERM)
    clock = SystemClock()
    board = open_board(config.board.name, run_dir, clock)
    sampler = Sampler(board)
    link = HandOver(str(link_path(run_dir)), sampler)
    link.journal(6, f"control started on board {config.board.name}: {become_realtime()}")
    loop = Loop(
        board, Charger(settings_of(config)), sampler, link, Notifier(), clock, config.core.tick_ms / 1000.0
    )
    _stop_on_signals(loop)
    return loop


def _stop_on_signals(loop: Loop) -> None:
    def ask(signum: int, frame: object) -> None:
        loop.stop_requested = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)


if __name__ == "__main__":
    sys.exit(main())
