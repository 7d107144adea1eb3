"""Where the sockets stand below the run directory."""

from pathlib import Path

from evsed.config import socket_path


def link_path(run_dir: Path) -> Path:
    """The gateway listens here, control connects."""
    return socket_path(run_dir, "link.sock")


def control_path(run_dir: Path) -> Path:
    """The gateway listens here, evsectl connects."""
    return socket_path(run_dir, "evsectl.sock")


def world_path(run_dir: Path) -> Path:
    """evsed-sim listens here; a new evsed hands it its settings."""
    return socket_path(run_dir, "sim.sock")
