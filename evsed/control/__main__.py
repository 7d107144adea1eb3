"""evsed-control: the composition root of the control process."""

import argparse
import os
import signal
import sys
from pathlib import Path

import msgspec

from evsed.board_note import note_board
from evsed.clock import SystemClock
from evsed.config import ConfigError, PathError, add_arguments, ensure_dir, from_arguments, runtime_dir
from evsed.config.core_settings import settings_of
from evsed.config.schema import Config
from evsed.control.handover import HandOver
from evsed.control.loop import Loop
from evsed.control.pilot_calibration import in_force, told
from evsed.control.realtime import become_realtime
from evsed.control.recorder import Recorder
from evsed.control.sampling import Sampler
from evsed.core.charger import Charger
from evsed.core.settings import Settings
from evsed.parent import die_with_parent
from evsed.service import Notifier
from evsed.sockets import link_path, stop_path
from hal.boards import open_board
from hal.errors import DeviceFailed, HalError
from hal.interfaces import Board

OUTAGE_S = 300.0  # a machine that has run for less has just got its power back


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
    note_board(run_dir, config.board.name)
    board = open_board(config.board.name, run_dir, clock)
    found = in_force(config.board, board.calibration)
    board.pilot_in.calibrate(found.calibration)
    sampler = Sampler(board)
    link = HandOver(str(link_path(run_dir)), sampler, found)
    for note in filter(None, (*board.notes, told(found))):
        link.journal(4, f"board {config.board.name}: {note}")
    link.journal(6, f"control started on board {config.board.name}: {become_realtime()}")
    settings = _settings(config, board)
    charger = Charger(settings)
    loop = Loop(
        board,
        charger,
        sampler,
        link,
        Notifier(also=str(stop_path(run_dir))),
        clock,
        config.core.tick_ms / 1000.0,
        Recorder(charger, settings, clock.now_s()),
    )
    _stop_on_signals(loop)
    return loop


def _settings(config: Config, board: Board) -> Settings:
    """What the configuration wants, less what this board cannot do. Raises DeviceFailed."""
    wanted = settings_of(config)
    if wanted.socket is not (board.lock is not None):
        has, kind = "a lock" if board.lock else "no lock", config.evse.connector_type
        raise DeviceFailed(f"board {config.board.name} has {has}: evse.connector_type {kind} does not fit it")
    return msgspec.structs.replace(
        wanted,
        restart_delay_s=wanted.restart_delay_s if SystemClock().now_s() < OUTAGE_S else 0.0,
        has_rcd_test=board.rcd_test is not None,
        phase_switching=wanted.phase_switching and board.phase_switch is not None,
    )


def _stop_on_signals(loop: Loop) -> None:
    def ask(signum: int, frame: object) -> None:
        loop.stop_requested = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # by default it would end us, under load


if __name__ == "__main__":
    sys.exit(main())
