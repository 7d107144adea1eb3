"""A control that has just started has a reading before it is told what the store knows."""

import asyncio
from collections.abc import Awaitable, Callable

from evsed.api.session_info import SessionInfoProjector
from evsed.core.power_path import OPENING_S
from evsed.gateway import meter_side
from evsed.gateway.meter_side import MeterSide
from evsed.link import messages as m
from hal.types import MeterReading, Missing
from tests.gateway.snapshots import snapshot

READING = MeterReading(1.0, 1234.0)


class Told:
    """Whoever is told: control over the link, clients of the variables."""

    def __init__(self) -> None:
        self.order: list[object] = []

    def tell(self, message: m.MeterUpdate) -> None:
        self.order.append(message.reading)

    def on_meter(self, reading: MeterReading) -> None:
        pass

    def action(self, name: str) -> Callable[[], None]:
        return lambda: self.order.append(name)


def play(story: Callable[[MeterSide, Told], Awaitable[None]]) -> list[object]:
    async def whole() -> list[object]:
        told = Told()
        side = MeterSide(
            told,  # type: ignore[arg-type]
            SessionInfoProjector(),
            told,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            lambda name, value: None,
            lambda: None,
            told.action("read soon"),
            lambda priority, text, fields: None,
        )
        await story(side, told)
        return told.order

    return asyncio.run(whole())


def test_it_waits_for_the_first_reading() -> None:
    async def story(side: MeterSide, told: Told) -> None:
        side.once_read(told.action("restore"))
        assert told.order == []
        side.read(Missing("silent", 0.0))
        assert "restore" not in told.order
        side.read(READING)

    assert play(story)[1:] == [READING, "restore"]


def test_a_reading_that_is_known_goes_first_and_nothing_waits() -> None:
    async def story(side: MeterSide, told: Told) -> None:
        side.read(READING)
        side.once_read(told.action("restore"))

    assert play(story) == [READING, READING, "restore"]


def test_a_silent_meter_is_not_waited_for_for_ever() -> None:
    async def story(side: MeterSide, told: Told) -> None:
        side.once_read(told.action("restore"))
        await asyncio.sleep(meter_side.PATIENCE_S + 0.1)

    assert play(story) == ["restore"]


def test_of_two_controls_the_newer_is_served_once() -> None:
    async def story(side: MeterSide, told: Told) -> None:
        side.once_read(told.action("of a dead one"))
        side.once_read(told.action("restore"))
        side.read(READING)
        side.read(READING)

    assert play(story) == [READING, "restore", READING]


def test_when_power_ends_the_meter_is_read_once_as_soon_as_the_contacts_are_open() -> None:
    async def story(side: MeterSide, told: Told) -> None:
        for closed in (False, True, True, False, False):
            side.snapshot(snapshot(contactor_closed=closed))
        assert told.order == []
        await asyncio.sleep(OPENING_S + 0.05)

    assert play(story) == ["read soon"]
