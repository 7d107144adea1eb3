"""What must not stop charging: disk, clock, MQTT, the meter's line; nor keep it from opening."""

import json
import os
import random
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.chain.chain_evse import ChainEvse, own_broker
from tests.chain.disk import Disk, mounted
from tests.chain.service_manager import DropIns
from tests.system.bench import eventually
from tests.system.evse_process import API, PLUG_AND_CHARGE

PAUSE = "pause;sleep 0.3;draw_power_regulated 16,3;sleep 600"
FLOOD_PER_S = 2000
DAY_S = 86_400.0


@contextmanager
def charging(
    *settings: str, drop_ins: DropIns | None = None, state_dir: Path | None = None
) -> Iterator[ChainEvse]:
    with own_broker() as broker, ChainEvse(broker, *settings, drop_ins=drop_ins, state_dir=state_dir) as evse:
        evse.expect("Enabled")
        evse.charge()
        yield evse


@contextmanager
def small_disk() -> Iterator[Disk]:
    parent = tempfile.TemporaryDirectory(prefix="evse-disk-", dir="/tmp")
    with parent as directory, mounted(Path(directory) / "state") as disk:
        yield disk


def pauses(evse: ChainEvse) -> None:
    """The EV pauses and resumes, and the contactor follows."""
    since_s = time.monotonic()
    evse.modify(PAUSE)
    opened = evse.until_line("mirror", False, since_s)
    evse.until_line("mirror", True, opened.t)


def a_full_disk() -> None:
    with small_disk() as disk, charging(state_dir=disk.path) as evse:
        disk.fill()
        pauses(evse)
        eventually(lambda: "store: database or disk is full" in evse.log, "the journal says so")
        since_s = time.monotonic()
        evse.modify("unplug")
        evse.until_line("cp", "A", since_s)
        eventually(lambda: "Finished -> Idle" in evse.log, "the EVSE is free again")
        nobody_charges_unstored(evse)
        disk.free()
        evse.expect("ChargingPausedEV", "ChargingResumed", "StoppingCharging", "ChargingFinished")
        evse.expect("TransactionFinished", "SessionFinished", "SessionStarted", "AuthRequired", "Authorized")
        evse.expect("TransactionStarted", "PrepareCharging", "ChargingStarted")
        eventually(lambda: [entry.value for entry in evse.line("mirror")][-1:] == [True], "now it may charge")


def nobody_charges_unstored(evse: ChainEvse) -> None:
    """A new transaction waits until its start is on disk."""
    since_s = time.monotonic()
    evse.modify(PLUG_AND_CHARGE)
    evse.until_line("lock", True, since_s)
    evse.authorize()
    eventually(
        lambda: "-> PrepareCharging (AUTHORIZED)" in evse.log.rpartition("EV_CONNECTED")[2], "authorized"
    )
    time.sleep(2.0)
    assert evse.line("contactor", since_s) == []


def a_read_only_disk() -> None:
    with small_disk() as disk, charging(state_dir=disk.path) as evse:
        evse.manager.gateway.pause()
        os.kill(evse.pid("gateway"), signal.SIGKILL)
        eventually(lambda: _read_only(disk), "nothing is open for writing any more")
        evse.manager.gateway.go_on()
        evse.until_ready()
        pauses(evse)
        eventually(lambda: "store: attempt to write a readonly database" in evse.log, "the journal says so")
        disk.make_writable()
        evse.expect("ChargingPausedEV", "ChargingResumed")
        evse.modify("unplug")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")


def _read_only(disk: Disk) -> bool:
    with suppress(AssertionError):
        disk.make_read_only()
        return True
    return False


def a_corrupt_store() -> None:
    with charging() as evse:
        evse.manager.gateway.pause()
        os.kill(evse.pid("gateway"), signal.SIGKILL)
        time.sleep(0.1)
        since_s = time.monotonic()
        for path in (
            evse.store_path,
            evse.store_path.with_name("evsed.sqlite-wal"),
        ):  # either mends the other
            path.write_bytes(b"this is no database " * 1000)
        evse.manager.gateway.go_on()
        eventually(lambda: "store: not readable, set aside as" in evse.log, "the journal says so")
        assert list(evse.store_path.parent.glob("evsed.sqlite.corrupt-*"))
        evse.until_ready()
        assert evse.line("contactor", since_s) == []
        evse.modify("unplug")
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")


