"""At rest the card is left alone: minutes 10 to 40 after the start, nobody plugged."""

import time

import pytest

from tests.image.conftest import Machine

pytestmark = [pytest.mark.image, pytest.mark.soak]

FROM_S, TO_S = 600.0, 2400.0
WRITTEN_MAX_BYTES = 500_000
SECTOR_BYTES = 512


def until(machine: Machine, uptime_s: float) -> None:
    while float(machine.guest.sh("cut -d' ' -f1 /proc/uptime")) < uptime_s:
        time.sleep(20.0)


def written_bytes(machine: Machine) -> int:
    """Since the start, by the block layer (Documentation/block/stat)."""
    return int(machine.guest.sh("awk '{print $7}' /sys/block/vda/stat")) * SECTOR_BYTES


def test_little_is_written_at_rest(machine: Machine) -> None:
    until(machine, FROM_S)
    before = written_bytes(machine)
    until(machine, TO_S)
    written = written_bytes(machine) - before
    print(f"{written} bytes written in {TO_S - FROM_S:.0f} s")
    assert written <= WRITTEN_MAX_BYTES
