"""The simulated board's EEPROM: bytes behind the lines of the world.

Rule: it lives as long as its world, whoever drives the board.
"""

from collections.abc import Callable

from hal.board_record import BoardRecords
from hal.types import BoardRecord

NAME = "EEPROM of the simulated board"
SIZE_BYTES = 256
PAGE_BYTES = 8
FACTORY = BoardRecord("SIM-0001")  # not calibrated: its parts are exact


class ByteMemory:
    """hal.board_record.Memory."""

    def __init__(self, cells: Callable[[], memoryview]) -> None:
        """cells is asked each time, and raises HalError while there is no world."""
        self._cells = cells

    def __str__(self) -> str:
        return NAME

    @property
    def size_bytes(self) -> int:
        return SIZE_BYTES

    def read(self, at: int, count_n: int) -> bytes:
        return bytes(self._cells()[at : at + count_n])

    def write(self, at: int, data: bytes) -> None:
        """Page by page, as a real one: whoever dies in between leaves a half-written copy."""
        cells = self._cells()
        for offset in range(0, len(data), PAGE_BYTES):
            page = data[offset : offset + PAGE_BYTES]
            cells[at + offset : at + offset + len(page)] = page

    def close(self) -> None:
        """The world has the memory."""


def sim_eeprom(cells: Callable[[], memoryview]) -> BoardRecords:
    return BoardRecords(ByteMemory(cells))


def factory_image() -> bytes:
    """As the board leaves its imaginary factory."""
    image = bytearray(b"\xff" * SIZE_BYTES)
    sim_eeprom(lambda: memoryview(image)).write(FACTORY)
    return bytes(image)