def a_jumping_wall_clock() -> None:
    """The monotonic clock is left alone; the machine's own clock is not touched."""
    with tempfile.TemporaryDirectory(prefix="evse-time-", dir="/tmp") as directory:
        offset, shim = Path(directory) / "offset", Path(directory) / "wall_clock.so"
        move(offset, 0.0)
        source = Path(__file__).with_name("wall_clock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
        environment = f"RUNTIME_DIRECTORY=/run/evsed LD_PRELOAD={shim} EVSED_TEST_WALL_CLOCK={offset}"
        faked = {"Environment": environment}
        drop_ins = {"evsed.service": faked, "evsed-gateway.service": faked}
        with charging(drop_ins=drop_ins) as evse:
            since_s = time.monotonic()
            for ahead_s in (2 * DAY_S, -3 * DAY_S):
                move(offset, ahead_s)
                eventually(lambda ahead_s=ahead_s: _told_ahead(evse, ahead_s), "the wall clock has jumped")
                time.sleep(1.2)  # more than the watchdog
            assert evse.line("contactor", since_s) == []
            assert evse.manager.control.exits == []
            evse.modify("unplug")
            evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")


def move(offset: Path, ahead_s: float) -> None:
    """In one write: the processes have the file mapped."""
    with offset.open("r+b" if offset.exists() else "wb", buffering=0) as file:
        file.write(struct.pack("d", ahead_s))


def _told_ahead(evse: ChainEvse, ahead_s: float) -> bool:
    """What the gateway publishes carries the faked time."""
    told = evse.value("powermeter")["timestamp"]
    wall_s = time.mktime(time.strptime(told[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    return abs(wall_s - time.time() - ahead_s) < 3600.0


def noise_on_the_meters_line() -> None:
    """Bytes get lost and others come in; then the line is quiet again."""
    with charging("meter.poll_s=0.2") as evse:
        since_s, quiet = time.monotonic(), threading.Event()
        line = os.open(evse.run_dir / "meter", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        noise = threading.Thread(target=_disturb, args=(line, quiet))
        noise.start()
        eventually(lambda: "warning: meter:" in evse.log, "the meter cannot be read")
        time.sleep(1.0)
        quiet.set()
        noise.join()
        os.close(line)
        eventually(lambda: evse.log.rstrip().endswith("meter: answers again"), "the meter is read again")
        assert evse.line("contactor", since_s) == []
        evse.modify("unplug")
        *_, finished, _ = evse.expect(
            "StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished"
        )
        assert finished["transaction_finished"]["meter_value"]["energy_Wh_import"]["total"] > 0.0


def _disturb(line: int, quiet: threading.Event) -> None:
    chance = random.Random(7)
    while not quiet.wait(0.002):
        with suppress(BlockingIOError):
            os.read(line, chance.randint(1, 8))
        if chance.random() < 0.1:
            with suppress(BlockingIOError):
                os.write(line, chance.randbytes(chance.randint(1, 20)))


def a_flood_of_messages() -> None:
    with charging() as evse:
        port = int(next(s for s in evse._settings if s.startswith("mqtt.port=")).partition("=")[2])
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port)
        client.loop_start()
        over, since_s = threading.Event(), time.monotonic()
        flood = threading.Thread(target=_flood, args=(client, over))
        flood.start()
        time.sleep(2.0)
        assert evse.line("contactor", since_s) == []
        evse.modify("unplug")
        evse.until_line("mirror", False)
        over.set()
        flood.join()
        client.disconnect()
        client.loop_stop()
        evse.expect("StoppingCharging", "ChargingFinished", "TransactionFinished", "SessionFinished")
        left = next(entry for entry in evse.line("cp", since_s) if entry.value != "C")
        assert evse.line("contactor", left.t)[0].t - left.t < 1.0


def _flood(client: paho.Client, over: threading.Event) -> None:
    payload = json.dumps({"headers": {"replyTo": "evsed-test/flood"}})
    while not over.wait(0.01):
        for _ in range(FLOOD_PER_S // 100):
            client.publish(API + "m2e/get_evse", payload)


STORIES: dict[str, Callable[[], None]] = {
    "disk full": a_full_disk,
    "disk read-only": a_read_only_disk,
    "store corrupt": a_corrupt_store,
    "wall clock jumps": a_jumping_wall_clock,
    "noise on the meter's line": noise_on_the_meters_line,
    "MQTT flood": a_flood_of_messages,
}


def jobs(soak: bool) -> dict[str, Callable[[], None]]:
    return STORIES


@pytest.mark.parametrize("surroundings", STORIES)
def test_charging_goes_on_and_ends_as_the_ev_wants(surroundings: str, outcome: Callable[[str], None]) -> None:
    outcome(surroundings)
