"""The lines to try from another terminal: complete, for copying."""

import sys
from pathlib import Path
from shlex import quote

from evsed.demo.player import ACCEPT, Topics
from evsed.demo.rows import BOLD, DIM, Row, Span

EXAMPLE_SCRIPT = "sleep 1;iec_wait_pwr_ready;sleep 1;draw_power_regulated 10,1;sleep 20;unplug"


def hints(port: int, topics: Topics, run_dir: Path) -> list[tuple[str, str]]:
    """What a line does, and the line."""
    pub = f"mosquitto_pub -p {port} -t"
    evsectl = f"RUNTIME_DIRECTORY={quote(str(run_dir))} {quote(str(Path(sys.executable).parent / 'evsectl'))}"
    pause = quote('{"headers": {"replyTo": "demo/reply"}}')
    return [
        ("everything that evsed says", f"mosquitto_sub -p {port} -v -t {quote(topics.api + '/e2m/#')}"),
        ("look and steer (also: why, watch, events, limit 10A, resume, stop)", f"{evsectl} status"),
        ("hold power back; resume it with `evsectl resume`", f"{evsectl} pause"),
        ("the same over MQTT", f"{pub} {quote(topics.api + '/m2e/pause_charging')} -m {pause}"),
        ("allow an EV to charge", f"{pub} {quote(topics.authorize)} -m {quote(ACCEPT)}"),
        ("another EV, when none is plugged in", f"{pub} {quote(topics.execute)} -m {quote(EXAMPLE_SCRIPT)}"),
    ]


def hint_rows(told: list[tuple[str, str]]) -> list[Row]:
    rows: list[Row] = [(Span("To try in another terminal:", BOLD),)]
    for what, line in told:
        rows += [(Span(f"# {what}", DIM),), (Span(line),)]
    return rows
