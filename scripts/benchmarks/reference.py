"""Programs beside which evsed is measured, each a process: `python -m scripts.benchmarks.reference NAME ...`.

They are as bare as a thing of their kind can be in this language on this machine, at this moment.
"""

import json
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from evsed.control.realtime import Garbage, become_realtime
from hal.sim.adc import BURST_S
from hal.sim.lines import Lines
from scripts.benchmarks.client import no_delay

ECHO_TOPIC, ECHO_READY_TOPIC = "bench/echo", "bench/echo/ready"
MESSAGE_BYTES = 420
LOAD_BATCH_S = 0.002
LOOK_EVERY_S = 0.0005
CONFIRMING_BURSTS_N = 2
LEVEL, SEEN, SEEN_AT_S, CELLS_N = range(4)  # cells of the bare loop's shared file


def _client(port: int) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_socket_open = no_delay
    client.connect("127.0.0.1", port)
    return client


def echo(port: str) -> None:
    """A plain client that answers a request: parse, publish."""
    client = _client(int(port))

    def answer(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        client.publish(json.loads(message.payload)["headers"]["replyTo"], b"true", 1)

    def subscribe(client: paho.Client, *_: object) -> None:
        client.subscribe(ECHO_TOPIC, 1)

    def tell_ready(client: paho.Client, *_: object) -> None:
        client.publish(ECHO_READY_TOPIC, b"true", 1)

    client.on_message, client.on_connect, client.on_subscribe = answer, subscribe, tell_ready
    client.loop_forever()


def load(port: str, rate_hz: str, topic: str) -> None:
    """Requests that nobody is answered, MESSAGE_BYTES each; tells the rate when it is ended."""
    client = _client(int(port))
    client.loop_start()
    message = json.dumps({"headers": {}, "padding": ""}).encode()
    message = message[:-2] + b"x" * (MESSAGE_BYTES - len(message)) + message[-2:]
    start_s, sent_n = time.monotonic(), 0

    def tell(signum: int, frame: FrameType | None) -> None:
        print(f"{sent_n / (time.monotonic() - start_s):.0f}", flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, tell)
    while True:
        while sent_n < (time.monotonic() - start_s) * float(rate_hz):
            client.publish(topic, message, 0)
            sent_n += 1
        time.sleep(LOAD_BATCH_S)


def tick(path: str, tick_ms: str) -> None:
    """A loop that does nothing but read a level in the time that a burst takes, twice, and tell it."""
    become_realtime()
    _quiet = Garbage()
    tick_s = float(tick_ms) / 1000.0
    cells = shared_cells(Path(path))
    seen_n, next_s = 0, time.monotonic()
    while True:
        next_s = max(next_s + tick_s, time.monotonic())
        time.sleep(max(0.0, next_s - time.monotonic()))
        time.sleep(BURST_S)
        level = cells[LEVEL]
        seen_n = seen_n + 1 if level != cells[SEEN] else 0
        if seen_n == CONFIRMING_BURSTS_N:
            cells[SEEN_AT_S] = time.monotonic()
            cells[SEEN] = level
            seen_n = 0


def watch(lines_path: str, told_path: str) -> None:
    """Tells in told_path when the levels in the world's line file change: [seconds, line, value] a line.

    The time is that of the last look that saw the old level, so that a reaction is rather told too long.
    """
    become_realtime()
    lines = Lines.attach(Path(lines_path))
    with Path(told_path).open("a", buffering=1) as told:
        old, looked_s = _levels(lines), time.monotonic()
        while True:
            time.sleep(LOOK_EVERY_S)
            now_s = time.monotonic()  # before the look
            new = _levels(lines)
            for line, value in new.items():
                if value != old[line]:
                    told.write(json.dumps([looked_s, line, value]) + "\n")
            old, looked_s = new, now_s


def _levels(lines: Lines) -> dict[str, str | bool]:
    return {"cp": _letter(lines.get("cp_pos_v")), "rcd": bool(lines.get("rcd_tripped"))}


def _letter(high_v: float) -> str:
    """IEC 61851-1 Table A.4, for an EV without a fault."""
    return next(letter for lowest_v, letter in ((10.5, "A"), (7.5, "B"), (-12.0, "C")) if high_v >= lowest_v)


def shared_cells(path: Path) -> "memoryview[float]":
    """CELLS_N doubles in a file that both sides map."""
    size = CELLS_N * 8
    with path.open("r+b") as file:
        file.truncate(size)
        return memoryview(mmap.mmap(file.fileno(), size)).cast("d")


PROGRAMS: dict[str, Callable[..., None]] = {"echo": echo, "load": load, "tick": tick, "watch": watch}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
