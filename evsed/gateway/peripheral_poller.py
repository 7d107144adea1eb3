"""Reads thermometers and token reader on a thread of its own: an I2C read may take a tenth of a second."""

import asyncio
import threading
import time
from collections.abc import Callable

from evsed.service import INFO, WARNING, JournalLine
from hal.interfaces import Peripherals, Thermometer
from hal.types import Missing, Temperature

CARD_EVERY_S = 0.2
TEMPERATURES_EVERY_S = 2.0
AWAY_S = 1.0  # a card that was out of the field this long is presented anew


class CardField:
    """Readings of the field -> cards that somebody presents. Times are monotonic."""

    def __init__(self) -> None:
        self._uid: str | None = None
        self._away_since_s: float | None = None

    def seen(self, reading: str | Missing | None, now_s: float) -> str | None:
        """The card to be presented now. A reader that does not answer says neither yes nor no."""
        if isinstance(reading, Missing):
            return None
        if reading is None:
            self._note_absence(now_s)
            return None
        new, self._uid, self._away_since_s = reading != self._uid, reading, None
        return reading if new else None

    def _note_absence(self, now_s: float) -> None:
        if self._away_since_s is None:
            self._away_since_s = now_s
        elif now_s - self._away_since_s >= AWAY_S:
            self._uid = None


class Complaints:
    """One line when a device falls silent, one when it answers again."""

    def __init__(self, journal: JournalLine) -> None:
        self._journal = journal
        self._silent: set[str] = set()

    def note(self, device: str, reading: object) -> None:
        if isinstance(reading, Missing) and device not in self._silent:
            self._silent.add(device)
            self._journal(WARNING, f"{device}: {reading.reason}", {})
        elif not isinstance(reading, Missing) and device in self._silent:
            self._silent.remove(device)
            self._journal(INFO, f"{device}: answers again", {})


class PeripheralPoller:
    """Calls on the loop: card with the UID of each card presented, temperatures with all that answer."""

    def __init__(
        self,
        peripherals: Peripherals,
        card: Callable[[str], None],
        temperatures: Callable[[tuple[Temperature, ...]], None],
        journal: JournalLine,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._peripherals, self._card, self._temperatures = peripherals, card, temperatures
        self._complaints = Complaints(lambda *line: self._hand_over(journal, *line))
        self._field = CardField()
        self._temperatures_at_s = float("-inf")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peripherals", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a read that is under way: the thread ends with the process."""
        self._stopped.set()

    def turn(self, now_s: float) -> None:
        """One round of reading."""
        self._read_card(now_s)
        if now_s - self._temperatures_at_s >= TEMPERATURES_EVERY_S:
            self._temperatures_at_s = now_s
            self._read_temperatures()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.turn(time.monotonic())
            self._stopped.wait(CARD_EVERY_S)
        self._peripherals.close()

    def _read_card(self, now_s: float) -> None:
        if self._peripherals.token_reader is None:
            return
        reading = self._peripherals.token_reader.read()
        self._complaints.note("token reader", reading)
        uid = self._field.seen(reading, now_s)
        if uid is not None:
            self._hand_over(self._card, uid)

    def _read_temperatures(self) -> None:
        if self._peripherals.thermometers:
            found = [self._read(n, one) for n, one in enumerate(self._peripherals.thermometers, 1)]
            self._hand_over(self._temperatures, tuple(t for t in found if isinstance(t, Temperature)))

    def _read(self, number: int, thermometer: Thermometer) -> Temperature | Missing:
        reading = thermometer.read()
        self._complaints.note(f"thermometer {number}", reading)
        return reading

    def _hand_over(self, take: Callable[..., None], *arguments: object) -> None:
        if not self._stopped.is_set():
            self._loop.call_soon_threadsafe(take, *arguments)
