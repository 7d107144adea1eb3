"""evsed-gateway: the composition root of the gateway process."""

import argparse
import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evsed.clock import SystemClock, utc_synchronised
from evsed.config import (
    ConfigError,
    PathError,
    add_arguments,
    ensure_dir,
    from_arguments,
    runtime_dir,
    state_dir,
)
from evsed.config.schema import Config
from evsed.gateway.app import Gateway
from evsed.gateway.local import LocalServer
from evsed.gateway.local_service import GatewayService
from evsed.gateway.meter_poller import MeterPoller, SignedRecords
from evsed.gateway.meter_search import MeterSearch
from evsed.gateway.peripheral_poller import PeripheralPoller
from evsed.gateway.reloading import Reloading
from evsed.gateway.store import Store
from evsed.link.channel import listen
from evsed.mqtt_config import mqtt_settings
from evsed.parent import die_with_parent
from evsed.service import ERROR, JournalLine, Notifier, inherited_socket, open_journal
from evsed.sockets import control_path, link_path
from hal.board_model import MeterLine
from hal.boards import meter_line, open_peripherals
from hal.drivers.meter_signed import RecordMeter, SnapshotMeter, WallTime, open_meter, system_wall_time
from hal.errors import HalError
from hal.interfaces import Meter, SignedMeter
from hal.meter_model import load_meter_model

CONTROL_LIMIT_S = 12.0  # a planned stop of control: 8.5 s for EV and meter, 3 s for the store
BROKER_LIMIT_S = 1.0
WATCHDOG_EVERY_S = 2.0  # of the 10 s that unit and launcher allow


def main() -> int:
    parser = argparse.ArgumentParser(prog="evsed-gateway", description="Gateway process of evsed.")
    add_arguments(parser)
    try:
        args = parser.parse_args()
        config = from_arguments(args).config
        run_dir = ensure_dir(runtime_dir(os.environ, os.getuid()))
        store_dir = ensure_dir(state_dir(os.environ, os.getuid()))
        return asyncio.run(_serve(config, lambda: from_arguments(args).config, run_dir, store_dir))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (HalError, PathError, sqlite3.Error) as error:
        print(f"evsed-gateway: {error}", file=sys.stderr)
        return 1


async def _serve(config: Config, load: Callable[[], Config], run_dir: Path, store_dir: Path) -> int:
    die_with_parent(signal.SIGTERM)
    journal = open_journal("gateway")
    stop = _stop_event(journal)
    meter = _open_meter(config, run_dir)
    poller = MeterPoller(meter, config.meter.poll_s)
    gateway = Gateway(
        config,
        _open_store(store_dir, journal),
        _listening(run_dir),
        mqtt_settings(config, _client_id(config)),
        journal,
        SignedRecords(poller, meter) if isinstance(meter, SnapshotMeter | RecordMeter) else None,
        poller.read_soon,
    )
    search = MeterSearch(config.meter, _meter_line(config, run_dir), poller, meter, SystemClock())
    devices = open_peripherals(config.board.name, run_dir)
    reloading = Reloading(config, load, gateway.ask, stop.set, journal)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloading.begin)
    service = GatewayService(config, gateway, search, reloading, devices.eeprom)
    local = LocalServer(control_path(run_dir), service)
    await local.start()
    peripherals = PeripheralPoller(
        devices,
        gateway.cards.presented,
        gateway.temperatures_read,
        journal,
    )
    gateway.start()
    poller.start(gateway.meter_read)
    peripherals.start()
    feeding = asyncio.create_task(_feed_watchdog(Notifier()))
    await stop.wait()
    if not reloading.taken:
        await gateway.finish(CONTROL_LIMIT_S, BROKER_LIMIT_S)
    poller.stop()
    peripherals.stop()
    await gateway.close()
    poller.close()
    await local.stop()
    feeding.cancel()
    return 0


async def _feed_watchdog(notifier: Notifier) -> None:
    """From the event loop: a gateway whose loop hangs is restarted."""
    notifier.notify("READY=1")
    while True:
        notifier.notify("WATCHDOG=1")
        await asyncio.sleep(WATCHDOG_EVERY_S)


def _client_id(config: Config) -> str:
    return f"evsed-{config.api.module_id}-{os.getpid()}"


def _listening(run_dir: Path) -> socket.socket:
    """From the service manager, or our own when started by hand."""
    sock = inherited_socket()
    if sock is None:
        path = link_path(run_dir)
        path.unlink(missing_ok=True)
        sock = listen(str(path))
    return sock


def _open_store(store_dir: Path, journal: JournalLine) -> Store:
    store = Store(store_dir / "evsed.sqlite")
    if store.set_aside:
        journal(ERROR, f"store: not readable, set aside as {store.set_aside}; starting with an empty one", {})
    return store


def _open_meter(config: Config, run_dir: Path) -> Meter | SignedMeter:
    model = load_meter_model(config.meter.model)
    device_id, baudrate = config.meter.device_id or None, config.meter.baudrate or None
    line = _meter_line(config, run_dir)
    return open_meter(model, line.port, _wall, device_id, baudrate, line.rs485)


def _meter_line(config: Config, run_dir: Path) -> MeterLine:
    """The configured port, or where the board has its meter."""
    return MeterLine(config.meter.port) if config.meter.port else meter_line(config.board.name, run_dir)


def _wall() -> WallTime | None:
    return system_wall_time() if utc_synchronised() else None


def _stop_event(journal: JournalLine) -> asyncio.Event:
    """Set by SIGTERM and SIGINT. An exception that nobody took ends the process: it is started afresh."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)

    def fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        journal(ERROR, f"gateway: internal error, restarting: {context.get('message')}", {})
        os._exit(1)

    loop.set_exception_handler(fail)
    return stop


if __name__ == "__main__":
    sys.exit(main())
