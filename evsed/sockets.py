"""Where the sockets stand below the run directory."""

from pathlib import Path

from evsed.config import socket_path


def link_path(run_dir: Path) -> Path:
    """The gateway listens here, control connects."""
    return socket_path(run_dir, "link.sock")


def control_path(run_dir: Path) -> Path:
    """The gateway listens here, evsectl connects."""
    return socket_path(run_dir, "evsectl.sock")


def stop_path(run_dir: Path) -> Path:
    """evse-stop listens here: control tells it of its ticks as it tells the service manager."""
    return socket_path(run_dir, "stop.sock")


def world_path(run_dir: Path) -> Path:
    """evsed-sim listens here; a new evsed hands it its settings."""
    return socket_path(run_dir, "sim.sock")
