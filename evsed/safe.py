"""evse-safe: open the contactor and drive state F, needing nothing but the board.

For when the control process can do so no more: after its death, before its restart. With --board, or where
control has noted the board it claimed, not even the configuration is read: one that is broken must
keep no contactor closed.
"""

import argparse
import os
import sys

from evsed.board_note import noted_board
from evsed.clock import SystemClock
from evsed.config import ConfigError, PathError, add_arguments, from_arguments, runtime_dir
from hal.boards import make_safe
from hal.errors import HalError


def main() -> int:
    parser = argparse.ArgumentParser(prog="evse-safe", description="Open the contactor, drive state F.")
    add_arguments(parser)
    args = parser.parse_args()
    try:
        run_dir = runtime_dir(os.environ, os.getuid())
        name = args.board or noted_board(run_dir) or from_arguments(args).config.board.name
        make_safe(name, run_dir, SystemClock())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (HalError, PathError) as error:
        print(f"evse-safe: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
