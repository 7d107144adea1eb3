"""scripts/run, set up: the composition root of the demo."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from evsed.clock import utc_s
from evsed.config import ConfigError, PathError
from evsed.config.load import load
from evsed.demo.children import Failed, log_tail
from evsed.demo.event_lines import said
from evsed.demo.live import Live
from evsed.demo.rows import row
from evsed.demo.screen import quiet_keys, screen_for
from evsed.demo.show import Interrupted, Options, Show, Stop
from evsed.demo.workplace import Workplace
from evsed.evsectl.terminal import Colour

_INTERRUPTED = 128  # and the number of the signal, as a shell reports it
# Weaker than the user's: what evsed would read in /etc is of no concern here, and a world that outlived even
# our SIGKILL ends soon.
_SETTINGS = "[sim]\ntrace = true\nlinger_s = 10.0\n"


def main() -> int:
    args = _parser().parse_args()
    with Workplace() as workplace:
        defaults = workplace.root / "demo.toml"
        defaults.write_text(_SETTINGS)
        files = [str(defaults), *map(os.path.abspath, args.config)]
        try:
            config = load([Path(file) for file in files], args.sets, "sim").config
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
        arguments = [*(f"--config={file}" for file in files), *(f"--set={text}" for text in args.sets)]
        return asyncio.run(_run(Options(args.once, arguments, config), workplace))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/run", allow_abbrev=False)
    parser.add_argument("--once", action="store_true", help="play one whole session and end")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--config", action="append", default=[], metavar="FILE")
    return parser


async def _run(options: Options, workplace: Workplace) -> int:
    stop = Stop()
    live = Live(screen_for(sys.stdout, os.environ, lambda: stop.ask(signal.SIGPIPE)), utc_s)
    _handle_signals(stop, live)
    drawing = asyncio.create_task(live.run())
    with quiet_keys(sys.stdin):
        code = await _ended(Show(options, workplace, live, stop), options, workplace, live, stop)
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        live.close()
    return code


async def _ended(show: Show, options: Options, workplace: Workplace, live: Live, stop: Stop) -> int:
    """The exit code, once nothing runs any more."""
    try:
        await show.run()
    except Interrupted:
        live.line(said("> ended: nothing that was started runs any more"))
        return _INTERRUPTED + stop.signum if options.once else 0
    except (Failed, PathError) as error:
        _tell(error, workplace, live)
        return 1
    live.line(said("> ended: nothing that was started runs any more"))
    return 0


def _tell(error: Failed | PathError, workplace: Workplace, live: Live) -> None:
    live.rows([row(f"FAILED: {error}", Colour.RED.value)])
    log = error.log if isinstance(error, Failed) else None
    if log is not None:
        workplace.keep_logs = True
        live.rows([row(f"The last lines of {log}:"), *(row(f"| {line}") for line in log_tail(log))])


def _handle_signals(stop: Stop, live: Live) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.ask, signum)
    for signum in (signal.SIGWINCH, signal.SIGCONT):
        loop.add_signal_handler(signum, live.resized)


if __name__ == "__main__":
    sys.exit(main())
