"""What the meter's readings and its signed records bring about in the rest of the gateway."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from evsed.api.session_info import SessionInfoProjector
from evsed.core.commands import StopTransaction
from evsed.core.inputs import Snapshot
from evsed.core.power_path import OPENING_S
from evsed.core.states import StopReason
from evsed.gateway.control_link import ControlAway, ControlLink
from evsed.gateway.own_errors import METER_START, OwnErrors
from evsed.gateway.variables import Variables
from evsed.link import messages as m
from evsed.service import INFO, WARNING, JournalLine
from hal.types import MeterReading, Missing

PATIENCE_S = 3.0  # for the first reading after a start


class MeterSide:
    """signed_metering.Consequences, and who takes the readings. tell publishes a variable's value."""

    def __init__(
        self,
        link: ControlLink,
        live: SessionInfoProjector,
        variables: Variables,
        errors: OwnErrors,
        tell: Callable[[str, object], None],
        events_stored: Callable[[], None],
        read_soon: Callable[[], None],
        journal: JournalLine,
    ) -> None:
        self._link, self._live, self._variables, self._errors = link, live, variables, errors
        self._tell, self._events_stored, self._journal = tell, events_stored, journal
        self._read_soon = read_soon
        self._closed = False  # the contactor, as it was last told
        self._silent = False
        self._newest: MeterReading | None = None
        self._waiting: Callable[[], None] | None = None
        self._key = ""

    def once_read(self, action: Callable[[], None]) -> None:
        """For a control that has just started: it has a reading first, unless the meter gives none in time.

        Else what it closes or begins at once would have no energy. Of two actions that wait the newer counts.
        """
        if self._newest is not None:
            self._link.tell(m.MeterUpdate(self._newest))
            action()
            return
        if self._waiting is None:
            asyncio.get_running_loop().call_later(PATIENCE_S, self._go_on)
        self._waiting = action

    def _go_on(self) -> None:
        action, self._waiting = self._waiting, None
        if action is not None:
            action()

    def read(self, reading: MeterReading | Missing) -> None:
        self._link.tell(m.MeterUpdate(reading))
        if isinstance(reading, MeterReading):
            self._newest = reading
            self._go_on()
            self._live.on_meter(reading)
            self._variables.on_meter(reading)
        if self._silent is not isinstance(reading, Missing):
            self._silent = isinstance(reading, Missing)
            priority, text = (
                (WARNING, reading.reason) if isinstance(reading, Missing) else (INFO, "answers again")
            )
            self._journal(priority, f"meter: {text}", {})

    def snapshot(self, now: Snapshot) -> None:
        """Power has ended: core waits for a reading that has all of it; others may be a minute apart."""
        if self._closed and not now.contactor_closed:
            asyncio.get_running_loop().call_later(OPENING_S, self._read_soon)
        self._closed = now.contactor_closed

    def tell_key(self) -> None:
        """To a broker that may have forgotten it."""
        if self._key:
            self._tell("powermeter_public_key_ocmf", self._key)

    def key_read(self, key: str) -> None:
        self._key = key
        self.tell_key()

    def part_stored(self) -> None:
        self._events_stored()

    async def refuse(self, why: str) -> None:
        self._errors.raise_(METER_START, f"{METER_START.raised}: {why}")
        with suppress(ControlAway):  # the next control closes what this one has left over
            await self._link.ask(StopTransaction(StopReason.OTHER))

    def session_over(self) -> None:
        self._errors.clear(METER_START)
