"""evsectl: one verb, one connection to the gateway, one exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from evsed.appliance.arguments import HELP as APPLIANCE
from evsed.config import ConfigError, PathError, from_arguments, runtime_dir
from evsed.evsectl.arguments import parse
from evsed.evsectl.commissioning import COMMISSION
from evsed.evsectl.connection import Connection
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.readers import READ, STREAMING
from evsed.evsectl.verbs import run
from evsed.sockets import control_path

INTERRUPTED = 128 + 2  # what a shell reports of a program that SIGINT has ended


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code. Wrong arguments raise SystemExit(2), as argparse does it."""
    asked = parse(argv)
    try:
        code = _carry_out(asked)
        sys.stdout.flush()
        return code
    except Failure as failure:
        print(f"evsectl: {failure}", file=sys.stderr)
        return failure.code
    except (ConfigError, PathError) as error:
        print(f"evsectl: {error}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.OK if asked.verb in (*STREAMING, "cp") else INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return Exit.OK


def _carry_out(asked: argparse.Namespace) -> int:
    if asked.config or asked.sets:
        from_arguments(asked)
    if asked.verb in APPLIANCE:
        return _of_appliance(asked)
    path = control_path(runtime_dir(os.environ, os.getuid()))
    with Connection(path, asked.timeout_s) as connection:
        if asked.verb in READ:
            return READ[asked.verb](connection, asked)
        if asked.verb in COMMISSION:
            return COMMISSION[asked.verb](connection, asked)
        print(run(asked.request, connection))
    return Exit.OK


def _of_appliance(asked: argparse.Namespace) -> int:
    """These have to work when evsed does not."""
    from evsed.appliance import verbs  # only who asks for it pays for it
    from evsed.appliance.machine import Refused

    try:
        verbs.run(asked)
    except Refused as refused:
        raise Failure(Exit.REFUSED, str(refused)) from refused
    return Exit.OK


def _forget_stdout() -> None:
    """Whoever read it has gone; let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
