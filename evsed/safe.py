"""evse-safe: open the contactor and drive state F, needing nothing but the board.

For when the control process can do so no more: after its death, before its restart.
"""

import argparse
import os
import sys

from evsed.clock import SystemClock
from evsed.config import ConfigError, PathError, add_arguments, from_arguments, runtime_dir
from hal.boards import open_board
from hal.errors import HalError


def main() -> int:
    parser = argparse.ArgumentParser(prog="evse-safe", description="Open the contactor, drive state F.")
    add_arguments(parser)
    try:
        name = from_arguments(parser.parse_args()).config.board.name
        open_board(name, runtime_dir(os.environ, os.getuid()), SystemClock()).close()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (HalError, PathError) as error:
        print(f"evse-safe: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
